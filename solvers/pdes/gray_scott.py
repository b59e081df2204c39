"""The Gray-Scott equations: two substances whose reaction and diffusion make spots and stripes."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import concatenated, dealiasing_mask, per_mode, squared_norm


class GrayScott(SemilinearPDE):
    """a_t = D_a Laplace(a) - a b^2 + f (1 - a), b_t = D_b Laplace(b) + a b^2 - (f + k) b.

    D_a and D_b are ``diffusivity_a`` and ``diffusivity_b``, f is ``feed``, k is ``kill``.

    References:
        Pearson: Complex Patterns in a Simple System. Science 261 (1993), doi:10.1126/science.261.5118.189.
    """

    name = "gray_scott"
    title = "Gray-Scott"
    formula = r"\partial_t a = D_a \nabla^2 a - a b^2 + f (1 - a) \\ \partial_t b = D_b \nabla^2 b + a b^2 - (f + k) b"
    fields = (Field("a"), Field("b"))
    parameter_names = ("diffusivity_a", "diffusivity_b", "feed", "kill")
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-D_a |k|^2 - f and -D_b |k|^2 - f - k."""
        squares = squared_norm(k)
        d_a, d_b, feed, kill = (per_mode(conditions.parameter(name), k) for name in self.parameter_names)
        return torch.cat(torch.broadcast_tensors(-d_a * squares - feed, -d_b * squares - feed - kill), 1)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept, and the source f of a in the mean."""
        shape = conditions.geometry.shape
        feed = conditions.parameter("feed")
        source = feed.reshape(-1, 1, *[1] * len(shape)).expand(-1, 1, *shape)
        return {"keep": dealiasing_mask(shape, 3, k[0].device), "source": transform(source, len(shape))}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """f - a b^2 and a b^2, dealiased."""
        shape, keep = conditions.geometry.shape, operators["keep"]
        a, b = inverse_transform(u_hat * keep, shape).unbind(1)
        reaction = keep * transform((a * b.square())[:, None], len(shape))
        return concatenated([operators["source"] - reaction, reaction])

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity_a")
        require_positive(conditions, "diffusivity_b")
