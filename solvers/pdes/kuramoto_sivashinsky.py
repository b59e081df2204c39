"""The Kuramoto-Sivashinsky equation: the simplest chaotic PDE."""

from torch import Tensor

from simulation.conditions import Conditions
from simulation.fields import Field
from solvers.equations import SemilinearPDE
from solvers.spectral import inverse_transform, odd, transform, two_thirds_mask


class KuramotoSivashinsky(SemilinearPDE):
    """u_t + u u_x + u_xx + u_xxxx = 0 in 1D.

    References:
        Kassam, Trefethen: Fourth-order time-stepping for stiff PDEs. SIAM J. Sci. Comput. 26 (2005), section 5.
    """

    name = "kuramoto_sivashinsky"
    fields = (Field("u"),)
    spatial_dims = (1,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """k^2 - k^4: long waves grow, short ones decay."""
        return k[0].square() - k[0] ** 4

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The dealiasing mask and -ik/2 on the modes that it keeps."""
        shape = conditions.geometry.shape
        keep = two_thirds_mask(shape, k[0].device)
        return {"keep": keep, "half_gradient": -0.5j * odd(k[0], 0, shape) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-(u^2 / 2)_x, dealiased."""
        u = inverse_transform(u_hat * operators["keep"], conditions.geometry.shape)
        return operators["half_gradient"] * transform(u.square(), 1)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean."""
        return {"mean": u.mean((1, 2))}
