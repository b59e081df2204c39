"""Each equation's time derivative against its own terms, written out by the book and differentiated by autograd.

Nothing is shared with the solvers: the state is a short sum of sines whose derivatives autograd takes at the points.
Every term is large enough that a wrong sign or factor of any of them is seen.
"""

import math

import pytest
import torch
from calculus import Calculus

from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.forcing import DiagonalForcing, KolmogorovForcing
from tendency.solvers.initial_conditions.from_source import FromSource
from tendency.solvers.pdes.advection import Advection
from tendency.solvers.pdes.allen_cahn import AllenCahn
from tendency.solvers.pdes.burgers import Burgers
from tendency.solvers.pdes.combined import Combined
from tendency.solvers.pdes.fitzhugh_nagumo import FitzHughNagumo
from tendency.solvers.pdes.gray_scott import GrayScott
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.korteweg_de_vries import KortewegDeVries
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.solvers.pdes.navier_stokes import NavierStokes
from tendency.solvers.pdes.navier_stokes_3d import NavierStokes3D
from tendency.solvers.pdes.potential_kuramoto_sivashinsky import PotentialKuramotoSivashinsky
from tendency.solvers.pdes.swift_hohenberg import SwiftHohenberg
from tendency.solvers.pdes.vector_burgers import VectorBurgers
from tendency.solvers.spectral_solver import SpectralSolver

LENGTH = 2 * math.pi


class Waves(Calculus):
    """Sums of sines and their stream functions."""

    def waves(self, seed, number=4):
        """A sum of sines of wavenumbers up to 2, and its stream function: -Laplace of that is the sum."""
        generator = torch.Generator().manual_seed(seed)
        total = stream = 0.0
        for _ in range(number):
            k = torch.randint(-2, 3, (self.dims,), generator=generator)
            k[0] = k[0].abs() + (k == 0).all()
            phase = torch.rand((), generator=generator, dtype=torch.float64) * 6
            size = 0.3 + torch.rand((), generator=generator, dtype=torch.float64)
            wave = size * torch.sin(sum(int(n) * x for n, x in zip(k, self.x, strict=True)) + phase)
            total, stream = total + wave, stream + wave / int((k * k).sum())
        return total, stream


def scalar(c):
    return [c.waves(1)[0]]


def pair(c):
    return [c.waves(1)[0], c.waves(2)[0]]


def vector(c):
    return [c.waves(seed)[0] for seed in range(c.dims)]


def solenoidal(c):
    """The curl of three sums of sines."""
    a = vector(c)
    return [c.d(a[2], 1) - c.d(a[1], 2), c.d(a[0], 2) - c.d(a[2], 0), c.d(a[1], 0) - c.d(a[0], 1)]


def transport(c, velocity, f):
    return sum(v * c.d(f, axis) for axis, v in enumerate(velocity))


def flow(c, u):
    _, psi = c.waves(1)
    return transport(c, (c.d(psi, 1), -c.d(psi, 0)), u[0])


def diagonal(c):
    return 0.3 * (torch.sin(LENGTH * (c.x[0] + c.x[1])) + torch.cos(LENGTH * (c.x[0] + c.x[1])))


def burgers_vector(c, u, viscosity):
    return [[-transport(c, u, component), viscosity * c.laplace(component)] for component in u]


