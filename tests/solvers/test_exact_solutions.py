"""Nonlinear equations against their exact solutions, and what they must conserve or lose."""

import itertools
import math

import pytest
import torch

from tendency.simulation.simulator import begin, rollout
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.forcing import KolmogorovForcing
from tendency.solvers.pdes.allen_cahn import AllenCahn
from tendency.solvers.pdes.burgers import Burgers
from tendency.solvers.pdes.fitzhugh_nagumo import FitzHughNagumo
from tendency.solvers.pdes.gray_scott import GrayScott
from tendency.solvers.pdes.korteweg_de_vries import KortewegDeVries
from tendency.solvers.pdes.navier_stokes import NavierStokes
from tendency.solvers.pdes.navier_stokes_3d import NavierStokes3D
from tendency.solvers.pdes.swift_hohenberg import SwiftHohenberg
from tendency.solvers.pdes.vector_burgers import VectorBurgers
from tendency.solvers.spectral_solver import SpectralSolver

LENGTH = 2 * math.pi


def solve(equation, u, conditions, end, step):
    solver = SpectralSolver(equation, ETDRK4(), step)
    t = torch.zeros(len(u), 1, dtype=torch.float64)
    progress = begin(solver, u[:, None], t, conditions, torch.arange(len(u)))
    return next(iter(rollout(solver, progress, t + end, conditions))).u


def relative(a, b):
    return float((a - b).norm() / b.norm())


def cole_hopf(x, t, viscosity, directions):
    """-2 nu grad(log phi) of a sum of decaying cosines, along each of the given directions (k, size, phase)."""
    phi, gradient = 1.0, [0.0] * len(x)
    for k, size, phase in directions:
        angle = sum(n * axis for n, axis in zip(k, x, strict=True)) + phase
        decay = size * math.exp(-viscosity * sum(n * n for n in k) * t)
        phi = phi + decay * torch.cos(angle)
        gradient = [g - decay * n * torch.sin(angle) for g, n in zip(gradient, k, strict=True)]
    return torch.stack([-2 * viscosity * g / phi for g in gradient])


def test_burgers_is_cole_hopf(conditions):
    viscosities = [0.05, 0.1]
    c = conditions([128], [[LENGTH]] * 2, viscosity=viscosities)
    x = c.geometry.coordinates(c.extent)[0]

    def exact(t):
        waves = [((1,), 0.6, 0.3), ((2,), 0.2, 1.0)]
        return torch.stack([cole_hopf(x, t, nu, waves) for nu in viscosities])

    assert relative(solve(Burgers(), exact(0.0), c, 2.0, 0.01), exact(2.0)) < 1e-8
    assert relative(exact(0.0), exact(2.0)) > 0.1


def test_directed_burgers_is_burgers_along_its_direction(conditions):
    """Functions of x + y alone: c_x + c_y is then the speed of steepening, and diffusion counts twice."""
    c = conditions([64, 64], [[LENGTH] * 2], viscosity=[0.05], c_x=[0.3], c_y=[0.7])
    line = conditions([64], [[LENGTH]], viscosity=[0.1])
    x, y = c.geometry.coordinates(c.extent)[0]
    (s,) = line.geometry.coordinates(line.extent)[0]
    start = torch.sin(s)[None, None]
    expected = solve(Burgers(), start, line, 1.0, 0.01)[0, 0]
    found = solve(Burgers(["c_x", "c_y"]), torch.sin(x + y)[None, None], c, 1.0, 0.01)[0, 0]
    index = (torch.arange(64)[:, None] + torch.arange(64)) % 64
    assert torch.allclose(found, expected[index], atol=1e-9)


