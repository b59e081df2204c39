"""What makes a published setting that setting: facts that would be lost without a sound."""

import math
from functools import partial

import pytest
import torch

from tendency.app.configuration.build import load_problem
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.trajectory_reader import read_trajectories
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.pdes.fisher import Fisher
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.solvers.spectral import evaluate_on_grid
from tendency.solvers.spectral_solver import SpectralSolver

FNO = {"fno_navier_stokes_v1e3": (1e-3, 50), "fno_navier_stokes_v1e4": (1e-4, 30), "fno_navier_stokes_v1e5": (1e-5, 20)}
KOLMOGOROV = ["predicting_change_kolmogorov_flow", "pde_refiner_kolmogorov_flow"]
VARIED = ["pde_refiner_kuramoto_sivashinsky", "pde_refiner_kuramoto_sivashinsky_viscosity"]


def solve(solver, u, conditions, end):
    t = torch.zeros(len(u), 1, dtype=torch.float64)
    progress = begin(solver, u[:, None], t, conditions, torch.arange(len(u)))
    return next(iter(rollout(solver, progress, t + end, conditions))).u


def still(problem):
    """A fluid at rest, with its conditions."""
    draw = problem.draws("train", [0])
    return torch.zeros_like(draw.u), draw.conditions


def test_the_advection_of_predicting_change_moves_to_the_left():
    problem = load_problem("predicting_change_advection")
    draw = problem.draws("train", range(4))
    end = 0.5
    moved = solve(problem.simulator, draw.u, draw.conditions, end)
    speeds = -draw.conditions.parameter("speed")
    assert bool(((speeds > 0.1) & (speeds < 2.5)).all())
    for row, a in enumerate(speeds):
        # u(x, t) = u_0(x + a t)
        positions = (problem.geometry.axes()[0] + a * end / 16) % 1
        expected = evaluate_on_grid(draw.u[row : row + 1], [positions])
        assert torch.allclose(moved[row : row + 1], expected, atol=1e-12)


@pytest.mark.parametrize("name", FNO)
def test_the_sets_of_the_fno_paper_share_forcing_and_start_and_differ_in_viscosity_and_horizon(name):
    problem = load_problem(name, small=True)
    u, conditions = still(problem)
    x, y = conditions.geometry.coordinates(conditions.extent)[0]
    forcing = 0.1 * (torch.sin(2 * math.pi * (x + y)) + torch.cos(2 * math.pi * (x + y)))
    rate = problem.simulator.time_derivative(u, torch.zeros(1), conditions)
    assert torch.allclose(rate[0, 0], forcing, atol=1e-13)
    viscosity, horizon = FNO[name]
    full = load_problem(name)
    draw = full.draws("test", [0])
    assert float(draw.conditions.parameter("viscosity")) == viscosity
    assert draw.times[0].tolist() == list(range(horizon + 1))
    # The field's variance: 2 sigma^2 sum (4 pi^2 |n|^2 + 49)^-2.5 over the modes that the grid keeps.
    top = full.initial_condition.max_wavenumber
    n = torch.arange(-top, top + 1, dtype=torch.float64)
    squares = n[:, None] ** 2 + n[None] ** 2
    terms = torch.where(squares == 0, 0.0, (4 * math.pi**2 * squares + 49) ** -2.5)
    fields = torch.cat([full.draws("train", [i]).u for i in range(40)])
    assert float(fields.square().mean()) == pytest.approx(2 * 7.0**3 * float(terms.sum()), rel=0.2)


@pytest.mark.parametrize("name", [*FNO, "predicting_change_burgers"])
def test_what_is_stored_lies_on_every_second_or_fourth_point_of_the_solve(name):
    problem = load_problem(name)
    draw = problem.draws("train", [0])
    stride = problem.geometry.shape[0] // 64
    assert stride in (2, 4)
    assert torch.allclose(problem.stored(draw.u, draw.conditions), draw.u[:, :, ::stride, ::stride], atol=1e-11)


@pytest.mark.parametrize("name", KOLMOGOROV)
def test_kolmogorov_flow_is_forced_along_x_and_varies_along_y(name):
    problem = load_problem(name, small=True)
    u, conditions = still(problem)
    y = conditions.geometry.coordinates(conditions.extent)[0, 1]
    rate = problem.simulator.time_derivative(u, torch.zeros(1), conditions)[0, 0]
    assert torch.allclose(rate, -4 * torch.cos(4 * y), atol=1e-12)
    # Drag: the rate of a mode k = 1 at rest otherwise is -(nu + 0.1).
    x = conditions.geometry.coordinates(conditions.extent)[0, 0]
    mode = 1e-9 * torch.sin(x)
    slowed = problem.simulator.time_derivative(mode[None, None], torch.zeros(1), conditions)[0, 0] - rate
    viscosity = float(conditions.parameter("viscosity"))
    assert torch.allclose(slowed / 1e-9, -(viscosity + 0.1) * torch.sin(x), atol=1e-5)