CASES = {
    "advection": (Advection(), 1, {"speed": 0.7}, scalar, lambda c, u, s: [[-s * c.d(u[0], 0)]]),
    "heat": (Heat(), 3, {"diffusivity": 0.4}, scalar, lambda c, u, nu: [[nu * c.laplace(u[0])]]),
    "burgers": (
        Burgers(), 1, {"viscosity": 0.2}, scalar,
        lambda c, u, nu: [[-u[0] * c.d(u[0], 0), nu * c.laplace(u[0])]],
    ),
    "burgers_directed": (
        Burgers(["c_x", "c_y"]), 2, {"viscosity": 0.2, "c_x": 0.6, "c_y": 0.9}, scalar,
        lambda c, u, nu, cx, cy: [[-cx * u[0] * c.d(u[0], 0), -cy * u[0] * c.d(u[0], 1), nu * c.laplace(u[0])]],
    ),
    "burgers_vector_2d": (VectorBurgers(), 2, {"viscosity": 0.2}, vector, burgers_vector),
    "burgers_vector_3d": (VectorBurgers(), 3, {"viscosity": 0.2}, vector, burgers_vector),
    "korteweg_de_vries": (
        KortewegDeVries(), 1, {}, scalar, lambda c, u: [[-6 * u[0] * c.d(u[0], 0), -c.d(u[0], 0, 0, 0)]],
    ),
    "kuramoto_sivashinsky": (
        KuramotoSivashinsky(), 1, {}, scalar,
        lambda c, u: [[-u[0] * c.d(u[0], 0), -c.laplace(u[0]), -c.laplace(c.laplace(u[0]))]],
    ),
    "kuramoto_sivashinsky_potential": (
        PotentialKuramotoSivashinsky(), 2, {}, scalar,
        lambda c, u: [
            [
                -0.5 * (c.d(u[0], 0) ** 2 - (c.d(u[0], 0) ** 2).mean()),
                -0.5 * (c.d(u[0], 1) ** 2 - (c.d(u[0], 1) ** 2).mean()),
                -c.laplace(u[0]),
                -c.laplace(c.laplace(u[0])),
            ]
        ],
    ),
    "allen_cahn": (
        AllenCahn(), 2, {"diffusivity": 0.4}, scalar, lambda c, u, nu: [[nu * c.laplace(u[0]), u[0], -u[0] ** 3]],
    ),
    "gray_scott": (
        GrayScott(), 2, {"diffusivity_a": 0.5, "diffusivity_b": 0.3, "feed": 0.4, "kill": 0.7}, pair,
        lambda c, u, da, db, f, k: [
            [da * c.laplace(u[0]), -u[0] * u[1] ** 2, f * (1 - u[0])],
            [db * c.laplace(u[1]), u[0] * u[1] ** 2, -f * u[1], -k * u[1]],
        ],
    ),
    "fitzhugh_nagumo": (
        FitzHughNagumo(), 2, {"diffusivity_u": 0.5, "diffusivity_v": 0.3, "excitation": 0.4}, pair,
        lambda c, u, du, dv, k: [
            [du * c.laplace(u[0]), u[0], -u[0] ** 3, -k * torch.ones_like(u[0]), -u[1]],
            [dv * c.laplace(u[1]), u[0], -u[1]],
        ],
    ),
    "swift_hohenberg": (
        SwiftHohenberg(quadratic=0.8), 2, {"reactivity": 0.7}, scalar,
        lambda c, u, r: [
            [r * u[0], -u[0], -2 * c.laplace(u[0]), -c.laplace(c.laplace(u[0])), 0.8 * u[0] ** 2, -u[0] ** 3]
        ],
    ),
    "navier_stokes": (
        NavierStokes(DiagonalForcing(0.3)), 2, {"viscosity": 0.2}, scalar,
        lambda c, u, nu: [[-flow(c, u), nu * c.laplace(u[0]), diagonal(c)]],
    ),
    "kolmogorov_flow": (
        NavierStokes(KolmogorovForcing(4.0, 0.5), drag=0.3), 2, {"viscosity": 0.2}, scalar,
        lambda c, u, nu: [[-flow(c, u), nu * c.laplace(u[0]), -0.3 * u[0], -2 * torch.cos(4 * c.x[1])]],
    ),
}  # fmt: skip


def found(equation, dims, parameters, state, conditions):
    values = {name: [value] for name, value in parameters.items()}
    told = conditions([24 if dims == 3 else 32] * dims, [[LENGTH] * dims], **values)
    calculus = Waves(told.geometry.coordinates(told.extent)[0])
    u = state(calculus)
    rate = SpectralSolver(equation, ETDRK4(), 0.1).time_derivative(
        torch.stack(u)[None].detach(), torch.zeros(1, dtype=torch.float64), told
    )
    return calculus, u, rate[0]


@pytest.mark.parametrize("name", CASES)
def test_the_time_derivative_is_the_sum_of_its_terms(name, conditions):
    equation, dims, parameters, state, book = CASES[name]
    calculus, u, rate = found(equation, dims, parameters, state, conditions)
    terms = book(calculus, u, *parameters.values())
    assert len(terms) == len(rate)
    for channel, parts in zip(rate, terms, strict=True):
        assert torch.allclose(channel, sum(parts), atol=1e-10)
        assert all(part.square().mean().sqrt() > 1e-2 for part in parts)


def test_navier_stokes_3d_up_to_a_gradient(conditions):
    """-(u . grad) u + nu Laplace(u), less a gradient: same curl, and no divergence."""
    calculus, u, rate = found(NavierStokes3D(), 3, {"viscosity": 0.2}, solenoidal, conditions)
    book = [-transport(calculus, u, component) + 0.2 * calculus.laplace(component) for component in u]

    def curl(field):
        k = torch.fft.fftfreq(24, 1 / 24, dtype=torch.float64)
        axes = torch.meshgrid(k, k, k, indexing="ij")
        hat = torch.fft.fftn(torch.stack(list(field)), dim=(1, 2, 3))
        wave = torch.stack(axes).to(hat.dtype)
        divergence = torch.fft.ifftn((1j * wave * hat).sum(0)).real
        return torch.fft.ifftn(torch.linalg.cross(1j * wave, hat, dim=0), dim=(1, 2, 3)).real, divergence

    expected, _ = curl([component.detach() for component in book])
    there, divergence = curl(rate)
    assert torch.allclose(there, expected, atol=1e-9)
    assert divergence.abs().max() < 1e-10
    assert expected.abs().max() > 1


