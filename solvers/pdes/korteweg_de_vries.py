"""The Korteweg-de Vries equation: solitons."""

from torch import Tensor

from tendency.simulation.annotations import FiniteFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.spectral import dealiasing_mask


class KortewegDeVries(SemilinearPDE):
    """u_t + a u u_x + u_xxx = 0 in 1D.

    Args:
        steepening: a; 6 in mathematics, 1 in the data of arXiv:2202.07643.
    """

    name = "korteweg_de_vries"
    title = "Korteweg-de Vries"
    fields = (Field("u"),)
    spatial_dims = (1,)

    def __init__(self, steepening: FiniteFloat = 6.0) -> None:
        self.steepening = steepening
        factor = "" if steepening == 1 else f"{steepening:g} "
        self.formula = rf"\partial_t u + {factor}u \, \partial_x u + \partial_x^3 u = 0"

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """i k^3: imaginary, so the coefficients of the scheme are complex."""
        return 1j * without_nyquist(k[0], 0, conditions.geometry.shape) ** 3

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """-i a k / 2 on the modes that are kept."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        return {"keep": keep, "half_gradient": -0.5j * self.steepening * without_nyquist(k[0], 0, shape) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-a (u^2 / 2)_x, dealiased."""
        u = inverse_transform(u_hat * operators["keep"], conditions.geometry.shape)
        return operators["half_gradient"] * transform(u.square(), 1)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mass."""
        return {"mass": u}