@pytest.mark.parametrize("name", VARIED)
def test_length_and_time_step_vary_between_trajectories_and_in_the_files(name, tmp_path):
    draw = load_problem(name).draws("train", range(64))
    lengths, steps = draw.conditions.extent[:, 0], draw.times[:, 1] - draw.times[:, 0]
    for values, centre in ((lengths, 64.0), (steps, 0.2)):
        assert float(values.min()) >= 0.9 * centre
        assert float(values.max()) <= 1.1 * centre
        assert float(values.max() - values.min()) > 0.15 * centre
    # They are drawn apart: a long domain says nothing about the step.
    assert abs(float(torch.corrcoef(torch.stack([lengths, steps]))[0, 1])) < 0.4
    job = GenerationJob(partial(load_problem, name, True), tmp_path, chunk_size=4)
    manifest = generate(job, {}, {"train": 4, "valid": 4, "test": 4}, workers=1)
    assert manifest.metadata.dt is None
    trained, tested = (
        read_trajectories(tmp_path / split / "chunk-00000.hdf5", manifest.metadata) for split in ("train", "test")
    )
    lengths = torch.cat([trained.conditions.extent, tested.conditions.extent])
    assert len(set(lengths.flatten().tolist())) == 8
    spacings = torch.cat([trained.times, tested.times]).diff(dim=1)
    assert len(set(spacings[:, 0].tolist())) == 8
    assert torch.allclose(spacings, spacings[:, :1].expand_as(spacings), atol=1e-12)


def test_the_viscosity_of_pde_refiner_stands_before_the_fourth_derivative(conditions):
    c = conditions([64], [[2 * math.pi], [2 * math.pi]], viscosity=[0.5, 1.5])
    mode = 1e-8 * torch.sin(3 * c.geometry.coordinates(c.extent))
    solver = SpectralSolver(KuramotoSivashinsky("viscosity"), ETDRK4(), 0.1)
    rate = solver.time_derivative(mode, torch.zeros(2), c)
    growth = 9 - 81 * c.params[:, :, None]
    assert torch.allclose(rate / 1e-8, growth * mode / 1e-8, atol=1e-5)
    with pytest.raises(ValueError, match="viscosity"):
        solver.check(conditions([64], [[1.0]], viscosity=[-1.0]))


def test_pdebench_divides_its_viscosity_of_burgers_by_pi():
    problem = load_problem("pdebench_burgers")
    draws = [float(problem.draw("train", i).conditions.parameter("viscosity")) for i in range(200)]
    published = [1e-3, 2e-3, 4e-3, 1e-2, 2e-2, 4e-2, 0.1, 0.2, 0.4, 1.0, 2.0, 4.0]
    assert sorted({math.pi * value for value in draws}) == pytest.approx(published, rel=1e-6)


def test_pdebench_logistic_growth_starts_between_0_and_1_and_is_that_of_the_exact_solution(conditions):
    problem = load_problem("pdebench_reaction_diffusion")
    u = problem.draws("train", range(8)).u
    assert u.amin((1, 2)).tolist() == [0.0] * 8
    assert u.amax((1, 2)).tolist() == [1.0] * 8
    c = conditions([16], [[1.0], [1.0]], diffusivity=[0.5, 5.0], growth=[1.0, 10.0])
    start = torch.full((2, 1, 16), 0.2, dtype=torch.float64)
    end = solve(SpectralSolver(Fisher(), ETDRK4(), 0.005), start, c, 0.5)
    grown = 0.2 * torch.exp(0.5 * c.parameter("growth"))
    assert torch.allclose(end, (grown / (0.8 + grown)).reshape(2, 1, 1).expand_as(end), rtol=1e-7)


def test_pdebench_white_noise_is_uncorrelated_and_fills_the_box():
    draw = load_problem("pdebench_diffusion_reaction").draws("train", [0, 1])
    assert draw.u.shape == (2, 2, 128, 128)
    assert float(draw.u.std()) == pytest.approx(1.0, abs=0.02)
    assert abs(float((draw.u[..., 1:, :] * draw.u[..., :-1, :]).mean())) < 0.02
    assert abs(float((draw.u[:, 0] * draw.u[:, 1]).mean())) < 0.03


def lyapunov_exponent(conditions, rows, burn_in, horizon):
    """The mean rate at which two trajectories part on a domain of 22, their distance set back every unit of time."""
    c = conditions([32], [[22.0]] * (2 * rows))
    generator = torch.Generator().manual_seed(0)
    phase = 2 * math.pi * torch.rand(rows, 3, 1, generator=generator, dtype=torch.float64)
    x = 2 * math.pi * c.geometry.coordinates(c.extent)[:rows] / 22
    u = sum(torch.sin((n + 1) * x + phase[:, n : n + 1]) for n in range(3))
    solver = SpectralSolver(KuramotoSivashinsky(), ETDRK4(), 0.25)
    apart, size = torch.randn(u.shape, generator=generator, dtype=torch.float64), 1e-6
    apart = apart - apart.mean(2, keepdim=True)
    memory, now, one = {}, torch.zeros(2 * rows, dtype=torch.float64), torch.ones(2 * rows, dtype=torch.float64)
    growth = []
    for unit in range(burn_in + horizon):
        apart = size * apart / apart.norm(dim=2, keepdim=True)
        both, memory = solver.advance(torch.cat([u, u + apart]), now, one, c, memory)
        u, apart = both[:rows], both[rows:] - both[:rows]
        if unit >= burn_in:
            growth.append(torch.log(apart.norm(dim=2) / size).mean())
    return float(torch.stack(growth).mean())


def test_the_largest_lyapunov_exponent_of_kuramoto_sivashinsky_is_known(conditions):
    # 0.049 on a domain of 22.
    assert 0.035 < lyapunov_exponent(conditions, rows=40, burn_in=150, horizon=100) < 0.06


@pytest.mark.slow
def test_the_largest_lyapunov_exponent_of_kuramoto_sivashinsky_over_a_long_run(conditions):
    assert lyapunov_exponent(conditions, rows=100, burn_in=200, horizon=400) == pytest.approx(0.0485, abs=0.003)
