"""Several steps of another integrator inside one."""

from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.tree import Tree
from tendency.surrogates.integrators.integrator import Integrator, Slope


class Substeps(Integrator):
    """Steps of Δt / k, so that a model may be asked for times that are too far apart for one step of its integrator.

    Args:
        integrator: what takes the steps.
        number: k.
    """

    def __init__(self, integrator: Integrator, number: PositiveInt) -> None:
        if number < 1:
            raise ValueError(f"prediction.integrator.number: expected at least 1, got {number}")
        self.integrator, self.number = integrator, number
        self.order = integrator.order
        self.stages = None if integrator.stages is None else number * integrator.stages
        self.evaluates_inside = number > 1 or integrator.evaluates_inside

    def start(self, u: Tensor) -> Tree:
        """The memory of the integrator."""
        return self.integrator.start(u)

    def advance(self, slope: Slope, u: Tensor, t: Tensor, dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
        """k steps."""
        h = dt / self.number
        for step in range(self.number):
            u, memory = self.integrator.advance(slope, u, t + step * h, h, memory)
        return u, memory
