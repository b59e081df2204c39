"""Conservation laws against the same equations in another form: rates of the fields, differentiated by autograd.

What is solved is density, momentum and energy; what is written here is how density, velocity and pressure change. Every
term is so large that a wrong sign or factor of any of them stands far above the error of the grid.
"""

import math

import pytest
import torch
from calculus import Calculus

from tendency.solvers.explicit_runge_kutta import ExplicitSSPRK3
from tendency.solvers.finite_volume import HLL, HLLC, MUSCL, Unlimited
from tendency.solvers.finite_volume_solver import FiniteVolumeSolver
from tendency.solvers.pdes.compressible_flow import CompressibleFlow, NewtonianStress
from tendency.solvers.pdes.inviscid_burgers import InviscidBurgers
from tendency.solvers.pdes.shallow_water import ShallowWater

LENGTH = 2 * math.pi
POINTS = {1: 128, 2: 64, 3: 32}


class Waves(Calculus):
    """Fields that vary along every axis."""

    def wave(self, seed, mean):
        """mean + sines along every axis and, if there are two, across them."""
        total = mean + 0.4 * torch.sin(self.x[0] + seed)
        for axis in range(1, self.dims):
            total = total + 0.3 * torch.cos(self.x[axis] + 2 * seed) + 0.2 * torch.sin(self.x[0] - self.x[axis] + seed)
        return total


def gas(c, u, gamma, shear=0.0, bulk=0.0):
    """rho_t, v_t and p_t term by term."""
    rho, v, p = u[0], u[1:-1], u[-1]
    div = c.divergence(v)
    rates = [[-c.carried(v, rho), -rho * div]]
    stress = [
        [shear * (c.d(v[i], j) + c.d(v[j], i) - (2 / 3 * div if i == j else 0)) + (bulk * div if i == j else 0)
         for j in range(c.dims)] for i in range(c.dims)
    ]  # fmt: skip
    for i in range(c.dims):
        friction = sum(c.d(stress[i][j], j) for j in range(c.dims)) / rho
        rates.append([-c.carried(v, v[i]), -c.d(p, i) / rho, *([friction] if shear else [])])
    heating = (gamma - 1) * sum(stress[i][j] * c.d(v[i], j) for i in range(c.dims) for j in range(c.dims))
    return [*rates, [-c.carried(v, p), -gamma * p * div, *([heating] if shear else [])]]


def water(c, u, gravity):
    depth, v = u[0], u[1:]
    rates = [[-c.carried(v, depth), -depth * c.divergence(v)]]
    return rates + [[-c.carried(v, v[i]), -gravity * c.d(depth, i)] for i in range(c.dims)]


def fields(c, number):
    """Positive first and last, as a gas needs them."""
    return [c.wave(0.7 * i, 2.0 if i in (0, number - 1) else 0.5) for i in range(number)]


VISCOUS = {"heat_capacity_ratio": 1.5, "shear_viscosity": 0.8, "bulk_viscosity": 0.5}
CASES = {
    "gas_1d": (CompressibleFlow(), 1, {"heat_capacity_ratio": 1.5}, HLLC(), gas),
    "gas_2d": (CompressibleFlow(), 2, {"heat_capacity_ratio": 1.5}, HLLC(), gas),
    "gas_3d": (CompressibleFlow(), 3, {"heat_capacity_ratio": 1.5}, HLL(), gas),
    "viscous_gas_1d": (CompressibleFlow(NewtonianStress()), 1, VISCOUS, HLLC(), gas),
    "viscous_gas_2d": (CompressibleFlow(NewtonianStress()), 2, VISCOUS, HLLC(), gas),
    "viscous_gas_3d": (CompressibleFlow(NewtonianStress()), 3, VISCOUS, HLLC(), gas),
    "water_1d": (ShallowWater(), 1, {"gravity": 1.3}, HLL(), water),
    "water_2d": (ShallowWater(), 2, {"gravity": 1.3}, HLLC(), water),
    "burgers": (InviscidBurgers(), 1, {}, HLL(), lambda c, u: [[-u[0] * c.d(u[0], 0)]]),
}


def rate_of(equation, riemann, u, told, t=0.0):
    solver = FiniteVolumeSolver(equation, MUSCL(Unlimited()), riemann, ExplicitSSPRK3())
    return solver.time_derivative(torch.stack(u)[None].detach(), torch.tensor([t], dtype=torch.float64), told)[0]


@pytest.mark.parametrize("name", CASES)
def test_the_time_derivative_is_the_sum_of_its_terms(name, conditions):
    equation, dims, parameters, riemann, book = CASES[name]
    values = {key: [value] for key, value in parameters.items()}
    told = conditions([POINTS[dims]] * dims, [[LENGTH] * dims], **values)
    c = Waves(told.geometry.coordinates(told.extent)[0])
    u = fields(c, sum(field.channels(dims) for field in equation.fields))
    rate = rate_of(equation, riemann, u, told)
    terms = book(c, u, *parameters.values())
    assert len(terms) == len(rate)
    for channel, parts in zip(rate, terms, strict=True):
        error = float((channel - sum(parts)).square().mean().sqrt())
        smallest = min(float(part.square().mean().sqrt()) for part in parts)
        assert error < 0.15 * smallest, (error, smallest)


def test_a_source_is_taken_at_its_own_time_and_place(conditions):
    waves = {"amplitude_1": 0.4, "frequency_1": 0.3, "wavenumber_1": 2.0, "phase_1": 1.1}
    told = conditions([128], [[LENGTH]], **{key: [value] for key, value in waves.items()})
    c = Waves(told.geometry.coordinates(told.extent)[0])
    u = fields(c, 1)
    delta = 0.4 * torch.sin(0.3 * 1.7 + 2 * c.x[0] + 1.1)
    rate = rate_of(InviscidBurgers(num_waves=1), HLL(), u, told, t=1.7)
    assert torch.allclose(rate[0], -u[0] * c.d(u[0], 0) + delta, atol=5e-3)
    solver = FiniteVolumeSolver(InviscidBurgers(num_waves=1), MUSCL(Unlimited()), HLL(), ExplicitSSPRK3())
    assert solver.conserved(torch.stack(u)[None], told) == {}
