"""What the networks are measured on: who takes part in a case, and who could not."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Side:
    """One network of a case.

    Args:
        name: of the row.
        ours: whether it is our network or a peer's.
        make: a module in float32 and train mode, and the inputs of its forward; the target has its output's shape.
    """

    name: str
    ours: bool
    make: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]


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
