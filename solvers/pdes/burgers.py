"""Burgers' equation of a scalar: waves that steepen into shocks and diffuse."""

from collections.abc import Sequence

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import dealiasing_mask, per_mode, squared_norm


class Burgers(SemilinearPDE):
    """u_t + c . grad(u^2 / 2) = nu Laplace(u) for a scalar u in 1D to 3D; nu is ``viscosity``.

    Args:
        speeds: names of the parameters c_x, c_y, c_z; all 1 when left out, which in 1D is u_t + u u_x = nu u_xx.

    References:
        Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074, the data set Burgers2D. Both components
        of its system start equal and obey the same equation, so that one of them is the whole.
    """

    name = "burgers"
    title = "Burgers"
    fields = (Field("u"),)
    spatial_dims = (1, 2, 3)

    def __init__(self, speeds: Sequence[str] = ()) -> None:
        self.speeds = tuple(speeds)
        speed = r"\mathbf{c} \cdot \nabla" if speeds else r"\sum_i \partial_i"
        self.formula = rf"\partial_t u + {speed} \frac{{u^2}}{{2}} = \nu \nabla^2 u"
        self.parameter_names = ("viscosity", *self.speeds)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2."""
        return -per_mode(conditions.parameter("viscosity"), k) * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """-i c.k / 2 on the modes that are kept."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        along = [without_nyquist(axis, a, shape) for a, axis in enumerate(k)]
        if self.speeds:
            speeds = [per_mode(conditions.parameter(name), k) for name in self.speeds]
            along = [speed * axis for speed, axis in zip(speeds, along, strict=True)]
        return {"keep": keep, "half_gradient": -0.5j * sum(along[1:], along[0]) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-c.grad(u^2 / 2), dealiased."""
        shape = conditions.geometry.shape
        u = inverse_transform(u_hat * operators["keep"], shape)
        return operators["half_gradient"] * transform(u.square(), len(shape))

    def check(self, conditions: Conditions) -> None:
        """One speed for each axis; and without viscosity there are shocks, which no spectral scheme resolves."""
        dims = conditions.geometry.spatial_dims
        if self.speeds and len(self.speeds) != dims:
            raise ValueError(
                f"pde.simulator.equation.speeds: expected one for each of {dims} axes, got {list(self.speeds)}"
            )
        require_positive(conditions, "viscosity")

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean."""
        return {"mean": u}