@pytest.mark.parametrize("dims", [2, 3])
def test_vector_burgers_is_cole_hopf(conditions, dims):
    c = conditions([64, 64, 64][:dims] if dims == 2 else [32] * 3, [[LENGTH] * dims], viscosity=[0.3])
    x = c.geometry.coordinates(c.extent)[0]
    waves = [((1, 0, 1)[:dims], 0.2, 0.3), ((1, 1, -1)[:dims], 0.2, 1.0), ((0, 1, 0)[:dims], 0.2, 2.0)]
    start, end = (cole_hopf(x, t, 0.3, waves)[None] for t in (0.0, 0.5))
    assert relative(solve(VectorBurgers(), start, c, 0.5, 0.02), end) < 1e-7


def test_a_soliton_keeps_its_shape_at_fourth_order(conditions):
    """The coefficients of an imaginary L are complex; their real parts alone would be first order."""
    length, speed = 40.0, 1.5
    c = conditions([256], [[length]])
    x = c.geometry.coordinates(c.extent)

    def exact(t):
        distance = (x - 10 - speed * t + length / 2) % length - length / 2
        return 0.5 * speed / torch.cosh(0.5 * math.sqrt(speed) * distance) ** 2

    errors = [relative(solve(KortewegDeVries(), exact(0.0), c, 4.0, 4.0 / steps), exact(4.0)) for steps in (100, 200)]
    assert errors[1] < 1e-4
    assert math.log2(errors[0] / errors[1]) > 3.5


def test_kolmogorov_flow_settles_on_its_laminar_state(conditions):
    """Viscous enough, the forcing, the diffusion and the drag balance: w = -k a cos(k y) / (nu k^2 + mu)."""
    c = conditions([24, 32], [[LENGTH] * 2], viscosity=[0.3])
    x, y = c.geometry.coordinates(c.extent)[0]
    laminar = (-4 * torch.cos(4 * y) / (0.3 * 16 + 0.1))[None, None]
    start = laminar + 0.3 * torch.sin(x + 2 * y)[None, None]
    found = solve(NavierStokes(KolmogorovForcing(), drag=0.1), start, c, 30.0, 0.05)
    assert relative(found, laminar) < 1e-10


def test_a_forcing_must_fit_the_domain(conditions):
    c = conditions([16, 16], [[LENGTH, 6.0]], viscosity=[0.1])
    with pytest.raises(ValueError, match="pde.extent: a forcing of wavenumber 4 needs a multiple of 1.57"):
        SpectralSolver(NavierStokes(KolmogorovForcing(), drag=0.1), ETDRK4(), 0.1).check(c)


def beltrami(c, t, viscosity, mean):
    """The ABC flow, carried by a mean velocity and decaying: an exact solution with a nonlinear term that matters."""
    x, y, z = (axis - speed * t for axis, speed in zip(c.geometry.coordinates(c.extent)[0], mean, strict=True))
    decay = math.exp(-viscosity * t)
    u = torch.stack([torch.sin(z) + torch.cos(y), torch.sin(x) + torch.cos(z), torch.sin(y) + torch.cos(x)])
    return (decay * u + torch.tensor(mean, dtype=torch.float64).reshape(3, 1, 1, 1))[None]


def test_a_carried_beltrami_flow_at_fourth_order(conditions):
    c = conditions([16, 16, 16], [[LENGTH] * 3], viscosity=[0.05])
    mean = (0.7, -0.4, 0.5)
    start, exact = beltrami(c, 0.0, 0.05, mean), beltrami(c, 1.0, 0.05, mean)
    errors = [relative(solve(NavierStokes3D(), start, c, 1.0, 1.0 / steps), exact) for steps in (10, 20)]
    assert errors[1] < 1e-6
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)


def test_inviscid_3d_flow_keeps_its_energy_and_stays_solenoidal(conditions):
    c = conditions([24, 24, 24], [[LENGTH] * 3], viscosity=[1e-12])
    x, y, z = c.geometry.coordinates(c.extent)[0]
    zero = torch.zeros_like(x)
    u = torch.stack([torch.sin(x) * torch.cos(y) * torch.cos(z), -torch.cos(x) * torch.sin(y) * torch.cos(z), zero])[
        None
    ]
    end = solve(NavierStokes3D(), u, c, 0.5, 0.01)
    assert float(end.square().sum()) == pytest.approx(float(u.square().sum()), rel=1e-8)
    assert relative(end, u) > 0.05
    k = 1j * torch.fft.fftfreq(24, 1 / 24, dtype=torch.float64)
    hat = torch.fft.fftn(end[0], dim=(1, 2, 3))
    divergence = torch.fft.ifftn(k[:, None, None] * hat[0] + k[:, None] * hat[1] + k * hat[2]).real
    assert float(divergence.abs().max()) < 1e-10


