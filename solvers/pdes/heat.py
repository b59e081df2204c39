"""Heat conduction."""

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import per_mode, squared_norm


class Heat(SemilinearPDE):
    """u_t = nu Laplace(u) in 1D to 3D; nu is ``diffusivity``. Exact in time for any step."""

    name = "heat"
    title = "heat conduction"
    formula = r"\partial_t u = \nu \nabla^2 u"
    fields = (Field("u"),)
    parameter_names = ("diffusivity",)
    spatial_dims = (1, 2, 3)
    reflections = (1.0, -1.0)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2."""
        return -per_mode(conditions.parameter("diffusivity"), k) * squared_norm(k)

    def check(self, conditions: Conditions) -> None:
        """Backward heat conduction is ill-posed."""
        require_positive(conditions, "diffusivity")

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean."""
        return {"mean": u}
