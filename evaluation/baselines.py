"""What a model must beat before it is worth anything."""

from torch import Tensor

from simulation.conditions import Conditions
from simulation.tree import Tree


class Persistence:
    """Nothing changes: the state stays what it was at the start. A Simulator without parameters."""

    history = 1

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """Nothing to remember."""
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The same state u (B, C, *N), a time dt (B,) later."""
        return u, memory
