"""The problem's own solver on a coarser grid, as a baseline of reports."""

from tendency.evaluation.baselines.baseline import Baseline, TrainingPairs
from tendency.evaluation.metrics.context import Subject
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.simulator import Simulator
from tendency.surrogates.predictions.coarse_solver import COARSE_SOLVER, CoarseSolver


class CoarseSolverBaseline(Baseline):
    """The problem's own solver on a coarser grid, with its own time step.

    Args:
        coarsening: how many times fewer points its grid has on each axis.
    """

    title = COARSE_SOLVER

    def __init__(self, coarsening: PositiveInt = 2) -> None:
        self.coarsening = coarsening

    def reason_against(self, subject: Subject) -> str | None:
        """No solver where the snapshots lie, or a grid that cannot be thinned."""
        if subject.solver is None:
            return "no reference solver is known, or none works where the snapshots lie"
        try:
            CoarseSolver(subject.solver, self.coarsening).shape(subject.geometry)
        except ValueError as error:
            return str(error)
        return None

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The coarse solver."""
        if subject.solver is None:
            raise ValueError("no reference solver is known, or none works where the snapshots lie")
        return CoarseSolver(subject.solver, self.coarsening)
