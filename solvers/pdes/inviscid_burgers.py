"""Burgers' equation without viscosity."""

import torch
from torch import Tensor

from tendency.simulation.annotations import NonNegativeInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.solvers.equations import ConservationLaw, Prepared
from tendency.solvers.pdes.combined import WAVE, source


class InviscidBurgers(ConservationLaw):
    """u_t + (u^2 / 2)_x = delta(t, x) in 1D; with sources it is E1 of the message-passing paper.

    Args:
        num_waves: travelling waves in the source delta, as in ``tendency.solvers.pdes.combined.Combined``; 0 for none.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 4.1.
    """

    name = "inviscid_burgers"
    title = "inviscid Burgers"
    fields = conserved_fields = (Field("u"),)
    spatial_dims = (1,)

    def __init__(self, num_waves: NonNegativeInt = 0) -> None:
        self.num_waves = num_waves
        source = r"\delta(t, x)" if num_waves else "0"
        self.formula = rf"\partial_t u + \partial_x \frac{{u^2}}{{2}} = {source}"
        self.parameter_names = tuple(f"{name}_{j}" for name in WAVE for j in range(1, num_waves + 1))

    def flux(self, u: Tensor, q: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """u^2 / 2."""
        return u.square() / 2

    def wave_speed(self, u: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """|u|; at rest a source may still set it in motion, so never quite 0."""
        return u.abs().clamp(min=1e-3)

    def signal_speeds(self, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """A shock's one speed, or both ends of a rarefaction: with HLL this is Godunov's flux but for sonic fans."""
        shock = (left + right) / 2
        rising = right > left
        return torch.where(rising, left, shock), torch.where(rising, right, shock)

    def source(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor | None:
        """delta."""
        return source(conditions, t, self.num_waves) if self.num_waves else None
