"""Persistence: the state stays as it is."""

from torch import Tensor

from tendency.evaluation.baselines.baseline import Baseline, TrainingPairs
from tendency.evaluation.metrics.context import Subject
from tendency.simulation.conditions import Conditions
from tendency.simulation.simulator import Simulator
from tendency.simulation.tree import Tree


class Persistence(Baseline):
    """The state stays what it was at the start. A Simulator without parameters."""

    title = "persistence"
    history = 1

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The baseline itself, which is a simulator."""
        return self

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """An empty memory."""
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The same state u (B, C, *N), a time dt (B,) later."""
        return u, memory
