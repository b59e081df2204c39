"""Burgers' equation of a velocity: fronts that steepen and diffuse in two and three dimensions."""

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import dealiasing_mask, per_mode, squared_norm


class VectorBurgers(SemilinearPDE):
    """u_t + (u . grad) u = nu Laplace(u) for a velocity u in 2D or 3D; nu is ``viscosity``."""

    name = "burgers_vector"
    title = "Burgers"
    formula = r"\partial_t \mathbf{u} + (\mathbf{u} \cdot \nabla) \mathbf{u} = \nu \nabla^2 \mathbf{u}"
    fields = (Field("velocity", rank=1),)
    parameter_names = ("viscosity",)
    spatial_dims = (2, 3)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2."""
        return -per_mode(conditions.parameter("viscosity"), k) * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The gradient along each axis, of the modes that are kept."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        gradients = {f"gradient_{a}": 1j * without_nyquist(axis, a, shape) * keep for a, axis in enumerate(k)}
        return {"keep": keep, **gradients}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-(u . grad) u, dealiased."""
        shape = conditions.geometry.shape
        u = inverse_transform(u_hat * operators["keep"], shape)
        term = u.new_zeros(())
        for axis in range(len(shape)):
            term = term - u[:, axis : axis + 1] * inverse_transform(operators[f"gradient_{axis}"] * u_hat, shape)
        return operators["keep"] * transform(term, len(shape))

    def check(self, conditions: Conditions) -> None:
        """Without viscosity there are shocks, which no spectral scheme resolves."""
        require_positive(conditions, "viscosity")
