"""Gas dynamics: the compressible Euler and Navier-Stokes equations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.solvers.equations import ConservationLaw, Prepared


class NewtonianStress:
    """eta (grad v + (grad v)^T - 2/3 div v) + zeta div v, of shear viscosity eta and bulk viscosity zeta."""

    parameter_names = ("shear_viscosity", "bulk_viscosity")

    def flux(self, u: Tensor, gradients: Sequence[Tensor], axis: int, prepared: Prepared) -> Tensor:
        """No mass; the stress on a face with that normal; the work that it does, (B, C, ...)."""
        shear, bulk = prepared["shear_viscosity"], prepared["bulk_viscosity"]
        dims = len(gradients)

        def slope(component: int, along: int) -> Tensor:
            return gradients[along][:, 1 + component : 2 + component]

        divergence = sum((slope(a, a) for a in range(1, dims)), slope(0, 0))
        stress = [shear * (slope(component, axis) + slope(axis, component)) for component in range(dims)]
        stress[axis] = stress[axis] + (bulk - 2 / 3 * shear) * divergence
        work = sum((u[:, 1 + c : 2 + c] * stress[c] for c in range(1, dims)), u[:, 1:2] * stress[0])
        return torch.cat([torch.zeros_like(work), *stress, work], 1)

    def diffusivity(self, u: Tensor, prepared: Prepared) -> Tensor:
        """(4/3 eta + zeta) / rho, that of compression waves."""
        return (4 / 3 * prepared["shear_viscosity"] + prepared["bulk_viscosity"]) / u[:, :1]


class CompressibleFlow(ConservationLaw):
    """An ideal gas in 1D, 2D and 3D, of density rho, velocity v and pressure p: Euler, or with a stress Navier-Stokes.

    rho_t + div(rho v) = 0, (rho v)_t + div(rho v v) + grad p = div s, E_t + div((E + p) v) = div(s v) with
    E = p / (gamma - 1) + rho |v|^2 / 2. Heat is not conducted, as in PDEBench. Without a stress s gas slips along
    walls, with one it sticks to them.

    Args:
        stress: s; none for the Euler equations.

    References:
        Toro: Riemann Solvers and Numerical Methods for Fluid Dynamics. Springer 2009, sections 3.1, 10.4 and 10.5.
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix D.5.
    """

    name = "compressible_flow"
    fields = (Field("density"), Field("velocity", 1), Field("pressure"))
    conserved_fields = (Field("density"), Field("momentum", 1), Field("energy"))
    spatial_dims = (1, 2, 3)

    def __init__(self, stress: NewtonianStress | None = None) -> None:
        self.stress = stress
        self.slips = stress is None
        self.title = "Euler" if stress is None else "compressible Navier-Stokes"
        force, work = ("0", "0") if stress is None else (r"\nabla \cdot \sigma", r"\nabla \cdot (\sigma \mathbf{v})")
        self.formula = (
            r"\partial_t \rho + \nabla \cdot (\rho \mathbf{v}) = 0 \\ "
            rf"\partial_t (\rho \mathbf{{v}}) + \nabla \cdot (\rho \mathbf{{v}} \mathbf{{v}}) + \nabla p = {force} \\ "
            rf"\partial_t E + \nabla \cdot ((E + p) \mathbf{{v}}) = {work} , \quad "
            r"E = \frac{p}{\gamma - 1} + \frac{\rho}{2} |\mathbf{v}|^2"
        )
        self.parameter_names = ("heat_capacity_ratio", *(() if stress is None else stress.parameter_names))

    def to_conserved(self, u: Tensor, prepared: Prepared) -> Tensor:
        """(rho, rho v, E)."""
        density, velocity, pressure = u[:, :1], u[:, 1:-1], u[:, -1:]
        momentum = density * velocity
        kinetic = (momentum * velocity).sum(1, keepdim=True) / 2
        return torch.cat([density, momentum, pressure / (prepared["heat_capacity_ratio"] - 1) + kinetic], 1)

    def to_fields(self, q: Tensor, prepared: Prepared) -> Tensor:
        """(rho, v, p)."""
        density, momentum, energy = q[:, :1], q[:, 1:-1], q[:, -1:]
        velocity = momentum / density
        kinetic = (momentum * velocity).sum(1, keepdim=True) / 2
        return torch.cat([density, velocity, (prepared["heat_capacity_ratio"] - 1) * (energy - kinetic)], 1)

    def flux(self, u: Tensor, q: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """v_axis q, and the pressure where momentum and energy feel it."""
        normal, pressure = u[:, 1 + axis : 2 + axis], u[:, -1:]
        pieces = list((normal * q).split(1, 1))
        pieces[1 + axis] = pieces[1 + axis] + pressure
        pieces[-1] = pieces[-1] + normal * pressure
        return torch.cat(pieces, 1)

    def wave_speed(self, u: Tensor, axis: int, prepared: Prepared) -> Tensor:
        """|v_axis| + c."""
        return u[:, 1 + axis : 2 + axis].abs() + _sound(u, prepared)

    def signal_speeds(self, left: Tensor, right: Tensor, axis: int, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """The slowest and fastest of both sides' and the Roe average's (Einfeldt; Toro, eqs. 10.49 to 10.53)."""
        v_left, v_right = left[:, 1 + axis : 2 + axis], right[:, 1 + axis : 2 + axis]
        c_left, c_right = _sound(left, prepared), _sound(right, prepared)
        root_left, root_right = left[:, :1].sqrt(), right[:, :1].sqrt()
        share = root_left / (root_left + root_right)
        mean = share * v_left + (1 - share) * v_right
        spread = share * (1 - share) / 2 * (v_right - v_left).square()
        sound = (share * c_left.square() + (1 - share) * c_right.square() + spread).sqrt()
        return torch.minimum(v_left - c_left, mean - sound), torch.maximum(v_right + c_right, mean + sound)

    def contact(
        self, left: Tensor, right: Tensor, slowest: Tensor, fastest: Tensor, axis: int, prepared: Prepared
    ) -> tuple[Tensor, Tensor]:
        """The speed and the pressure between the acoustic waves (Toro, eqs. 10.36 and 10.37)."""
        v_left, v_right = left[:, 1 + axis : 2 + axis], right[:, 1 + axis : 2 + axis]
        mass_left = left[:, :1] * (slowest - v_left)
        mass_right = right[:, :1] * (fastest - v_right)
        pressures = right[:, -1:] - left[:, -1:]
        speed = (pressures + mass_left * v_left - mass_right * v_right) / (mass_left - mass_right)
        return speed, left[:, -1:] + mass_left * (speed - v_left)

    def beside_contact(
        self, u: Tensor, q: Tensor, signal: Tensor, speed: Tensor, shared: Tensor, axis: int, prepared: Prepared
    ) -> Tensor:
        """Both sides move at the contact's speed under its pressure (Toro, eq. 10.39)."""
        normal, pressure = u[:, 1 + axis : 2 + axis], u[:, -1:]
        squeezed = (signal - normal) / (signal - speed)
        pieces = list((squeezed * q).split(1, 1))
        pieces[1 + axis] = pieces[0] * speed
        pieces[-1] = pieces[-1] + (shared * speed - pressure * normal) / (signal - speed)
        return torch.cat(pieces, 1)

    def diffusive_flux(self, u: Tensor, gradients: Sequence[Tensor], axis: int, prepared: Prepared) -> Tensor | None:
        """The stress's."""
        return None if self.stress is None else self.stress.flux(u, gradients, axis, prepared)

    def diffusivity(self, u: Tensor, prepared: Prepared) -> Tensor | None:
        """The stress's."""
        return None if self.stress is None else self.stress.diffusivity(u, prepared)

    def admissible(self, u: Tensor, prepared: Prepared) -> Tensor:
        """Finite, of positive density and pressure."""
        return (u[:, :1] > 0) & (u[:, -1:] > 0) & torch.isfinite(u.sum(1, keepdim=True))

    def check(self, conditions: Conditions) -> None:
        """Refuses a heat capacity ratio of 1 or less, and negative viscosities.

        Raises:
            ValueError: naming the parameter and its smallest value.
        """
        for name in self.parameter_names:
            smallest = conditions.parameter(name).min().item()
            if name == "heat_capacity_ratio" and not smallest > 1:
                raise ValueError(f"pde.parameters.heat_capacity_ratio: expected values above 1, got {smallest:g}")
            if not smallest >= 0:
                raise ValueError(f"pde.parameters.{name}: expected no negative values, got {smallest:g}")

    def check_state(self, u: Tensor) -> None:
        """Refuses densities and pressures that are not positive.

        Raises:
            ValueError: naming the field and its smallest value.
        """
        for name, values in (("density", u[:, 0]), ("pressure", u[:, -1])):
            if not bool((values > 0).all()):
                raise ValueError(f"pde.initial_condition: expected a positive {name}, got {values.min().item():g}")


def _sound(u: Tensor, prepared: Prepared) -> Tensor:
    """The speed of sound sqrt(gamma p / rho)."""
    return (prepared["heat_capacity_ratio"] * u[:, -1:] / u[:, :1]).sqrt()
