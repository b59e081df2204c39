"""The Kuramoto-Sivashinsky equation: the simplest chaotic PDE."""

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import dealiasing_mask, per_mode


class KuramotoSivashinsky(SemilinearPDE):
    """u_t + u u_x + u_xx + nu u_xxxx = 0 in 1D.

    Args:
        viscosity: name of the parameter nu; it is 1 when left out.

    References:
        Kassam, Trefethen: Fourth-order time-stepping for stiff PDEs. SIAM J. Sci. Comput. 26 (2005),
        doi:10.1137/S1064827502410633, section 5.
        Lippe et al.: PDE-Refiner. arXiv:2308.05732 (with nu).
    """

    name = "kuramoto_sivashinsky"
    title = "Kuramoto-Sivashinsky"
    fields = (Field("u"),)
    spatial_dims = (1,)

    def __init__(self, viscosity: str | None = None) -> None:
        self.viscosity = viscosity
        nu = "" if viscosity is None else r"\nu \, "
        self.formula = rf"\partial_t u + u \, \partial_x u + \partial_x^2 u + {nu}\partial_x^4 u = 0"
        self.parameter_names = () if viscosity is None else (viscosity,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """k^2 - nu k^4: long waves grow, short ones decay."""
        squares = k[0].square()
        if self.viscosity is None:
            return squares - squares.square()
        return squares - per_mode(conditions.parameter(self.viscosity), k) * squares.square()

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The dealiasing mask and -ik/2 on the modes that it keeps."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        return {"keep": keep, "half_gradient": -0.5j * without_nyquist(k[0], 0, shape) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-(u^2 / 2)_x, dealiased."""
        u = inverse_transform(u_hat * operators["keep"], conditions.geometry.shape)
        return transform(u.square(), 1).mul_(operators["half_gradient"])

    def check(self, conditions: Conditions) -> None:
        """Without viscosity the shortest waves grow fastest."""
        if self.viscosity is not None:
            require_positive(conditions, self.viscosity)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean."""
        return {"mean": u}