def test_an_allen_cahn_interface_stands_and_its_energy_falls(conditions):
    """tanh(x / sqrt(2 nu)) is a steady state; on a torus there are two of them, far apart."""
    nu, length = 0.25, 40.0
    c = conditions([512], [[length]], diffusivity=[nu])
    x = c.geometry.coordinates(c.extent)
    width = math.sqrt(2 * nu)
    start = torch.tanh((x - 10) / width) - torch.tanh((x - 30) / width) - 1
    assert relative(solve(AllenCahn(), start, c, 5.0, 0.05), start) < 1e-8
    c = conditions([32, 32], [[LENGTH] * 2], diffusivity=[0.01])
    x, y = c.geometry.coordinates(c.extent)[0]
    u = (0.8 * torch.sin(x) * torch.cos(y) + 0.3 * torch.cos(2 * x + y))[None, None]

    def energy(u):
        k = torch.fft.fftfreq(32, 1 / 32, dtype=torch.float64)
        squares = k[:, None] ** 2 + k**2
        gradient = (torch.fft.fft2(u).abs().square() * squares).sum() / 32**2
        return float(0.005 * gradient + ((u.square() - 1).square() / 4).sum())

    energies = [energy(u)]
    for _ in range(10):
        u = solve(AllenCahn(), u, c, 0.1, 0.01)
        energies.append(energy(u))
    assert all(after < before for before, after in itertools.pairwise(energies))


def test_uniform_states_follow_their_ordinary_differential_equations(conditions):
    """Without gradients only the reactions remain: against a Runge-Kutta integration of small steps."""
    cases = [
        (
            GrayScott(), {"diffusivity_a": [0.1], "diffusivity_b": [0.1], "feed": [0.04], "kill": [0.06]}, (0.6, 0.3),
            lambda a, b: (-a * b * b + 0.04 * (1 - a), a * b * b - 0.1 * b),
        ),
        (
            FitzHughNagumo(), {"diffusivity_u": [0.1], "diffusivity_v": [0.1], "excitation": [0.05]}, (0.6, 0.3),
            lambda u, v: (u - u**3 - 0.05 - v, u - v),
        ),
        (SwiftHohenberg(0.5), {"reactivity": [1.7]}, (0.2,), lambda u: (0.7 * u + 0.5 * u * u - u**3,)),
    ]  # fmt: skip
    for equation, parameters, values, rate in cases:
        c = conditions([8], [[LENGTH]], **parameters)
        start = torch.tensor(values, dtype=torch.float64).reshape(1, -1, 1).expand(1, -1, 8)
        y, h = torch.tensor(values, dtype=torch.float64), 0.005

        def slope(y, rate=rate):
            return torch.stack(rate(*y))

        for _ in range(400):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            k3 = slope(y + h / 2 * k2)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(y + h * k3))
        found = solve(equation, start, c, 2.0, 0.02)
        assert torch.allclose(found[0], y[:, None].expand(-1, 8), rtol=1e-7), equation.name


def test_stripes_grow_at_the_linear_rate(conditions):
    """A small stripe of wavenumber 1 grows as exp(r t), one of wavenumber 2 decays as exp((r - 9) t)."""
    c = conditions([32], [[LENGTH]], reactivity=[0.3])
    x = c.geometry.coordinates(c.extent)
    for n, rate in ((1, 0.3), (2, 0.3 - 9)):
        start = 1e-6 * torch.cos(n * x)
        assert relative(solve(SwiftHohenberg(), start, c, 1.0, 0.05), math.exp(rate) * start) < 1e-9
