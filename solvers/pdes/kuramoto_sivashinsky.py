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

    def nonlinear_term(self, u_hat: Tensor, k: list[Tensor], t: Tensor, conditions: Conditions) -> Tensor:
        """-(u^2 / 2)_x, dealiased."""
        shape = conditions.geometry.shape
        keep = two_thirds_mask(shape, u_hat.device)
        u = inverse_transform(u_hat * keep, shape)
        return -0.5j * odd(k[0], 0, shape) * keep * transform(u.square(), 1)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean."""
        return {"mean": u.mean((1, 2))}
