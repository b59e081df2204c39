"""The network predicts the time derivative, and an integrator steps it."""

from collections.abc import Sequence

from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.integrators.integrator import Integrator
from tendency.surrogates.network import Network
from tendency.surrogates.predictions.differences import Difference
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.predictions.prediction import Prediction, TimeCondition


class DerivativePrediction(Prediction):
    """The output is u_t, stepped by an integrator.

    No following snapshot is needed, so that the last one of a trajectory is trained as well. It has no bundle: a
    derivative belongs to one moment, and what an integrator makes of several is an increment.

    Args:
        difference: how labels are made.
        integrator: how u_t is stepped; changed freely after training.
        history: K, the number of snapshots that the network sees.
        conditioned_on: ``t`` where the equation depends on time; a derivative has no dt.

    Raises:
        ValueError: a history with an integrator that evaluates inside the step, where no past snapshots exist, or a
            derivative that is told dt.
    """

    def __init__(
        self,
        difference: Difference,
        integrator: Integrator,
        history: PositiveInt = 1,
        conditioned_on: Sequence[TimeCondition] = (),
    ) -> None:
        super().__init__(history, conditioned_on)
        if history > 1 and integrator.evaluates_inside:
            raise ValueError(
                f"prediction.history: {type(integrator).__name__} evaluates the network inside the step, where there "
                f"are no past snapshots; expected history=1 or a multistep integrator, got history={history}"
            )
        if "dt" in self.conditioned_on:
            raise ValueError("prediction.conditioned_on: a time derivative does not depend on dt; leave dt out")
        self.difference, self.integrator = difference, integrator
        self.stencil, self.network_calls = difference.stencil, integrator.stages
        self.reads_u_t = difference.reads_u_t

    @property
    def offsets(self) -> tuple[int, ...]:
        """The history alone."""
        return tuple(range(1 - self.history, 1))

    def stepped_by(self, integrator: Integrator) -> "DerivativePrediction":
        """The same meaning of the output, stepped by another integrator."""
        return DerivativePrediction(self.difference, integrator, self.history, self.conditioned_on)

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The difference of the stored snapshots."""
        return self.difference(window)

    def route(self, t: Tensor, times: Tensor, memory: Tree, learned: LearnedSteps | None) -> list[Tensor]:
        """One step of the integrator to each time, whatever was learned, where the network sees one snapshot.

        A derivative belongs to no step. How long a step may be for the integrator's accuracy and stability is not
        known beforehand: ``SurrogateStepper.predict`` puts steps of at most the learned length between the times.
        """
        return super().route(t, times, memory, None if self.history == 1 else learned)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The past snapshots and the integrator's memory."""
        return super().start(u, t, conditions, seed) | {"integrator": self.integrator.start(u[:, -1])}

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """One step of the integrator."""

        def slope(v: Tensor, s: Tensor) -> Tensor:
            return self.output(network, v, s, dt, conditions, memory)

        u_next, integrator = self.integrator.advance(slope, u, t, dt, memory["integrator"])
        return u_next, memory | {"past": self.slide(u, memory), "integrator": integrator}
