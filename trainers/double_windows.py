"""Training in double precision."""

from lightning.pytorch.plugins.precision import DoublePrecision
from torch import Tensor

from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window


class DoubleWindows(DoublePrecision):
    """Float64 throughout; Lightning's own plugin refuses batches that are frozen dataclasses."""

    def convert_input(self, data: Window) -> Window:
        """The window with its floating-point tensors in float64."""
        return map_tensors(_double, data)


def _double(x: Tensor) -> Tensor:
    return x.double() if x.is_floating_point() else x
