"""The Allen-Cahn equation: two phases that part and coarsen."""

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import dealiasing_mask, per_mode, squared_norm


class AllenCahn(SemilinearPDE):
    """u_t = nu Laplace(u) + u - u^3; nu is ``diffusivity``.

    References:
        Allen, Cahn: A microscopic theory for antiphase boundary motion and its application to antiphase domain
        coarsening. Acta Metall. 27 (1979), doi:10.1016/0001-6160(79)90196-2.
    """

    name = "allen_cahn"
    title = "Allen-Cahn"
    formula = r"\partial_t u = \nu \nabla^2 u + u - u^3"
    fields = (Field("u"),)
    parameter_names = ("diffusivity",)
    spatial_dims = (1, 2, 3)
    reflections = (1.0, -1.0)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """1 - nu |k|^2."""
        return 1 - per_mode(conditions.parameter("diffusivity"), k) * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept."""
        return {"keep": dealiasing_mask(conditions.geometry.shape, 3, k[0].device)}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-u^3, dealiased."""
        shape, keep = conditions.geometry.shape, operators["keep"]
        u = inverse_transform(u_hat * keep, shape)
        return keep * transform(-(u**3), len(shape))

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity")
