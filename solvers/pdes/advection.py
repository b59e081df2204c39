"""Linear advection."""

from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import without_nyquist
from tendency.solvers.equations import SemilinearPDE


class Advection(SemilinearPDE):
    """u_t + c u_x = 0 in 1D; c is ``speed``, positive to the right. Exact in time for any step."""

    name = "advection"
    title = "advection"
    formula = r"\partial_t u + c \, \partial_x u = 0"
    fields = (Field("u"),)
    parameter_names = ("speed",)
    spatial_dims = (1,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-i c k."""
        speed = conditions.parameter("speed").reshape(-1, 1, 1)
        return -1j * speed * without_nyquist(k[0], 0, conditions.geometry.shape)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean and the mean square."""
        return {"mean": u, "mean square": u.square()}
