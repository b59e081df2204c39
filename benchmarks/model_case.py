"""What the networks are measured on: who takes part in a case, and who could not."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Make = Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]
"""Makes a network and its inputs."""


@dataclass(frozen=True)
class Side:
    """One network of a case.

    Args:
        name: of the row.
        ours: whether it is our network or a peer's.
        make: a module in float32 and train mode, and the inputs of its forward; the target has its output's shape.
        compiles: whether ``torch.compile`` comes before it.
    """

    name: str
    ours: bool
    make: Make
    compiles: bool = False

    def compiled(self) -> "Side":
        """The same network through torch.compile, which its first runs do."""

        def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
            network, inputs = self.make()
            with torch.no_grad():
                # Message passing makes its tables at the first call.
                network(*inputs)
            return torch.compile(network), inputs

        return dataclasses.replace(self, name=f"{self.name}, compiled", make=make, compiles=True)


@dataclass(frozen=True)
class ModelCase:
    """The same work for several networks.

    Args:
        name: as ``--cases`` has it.
        sides: in the order of the table, with ours among them.
        missing: peer to the reason why it is not measured.
    """

    name: str
    sides: list[Side]
    missing: dict[str, str]
