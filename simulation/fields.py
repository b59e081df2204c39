"""The physical fields that a state is made of."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One physical field.

    Args:
        name: e.g. ``vorticity``.
        rank: 0 for a scalar, 1 for a vector, 2 for a tensor; a field has D**rank channels.
        unit: physical unit, or "1" where the equation is dimensionless.
    """

    name: str
    rank: int = 0
    unit: str = "1"

    def channels(self, spatial_dims: int) -> int:
        """Number of channels in D = ``spatial_dims`` dimensions."""
        return spatial_dims**self.rank


def channel_names(fields: Sequence[Field], spatial_dims: int) -> tuple[str, ...]:
    """One name for each channel: ``vorticity``, or ``velocity_x``, ``velocity_y`` for the components of a vector."""
    axes = "xyz"[:spatial_dims]
    names = []
    for field in fields:
        components = [""]
        for _ in range(field.rank):
            components = [component + axis for component in components for axis in axes]
        names += [f"{field.name}_{component}" if component else field.name for component in components]
    return tuple(names)
