"""Linear extrapolation of the last two snapshots."""

from torch import Tensor

from tendency.evaluation.baselines.baseline import Baseline, TrainingPairs
from tendency.evaluation.metrics.context import Subject
from tendency.simulation.conditions import Conditions
from tendency.simulation.simulator import Simulator
from tendency.simulation.tree import Tree, per_sample


class LinearExtrapolation(Baseline):
    """The change of the last known step continues: u(t + dt) = u(t) + dt (u₀ − u₋₁) / (t₀ − t₋₁).

    A Simulator without parameters. The slope stays that of the two snapshots of the start: in a report of surrogates
    that see one snapshot it starts one snapshot after them.
    """

    title = "linear extrapolation"
    history = 2

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The baseline itself, which is a simulator."""
        return self

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The slope (B, C, *N) between the two snapshots u (B, 2, C, *N) at t (B, 2)."""
        change = u[:, 1] - u[:, 0]
        return {"slope": change / per_sample(t[:, 1] - t[:, 0], change)}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The state u (B, C, *N) and what the slope adds to it in dt (B,)."""
        return u + per_sample(dt, u) * memory["slope"], memory
