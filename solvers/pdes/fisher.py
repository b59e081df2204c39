"""Fisher's equation (Fisher-KPP): a population that grows, saturates and diffuses."""

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import dealiasing_mask, per_mode, squared_norm

UNDERSHOOT = 0.05
"""Share of the largest value by which a state may lie below zero and still be one of the equation."""


class Fisher(SemilinearPDE):
    """u_t = nu Laplace(u) + rho u (1 - u); nu is ``diffusivity``, rho is ``growth``, and u a population: u >= 0.

    Below zero u falls without bound, and no solution goes on.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182 (the 1D diffusion-reaction equation).
    """

    name = "fisher"
    title = "Fisher-KPP"
    formula = r"\partial_t u = \nu \nabla^2 u + \rho u (1 - u)"
    fields = (Field("u"),)
    parameter_names = ("diffusivity", "growth")
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """rho - nu |k|^2."""
        diffusivity, growth = (per_mode(conditions.parameter(name), k) for name in self.parameter_names)
        return growth - diffusivity * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept, and of them -rho."""
        keep = dealiasing_mask(conditions.geometry.shape, 2, k[0].device)
        return {"keep": keep, "decay": -per_mode(conditions.parameter("growth"), k) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-rho u^2, dealiased."""
        shape = conditions.geometry.shape
        u = inverse_transform(u_hat * operators["keep"], shape)
        return operators["decay"] * transform(u.square(), len(shape))

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity")

    def check_state(self, u: Tensor) -> None:
        """Refuses a population below zero, beyond the undershoots of a state that was resampled or perturbed.

        Raises:
            ValueError: naming the smallest value.
        """
        smallest = u.flatten(1).amin(1)
        if not bool((smallest >= -UNDERSHOOT * u.flatten(1).abs().amax(1)).all()):
            raise ValueError(
                f"pde.initial_condition: {self.name} has solutions from u >= 0 on, got {smallest.min().item():g}"
            )
