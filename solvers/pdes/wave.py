"""The wave equation."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import concatenated, per_mode, squared_norm


class Wave(SemilinearPDE):
    """u_tt = c^2 Laplace(u) as u_t = v, v_t = c^2 Laplace(u), in 1D to 3D; c is ``speed``. Exact in time for any step.

    For each wavenumber, w = v +- i c|k| u turn at the rates +-i c|k|; the mean of u moves with that of v.
    """

    name = "wave"
    title = "waves"
    formula = r"\partial_t u = v \\ \partial_t v = c^2 \nabla^2 u"
    fields = (Field("u"), Field("v"))
    parameter_names = ("speed",)
    spatial_dims = (1, 2, 3)
    reflections = (1.0, -1.0)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """i c|k| and -i c|k|."""
        frequency = per_mode(conditions.parameter("speed"), k) * squared_norm(k).sqrt()
        return torch.cat([1j * frequency, -1j * frequency], 1)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """i c|k|, its half inverse, and which mode is the mean."""
        turning = 1j * per_mode(conditions.parameter("speed"), k) * squared_norm(k).sqrt()
        mean = squared_norm(k) == 0
        return {"turning": turning, "half_inverse": ~mean / torch.where(mean, 2, 2 * turning), "mean": mean.double()}

    def decouple(self, u_hat: Tensor, operators: dict[str, Tensor]) -> Tensor:
        """(u, v) to (w+, w-); the means stay what they are."""
        u, v = u_hat.split(1, 1)
        turned = operators["turning"] * u
        return torch.cat([v + turned + operators["mean"] * (u - v), v - turned], 1)

    def couple(self, u_hat: Tensor, operators: dict[str, Tensor]) -> Tensor:
        """(w+, w-) to (u, v)."""
        plus, minus = u_hat.split(1, 1)
        mean = operators["mean"]
        u = operators["half_inverse"] * (plus - minus) + mean * plus
        return torch.cat([u, 0.5 * (1 - mean) * (plus + minus) + mean * minus], 1)

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """What no rotation describes: the mean of u grows by the mean of v."""
        growth = operators["mean"] * u_hat[:, 1:]
        return concatenated([growth, torch.zeros_like(growth)])

    def check(self, conditions: Conditions) -> None:
        """Waves travel."""
        require_positive(conditions, "speed")

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean velocity."""
        return {"mean velocity": u[:, 1:]}