@pytest.mark.parametrize(("mixed", "diagonal_rate"), [(True, 2 - 4), (False, 2 - 2)])
def test_the_fourth_derivatives_of_a_flame_front(mixed, diagonal_rate, conditions):
    """A small wave along an axis grows by k^2 - k^4, one along the diagonal by |k|^2 - |k|^4 or |k|^2 - sum k_a^4."""
    equation = PotentialKuramotoSivashinsky() if mixed else PotentialKuramotoSivashinsky(mixed_derivatives=False)
    for wave, rate in (([2.0, 0.0], 4 - 16), ([1.0, 1.0], diagonal_rate)):

        def small(c, wave=wave):
            return [1e-6 * torch.sin(wave[0] * c.x[0] + wave[1] * c.x[1])]

        _, u, found_rate = found(equation, 2, {}, small, conditions)
        assert torch.allclose(found_rate[0], rate * u[0], atol=1e-11)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("advection", "heat")])
def test_gradients_flow_through_eight_steps(name, conditions):
    equation, dims, parameters, state, _ = CASES[name]
    told = conditions([8] * dims, [[LENGTH] * dims], **{name: [value] for name, value in parameters.items()})
    calculus = Waves(told.geometry.coordinates(told.extent)[0])
    u = 0.5 * torch.stack(state(calculus))[None].detach()
    solver = SpectralSolver(equation, ETDRK4(), 0.005)

    def eight_steps(v):
        end, _ = solver.advance(v, torch.zeros(1), torch.full((1,), 0.04, dtype=torch.float64), told, {})
        return end

    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(u.shape, generator=generator, dtype=torch.float64)
    start = u.clone().requires_grad_()
    weight = torch.randn(u.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((eight_steps(start) * weight).sum(), start)
    h = 1e-5
    slope = ((eight_steps(u + h * direction) - eight_steps(u - h * direction)) * weight).sum() / (2 * h)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-6)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("advection", "heat")])
def test_fourth_order_in_time(name, conditions):
    equation, dims, parameters, state, _ = CASES[name]
    values = {name: [value] for name, value in parameters.items()}
    told = conditions([16] * dims, [[LENGTH] * dims], **values)
    u = 0.3 * torch.stack(state(Waves(told.geometry.coordinates(told.extent)[0])))[None].detach()
    dt = torch.full((1,), 0.4, dtype=torch.float64)

    def end(steps):
        return SpectralSolver(equation, ETDRK4(), 0.4 / steps).advance(u, torch.zeros(1), dt, told, {})[0]

    reference = end(512)
    errors = [float((end(steps) - reference).norm()) for steps in (32, 64)]
    assert errors[0] > 1e-13
    assert math.log2(errors[0] / errors[1]) > 3.5


def test_the_combined_equation_and_its_source_at_a_later_time(conditions):
    waves = {
        **{f"amplitude_{j}": size for j, size in ((1, 0.4), (2, -0.7))},
        **{f"frequency_{j}": rate for j, rate in ((1, 0.3), (2, -0.4))},
        **{f"wavenumber_{j}": number for j, number in ((1, 1.0), (2, 2.0))},
        **{f"phase_{j}": phase for j, phase in ((1, 0.2), (2, 1.1))},
    }
    parameters = {"alpha": 1.5, "beta": 0.3, "gamma": 0.2, **waves}
    told = conditions([32], [[LENGTH]], **{name: [value] for name, value in parameters.items()})
    c = Waves(told.geometry.coordinates(told.extent)[0])
    (u,) = scalar(c)
    t = 1.7
    delta = sum(
        waves[f"amplitude_{j}"]
        * torch.sin(waves[f"frequency_{j}"] * t + waves[f"wavenumber_{j}"] * c.x[0] + waves[f"phase_{j}"])
        for j in (1, 2)
    )
    terms = [-1.5 * u * c.d(u, 0), 0.3 * c.d(u, 0, 0), -0.2 * c.d(u, 0, 0, 0), delta]
    solver = SpectralSolver(Combined(num_waves=2), ETDRK4(), 0.1)
    rate = solver.time_derivative(u[None, None].detach(), torch.tensor([t], dtype=torch.float64), told)
    assert torch.allclose(rate[0, 0], sum(terms), atol=1e-10)
    assert all(term.square().mean().sqrt() > 1e-2 for term in terms)
    at_zero = FromSource(num_waves=2)(None, told)
    start = sum(
        waves[f"amplitude_{j}"] * torch.sin(waves[f"wavenumber_{j}"] * c.x[0] + waves[f"phase_{j}"]) for j in (1, 2)
    )
    assert torch.allclose(at_zero[0, 0], start, atol=1e-12)

    def end(steps):
        solver = SpectralSolver(Combined(num_waves=2), ETDRK4(), 2.0 / steps)
        start = torch.tensor([0.3], dtype=torch.float64)
        return solver.advance(u[None, None].detach(), start, start * 0 + 2.0, told, {})[0]

    reference = end(1024)
    errors = [float((end(steps) - reference).norm()) for steps in (64, 128)]
    # A source that is evaluated at a wrong time would cost an order.
    assert math.log2(errors[0] / errors[1]) > 3.5
