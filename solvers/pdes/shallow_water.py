"""Shallow water over a flat bottom."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.solvers.equations import ConservationLaw, Prepared, require_positive


class ShallowWater(ConservationLaw):
    """h_t + div(h v) = 0, (h v)_t + div(h v v) + g grad(h^2) / 2 = 0 in 1D and 2D, of depth h and velocity v.

    References:
        Toro: Shock-Capturing Methods for Free-Surface Shallow Flows. Wiley 2001, chapters 3 and 10.
    """

    name = "shallow_water"
    title = "shallow water"
    formula = (
        r"\partial_t h + \nabla \cdot (h \mathbf{v}) = 0 \\ "
        r"\partial_t (h \mathbf{v}) + \nabla \cdot (h \mathbf{v} \mathbf{v}) + \frac{g}{2} \nabla h^2 = 0"
    )
    fields = (Field("depth"), Field("velocity", 1))
    conserved_fields = (Field("depth"), Field("discharge", 1))
    parameter_names = ("gravity",)
    spatial_dims = (1, 2)

    def to_conserved(self, u: Tensor, prepared: Prepared) -> Tensor:
        """(h, h v)."""
        return torch.cat([u[:, :1], u[:, :1] * u[:, 1:]], 1)

    def to_fields(self, q: Tensor, prepared: Prepared) -> Tensor:
        """(h, v)."""
        return torch.cat([q[:, :1], q[:, 1:] / q[:, :1]], 1)

    def flux(self, u: Tensor, q: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """v_axis q, and the pressure g h^2 / 2 on the momentum."""
        pieces = list((u[:, 1 + axis : 2 + axis] * q).split(1, 1))
        pieces[1 + axis] = pieces[1 + axis] + prepared["gravity"] * u[:, :1].square() / 2
        return torch.cat(pieces, 1)

    def wave_speed(self, u: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """|v_axis| + sqrt(g h)."""
        return u[:, 1 + axis : 2 + axis].abs() + _celerity(u, prepared)

    def signal_speeds(self, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """The slowest and fastest of both sides' and the Roe average's."""
        v_left, v_right = left[:, 1 + axis : 2 + axis], right[:, 1 + axis : 2 + axis]
        root_left, root_right = left[:, :1].sqrt(), right[:, :1].sqrt()
        share = root_left / (root_left + root_right)
        mean = share * v_left + (1 - share) * v_right
        celerity = (prepared["gravity"] * (left[:, :1] + right[:, :1]) / 2).sqrt()
        slowest = torch.minimum(v_left - _celerity(left, prepared), mean - celerity)
        return slowest, torch.maximum(v_right + _celerity(right, prepared), mean + celerity)

    def contact(
        self, left: Tensor, right: Tensor, slowest: Tensor, fastest: Tensor, axis: int, prepared: Prepared
    ) -> tuple[Tensor, Tensor]:
        """The velocity and the depth that HLL finds between the gravity waves (Toro 2001, section 10.4).

        The wave at that speed carries the tangential velocity alone: depth does not jump across it.
        """
        v_left, v_right = left[:, 1 + axis : 2 + axis], right[:, 1 + axis : 2 + axis]
        mass_left = left[:, :1] * (slowest - v_left)
        mass_right = right[:, :1] * (fastest - v_right)
        pressures = prepared["gravity"] * (right[:, :1].square() - left[:, :1].square()) / 2
        mass = mass_left - mass_right
        return (pressures + mass_left * v_left - mass_right * v_right) / mass, mass / (slowest - fastest)

    def beside_contact(
        self, u: Tensor, q: Tensor, signal: Tensor, speed: Tensor, shared: Tensor, axis: int, prepared: Prepared
    ) -> Tensor:
        """h* (1, v) with the normal velocity that of the contact."""
        velocity = list(u[:, 1:].split(1, 1))
        velocity[axis] = speed
        return torch.cat([shared, *(shared * v for v in velocity)], 1)

    def admissible(self, u: Tensor, prepared: Prepared) -> Tensor:
        """Finite and wet."""
        return (u[:, :1] > 0) & torch.isfinite(u.sum(1, keepdim=True))

    def check(self, conditions: Conditions) -> None:
        """Gravity must be positive."""
        require_positive(conditions, "gravity")

    def check_state(self, u: Tensor) -> None:
        """Refuses dry ground.

        Raises:
            ValueError: naming the smallest depth.
        """
        if not bool((u[:, 0] > 0).all()):
            raise ValueError(f"pde.initial_condition: expected a positive depth, got {u[:, 0].min().item():g}")


def _celerity(u: Tensor, prepared: Prepared) -> Tensor:
    """The speed of gravity waves sqrt(g h)."""
    return (prepared["gravity"] * u[:, :1]).sqrt()
