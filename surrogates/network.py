"""A surrogate bound to its units and coordinates: what a prediction calls."""

from torch import Tensor

from simulation.conditions import Conditions
from simulation.tree import per_sample
from surrogates.normalizer import Normalizer
from surrogates.surrogate import Surrogate


class Network:
    """One surrogate in the circumstances of one batch.

    Args:
        surrogate: the network, which speaks network units.
        normalizer: between those and physical units.
        conditions: of the B trajectories; their coordinates are made once.
    """

    def __init__(self, surrogate: Surrogate, normalizer: Normalizer, conditions: Conditions) -> None:
        self.surrogate, self.normalizer = surrogate, normalizer
        self.x = conditions.geometry.coordinates(conditions.extent)

    def raw(self, u: Tensor, c: Tensor) -> Tensor:
        """The output (B, C_out, *N) in network units for u (B, K C, *N) and c (B, num_conditions) in physical units."""
        encoded = self.normalizer.fields.encode(u)
        conditions = self.normalizer.conditions.encode(c.double()).to(u.dtype)
        return self.surrogate(encoded, conditions, self.x.to(u.dtype))

    def __call__(self, u: Tensor, c: Tensor, scale: Tensor) -> Tensor:
        """The output (B, C_out, *N) in physical units; scale (B,) is ``Prediction.scale(dt)``."""
        y = self.normalizer.outputs.decode(self.raw(u, c))
        return y * per_sample(scale, y)

    def encode_output(self, y: Tensor, scale: Tensor) -> Tensor:
        """A label (B, C_out, *N) in network units."""
        return self.normalizer.outputs.encode(y / per_sample(scale, y))
