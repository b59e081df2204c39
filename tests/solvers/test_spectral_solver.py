"""The solver: orders of its integrators, gradients, instability, refinement, initial states."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import InstabilityError, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.solvers import spectral_solver
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.etdrk import ETDRK2, ETDRK4
from tendency.solvers.exponential_adams import ExponentialAdams
from tendency.solvers.initial_conditions.gaussian_random_field import GaussianRandomField
from tendency.solvers.initial_conditions.random_fourier import RandomFourierSeries
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.solvers.pdes.navier_stokes import NavierStokes
from tendency.solvers.spectral import resample
from tendency.solvers.spectral_solver import SpectralSolver


class Soliton(SemilinearPDE):
    """Korteweg-de Vries u_t + 6 u u_x + u_xxx = 0: its symbol is imaginary."""

    name, fields, spatial_dims = "kdv", (Field("u"),), (1,)

    def linear_symbol(self, k, conditions):
        return 1j * without_nyquist(k[0], 0, conditions.geometry.shape) ** 3

    def operators(self, k, conditions):
        return {"k": k[0]}

    def nonlinear_term(self, u_hat, t, conditions, operators):
        u = inverse_transform(u_hat, conditions.geometry.shape)
        return -3j * operators["k"] * transform(u.square(), 1)


@pytest.mark.parametrize(("integrator", "order"), [(ETDRK2(), 2), (ETDRK4(), 4)])
def test_order_with_an_imaginary_symbol(conditions, integrator, order):
    """Real parts of the coefficients alone would leave first order here."""
    c = conditions([128], [[40.0]])
    x = c.geometry.coordinates(c.extent)

    def soliton(t, speed=2.0):
        distance = (x - speed * t - 20 + 20) % 40 - 20
        return speed / 2 / torch.cosh(math.sqrt(speed) / 2 * distance) ** 2

    errors = []
    for h in (0.01, 0.005):
        solver = SpectralSolver(Soliton(), integrator, h)
        zero = torch.zeros(1, dtype=torch.float64)
        end, _ = solver.advance(soliton(0.0), zero, zero + 1.0, c, {})
        errors.append(float((end - soliton(1.0)).norm() / soliton(1.0).norm()))
    assert integrator.order == order
    assert math.log2(errors[0] / errors[1]) > order - 0.3
    assert errors[1] < {2: 2e-2, 4: 1e-4}[order]


def test_any_times_and_resumed_rollouts_agree(conditions):
    c = conditions([32], [[22.0], [20.0]])
    u = torch.sin(2 * math.pi * c.geometry.coordinates(c.extent) / c.extent[:, :, None])
    solver = SpectralSolver(KuramotoSivashinsky(), ETDRK4(), 0.05)
    times = torch.tensor([[0.3, 0.35, 1.0, 1.65], [0.2, 0.55, 0.6, 2.0]], dtype=torch.float64)
    zero = torch.zeros(2, 1, dtype=torch.float64)
    states = list(rollout(solver, begin(solver, u[:, None], zero, c, torch.arange(2)), times, c))
    rest = list(rollout(solver, states[1], times[:, 2:], c))
    assert torch.equal(rest[-1].u, states[-1].u)
    row = map_tensors(lambda x: x[1:], states[1])
    alone = list(rollout(solver, row, times[1:, 2:], c[1:]))
    assert torch.allclose(alone[-1].u, states[-1].u[1:], rtol=1e-11)


def test_coefficients_are_made_once_for_regular_times(conditions, monkeypatch):
    calls = []
    original = ETDRK4.coefficients
    monkeypatch.setattr(ETDRK4, "coefficients", lambda self, *a: calls.append(1) or original(self, *a))
    c = conditions([32], [[22.0]])
    solver = SpectralSolver(KuramotoSivashinsky(), ETDRK4(), 0.05)
    u = torch.sin(c.geometry.coordinates(c.extent))
    # Differences of these times carry rounding.
    times = 100.3 + 0.1 * torch.arange(30, dtype=torch.float64)[None]
    list(rollout(solver, begin(solver, u[:, None], times[:, :1], c, torch.arange(1)), times[:, 1:], c))
    assert len(calls) == 1


@pytest.mark.parametrize("equation", [KuramotoSivashinsky(), NavierStokes(), Heat()], ids=lambda e: e.name)
def test_gradients_through_eight_steps(conditions, equation):
    parameters = {name: [0.1] for name in equation.parameter_names}
    dims = max(equation.spatial_dims[:2])
    c = conditions([8] * dims, [[5.0] * dims], **parameters)
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(1, 1, *[8] * dims, generator=generator, dtype=torch.float64, requires_grad=True)
    solver = SpectralSolver(equation, ETDRK4(), 0.01)
    zero = torch.zeros(1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: solver.advance(v, zero, zero + 0.08, c, {})[0], (u,), fast_mode=True)


def test_single_precision_states_are_solved_in_double(conditions):
    c = conditions([32], [[22.0]])
    u = torch.sin(2 * math.pi * c.geometry.coordinates(c.extent) / 22).float()
    solver = SpectralSolver(KuramotoSivashinsky(), ETDRK4(), 0.05)
    zero = torch.zeros(1, dtype=torch.float64)
    single, _ = solver.advance(u, zero, zero + 1, c, {})
    double, _ = solver.advance(u.double(), zero, zero + 1, c, {})
    assert single.dtype == torch.float32
    assert torch.equal(single, double.float())


def test_an_unstable_step_is_named(conditions):
    c = conditions([32, 32], [[1.0, 1.0]] * 2, viscosity=[1e-3, 1e-6])
    x = 2 * math.pi * c.geometry.coordinates(c.extent)
    w = 1e3 * (torch.sin(x[:, :1]) + torch.cos(2 * x[:, 1:]) + torch.sin(x[:, :1] + 3 * x[:, 1:]))
    solver = SpectralSolver(NavierStokes(), ETDRK4(), 0.5)
    zero = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(InstabilityError, match=r"navier_stokes became unstable by t = .* lower pde.simulator.max_step"):
        solver.advance(w, zero, zero + 50, c, {})


def test_what_the_scheme_cannot_take_is_refused(conditions):
    flow = SpectralSolver(NavierStokes(), ETDRK4(), 0.1)
    with pytest.raises(ValueError, match=r"pde.parameters.viscosity: expected positive values, got -1"):
        flow.check(conditions([8, 8], [[1.0, 1.0]], viscosity=[-1.0]))
    with pytest.raises(ValueError, match="navier_stokes is stated in 2D, got 1 axes"):
        flow.check(conditions([8], [[1.0]], viscosity=[1.0]))
    walled = conditions([8], [[1.0]], diffusivity=[1.0])
    object.__setattr__(walled, "geometry", Grid([8], Boundary([["dirichlet", "dirichlet"]])))
    with pytest.raises(ValueError, match="periodic on all axes"):
        SpectralSolver(Heat(), ETDRK4(), 0.1).check(walled)


@pytest.mark.parametrize(
    ("old", "new"), [((8,), (16,)), ((9,), (16,)), ((16,), (9,)), ((8, 12), (16, 10)), ((8,), (7,))]
)
def test_resampling_is_exact_for_what_both_grids_resolve(conditions, old, new):
    def field(shape):
        x = 2 * math.pi * conditions(list(shape), [[1.0] * len(shape)]).geometry.coordinates(torch.ones(1, len(shape)))
        return (1 + torch.sin(3 * x[:, 0]) + torch.cos(2 * x[:, -1] + 0.3)).double()[:, None]

    assert torch.allclose(resample(field(old), new), field(new), atol=1e-6)


def test_resampling_there_and_back_is_the_identity():
    u = torch.randn(2, 1, 8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(resample(resample(u, (16, 12)), (8, 6)), u, atol=1e-12)


def test_refined_takes_half_the_step():
    assert SpectralSolver(Heat(), ETDRK4(), 0.1).refined().max_step == 0.05


@pytest.mark.parametrize("initial", [GaussianRandomField(max_wavenumber=6), RandomFourierSeries()])
@pytest.mark.parametrize("dims", [1, 2])
def test_an_initial_state_is_one_function_on_every_grid(conditions, initial, dims):
    coarse, fine = (conditions([n] * dims, [[3.0] * dims]) for n in (16, 32))
    on_coarse = initial(np.random.default_rng(5), coarse)
    on_fine = initial(np.random.default_rng(5), fine)
    assert torch.allclose(resample(on_coarse, (32,) * dims), on_fine, atol=1e-12)
    assert on_coarse.shape == (1, 1, *[16] * dims)


def test_gaussian_random_field_has_the_stated_spectrum(conditions):
    c = conditions([32, 32], [[1.0, 1.0]])
    field, generator = GaussianRandomField(alpha=2.5, tau=7.0, max_wavenumber=8), np.random.default_rng(0)
    draws = torch.cat([field(generator, c) for _ in range(400)])
    power = (torch.fft.fft2(draws) / 32**2).abs().square().mean((0, 1))
    for m, n in ((1, 0), (2, 3), (0, 5)):
        # sigma = tau^(alpha - d/2); the mean of 400 squares has a relative deviation of 1/20.
        expected = 2 * 7.0**3 * (4 * math.pi**2 * (m * m + n * n) + 49) ** -2.5
        assert float(power[m, n]) == pytest.approx(expected, rel=0.25)
    assert float(power[0, 0]) < 1e-25
    assert float(power[9, 0]) < 1e-20
    with pytest.raises(ValueError, match="max_wavenumber: expected less than half of 16 grid points, got 8"):
        field(generator, conditions([16, 16], [[1.0, 1.0]]))


def test_single_precision_steps_follow_double_ones(conditions):
    c = conditions([64, 64], [[1.0, 1.0]] * 2, viscosity=[1e-3, 2e-3])
    x, y = c.geometry.coordinates(c.extent).unbind(1)
    u = (torch.sin(2 * math.pi * x) * torch.cos(4 * math.pi * y) + torch.cos(2 * math.pi * (x + y)))[:, None]
    ends = []
    for precision in ("float64", "float32"):
        solver = SpectralSolver(NavierStokes(), ETDRK4(), 0.05, precision)
        progress = begin(solver, u[:, None], torch.zeros(2, 1), c, torch.arange(2))
        (state,) = rollout(solver, progress, torch.ones(2, 1, dtype=torch.float64), c)
        assert state.u.dtype == torch.float64
        ends.append(state.u)
    error = float((ends[1] - ends[0]).norm() / ends[0].norm())
    assert 1e-9 < error < 1e-5


@pytest.mark.parametrize("integrator", [ETDRK4(), ExponentialAdams()])
def test_a_state_that_somebody_changed_is_not_taken_for_the_old_one(conditions, integrator):
    """The solver remembers the transform and the past of the state that it returned."""
    c = conditions([32], [[22.0]])
    u = torch.sin(2 * math.pi * c.geometry.coordinates(c.extent) / 22)
    solver, zero = SpectralSolver(KuramotoSivashinsky(), integrator, 0.05), torch.zeros(1, dtype=torch.float64)
    with torch.no_grad():
        first, memory = solver.advance(u, zero, zero + 0.2, c, {})
        again, _ = solver.advance(first, zero, zero + 0.2, c, memory)
        copied, _ = solver.advance(first.clone(), zero, zero + 0.2, c, memory)
        assert torch.allclose(again, copied, rtol=0, atol=1e-14)
        halved, _ = solver.advance(0.5 * first, zero, zero + 0.2, c, memory)
        fresh, _ = solver.advance(0.5 * first, zero, zero + 0.2, c, {})
        first *= 0.5
        in_place, _ = solver.advance(first, zero, zero + 0.2, c, memory)
    assert torch.equal(in_place, halved)
    assert torch.equal(fresh, halved)
    assert not torch.allclose(in_place, again, atol=1e-3)


def test_the_gradient_with_respect_to_a_state_on_the_way(conditions):
    c = conditions([32], [[22.0]])
    u = torch.sin(2 * math.pi * c.geometry.coordinates(c.extent) / 22)
    solver, zero = SpectralSolver(KuramotoSivashinsky(), ETDRK4(), 0.05), torch.zeros(1, dtype=torch.float64)
    first, memory = solver.advance(u.requires_grad_(), zero, zero + 0.2, c, {})
    second, _ = solver.advance(first, zero, zero + 0.2, c, memory)
    (gradient,) = torch.autograd.grad(second.square().sum(), first)
    assert float(gradient.norm()) > 0.1


def test_weights_of_symbols_that_repeat(conditions):
    """Symbols of two axes are summed up once each; a row of single modes has no axes to share."""
    generator = torch.Generator().manual_seed(0)
    symbol = -torch.randint(0, 40, (3, 1, 9, 7), generator=generator).double()
    h = torch.tensor([0.1, 0.2, 3.0], dtype=torch.float64)
    shared, alone = ETDRK4().coefficients(symbol, h), ETDRK4().coefficients(symbol.flatten(2), h)
    for name, c in shared.items():
        assert torch.allclose(c.flatten(2), alone[name], rtol=1e-12, atol=0)


def test_the_gradient_of_a_parameter_that_rows_share(conditions):
    c = conditions([8, 8], [[1.0, 1.0]] * 2, viscosity=[1e-2, 1e-2])
    u = torch.sin(2 * math.pi * c.geometry.coordinates(c.extent)).sum(1, keepdim=True)
    u = u + torch.cos(2 * math.pi * c.geometry.coordinates(c.extent)[:, :1]) * u
    solver, zero = SpectralSolver(NavierStokes(), ETDRK4(), 0.1), torch.zeros(2, dtype=torch.float64)
    params = c.params.clone().requires_grad_()
    end, _ = solver.advance(u, zero, zero + 0.2, replace(c, params=params), {})
    (gradient,) = torch.autograd.grad(end.square().sum(), params)
    assert float(gradient[0]) == pytest.approx(float(gradient[1]), rel=1e-10)
    assert float(gradient[0]) < 0


@pytest.mark.parametrize("integrator", [ETDRK4(), ExponentialAdams(3)])
def test_a_batch_that_is_stepped_in_blocks(conditions, integrator, monkeypatch):
    """Blocks of two rows, the last one of one, with steps of two sizes, across stored times."""
    c = conditions([12, 10], [[1.0, 1.0]] * 5, viscosity=[1e-3, 2e-3, 3e-3, 4e-3, 5e-3])
    u = torch.randn(5, 1, 12, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([[0.1, 0.2], [0.15, 0.35], [0.1, 0.2], [0.1, 0.15], [0.02, 0.2]], dtype=torch.float64)
    solver = SpectralSolver(NavierStokes(), integrator, 0.02)
    found = []
    for size in (2**19, 2 * 12 * 10 * 8):
        monkeypatch.setattr(spectral_solver, "BYTES_AT_ONCE", size)
        with torch.no_grad():
            progress = begin(solver, u[:, None], torch.zeros(5, 1, dtype=torch.float64), c, torch.arange(5))
            found.append([state.u for state in rollout(solver, progress, times, c)])
    for whole, blocks in zip(*found, strict=True):
        assert torch.allclose(whole, blocks, rtol=1e-12, atol=1e-13)
    u[3] = torch.nan
    with torch.no_grad(), pytest.raises(InstabilityError) as raised:
        solver.advance(u, torch.zeros(5, dtype=torch.float64), times[:, 0], c, {})
    assert raised.value.rows == [3]
