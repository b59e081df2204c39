"""The Swift-Hohenberg equation: stripes and spots."""

from torch import Tensor

from tendency.simulation.annotations import FiniteFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.spectral import dealiasing_mask, per_mode, squared_norm


class SwiftHohenberg(SemilinearPDE):
    """u_t = r u - (1 + Laplace)^2 u + g u^2 - u^3; r is ``reactivity``.

    Args:
        quadratic: g; stripes at 0, spots at about 1.

    References:
        Swift, Hohenberg: Hydrodynamic fluctuations at the convective instability. Phys. Rev. A 15 (1977).
    """

    name = "swift_hohenberg"
    title = "Swift-Hohenberg"
    fields = (Field("u"),)
    parameter_names = ("reactivity",)
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def __init__(self, quadratic: FiniteFloat = 0.0) -> None:
        self.quadratic = quadratic
        square = f" + {quadratic:g} u^2" if quadratic else ""
        self.formula = rf"\partial_t u = r u - (1 + \nabla^2)^2 u{square} - u^3"

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """r - (1 - |k|^2)^2."""
        return per_mode(conditions.parameter("reactivity"), k) - (1 - squared_norm(k)).square()

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept."""
        return {"keep": dealiasing_mask(conditions.geometry.shape, 3, k[0].device)}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """g u^2 - u^3, dealiased."""
        shape, keep = conditions.geometry.shape, operators["keep"]
        u = inverse_transform(u_hat * keep, shape)
        return keep * transform(u.square() * (self.quadratic - u), len(shape))
