"""The cavity against published profiles, the Stokes modes of a square, and what its scheme conserves."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.fft import dstn, idstn
from scipy.interpolate import CubicSpline

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.explicit_runge_kutta import ExplicitRK4, RungeKuttaLegendre
from tendency.solvers.initial_conditions.random_eddies import RandomEddies
from tendency.solvers.method_of_lines_solver import MethodOfLinesSolver
from tendency.solvers.pdes.lid_driven_cavity import LidDrivenCavity, streamfunction, velocity

# Ghia, Ghia, Shin 1982, tables I and II, by the Reynolds number.
GHIA_Y = [0.9766, 0.9688, 0.9609, 0.9531, 0.8516, 0.7344, 0.6172, 0.5, 0.4531, 0.2813, 0.1719, 0.1016, 0.0703, 0.0625]
GHIA_Y += [0.0547]
GHIA_U = {
    100: "0.84123 0.78871 0.73722 0.68717 0.23151 0.00332 -0.13641 -0.20581 -0.21090 -0.15662 -0.10150 -0.06434 "
    "-0.04775 -0.04192 -0.03717",
    400: "0.75837 0.68439 0.61756 0.55892 0.29093 0.16256 0.02135 -0.11477 -0.17119 -0.32726 -0.24299 -0.14612 "
    "-0.10338 -0.09266 -0.08186",
    1000: "0.65928 0.57492 0.51117 0.46604 0.33304 0.18719 0.05702 -0.06080 -0.10648 -0.27805 -0.38289 -0.29730 "
    "-0.22220 -0.20196 -0.18109",
}
GHIA_X = [0.9688, 0.9609, 0.9531, 0.9453, 0.9063, 0.8594, 0.8047, 0.5, 0.2344, 0.2266, 0.1563, 0.0938, 0.0781, 0.0703]
GHIA_X += [0.0625]
# At Re = 400 the value at x = 0.9063 is left out: a misprint, off the curve through its neighbours.
GHIA_V = {
    100: "-0.05906 -0.07391 -0.08864 -0.10313 -0.16914 -0.22445 -0.24533 0.05454 0.17527 0.17507 0.16077 0.12317 "
    "0.10890 0.10091 0.09233",
    400: "-0.12146 -0.15663 -0.19254 -0.22847 nan -0.44993 -0.38598 0.05186 0.30174 0.30203 0.28124 0.22965 0.20920 "
    "0.19713 0.18360",
    1000: "-0.21388 -0.27669 -0.33714 -0.39188 -0.51550 -0.42665 -0.31966 0.02526 0.32235 0.33075 0.37095 0.32627 "
    "0.30353 0.29012 0.27485",
}
STOKES = 52.3446911
"""The slowest decay rate of Stokes flow in the unit square (Leriche & Labrosse 2004: 13.0861727 in one of side 2)."""


def conditions(n, *reynolds, extent=1.0, sides="dirichlet", shape=None):
    empty = torch.zeros(len(reynolds), 0, dtype=torch.float64)
    params = torch.tensor(reynolds, dtype=torch.float64)[:, None]
    lengths = torch.full((len(reynolds), 2), extent, dtype=torch.float64)
    grid = Grid(shape or [n, n], Boundary([["dirichlet", "dirichlet"], ["dirichlet", sides]]))
    return Conditions(params, empty, lengths, empty, grid, ("reynolds",), ())


def solver(lid_speed=1.0, max_step=1.0):
    return MethodOfLinesSolver(LidDrivenCavity(lid_speed), ExplicitRK4(), max_step)


def solve(u, c, times, lid_speed=1.0):
    """States (B, T, 2, n, n) at the times, with the longest steps that are allowed."""
    cavity = solver(lid_speed)
    cavity.check(c)
    start = begin(cavity, u[:, None], torch.zeros(len(u), 1, dtype=torch.float64), c, torch.arange(len(u)))
    times = torch.as_tensor(times, dtype=torch.float64).expand(len(u), -1)
    with torch.no_grad():
        return torch.stack([state.u for state in rollout(cavity, start, times, c)], 1)


def at_rest(n, batch=1):
    return torch.zeros(batch, 2, n, n, dtype=torch.float64)


def eddies(c, *seeds, **options):
    return torch.cat([RandomEddies(**options)(np.random.default_rng(seed), c) for seed in seeds])


def profiles(u):
    """u along x = 0.5 and v along y = 0.5 of one state (2, n, n), as splines through the walls."""
    n = u.shape[-1]
    nodes = np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]])
    vertical = u[0, n // 2 - 1 : n // 2 + 1].mean(0).numpy()
    horizontal = u[1, :, n // 2 - 1 : n // 2 + 1].mean(1).numpy()
    return CubicSpline(nodes, [0.0, *vertical, 1.0]), CubicSpline(nodes, [0.0, *horizontal, 0.0])


def distance_to_ghia(u, reynolds):
    vertical, horizontal = profiles(u)
    of_u = np.abs(vertical(GHIA_Y) - np.array(GHIA_U[reynolds].split(), float)).max()
    of_v = np.nanmax(np.abs(horizontal(GHIA_X) - np.array(GHIA_V[reynolds].split(), float)))
    return float(of_u), float(of_v)


def test_the_steady_flow_at_reynolds_100():
    c = conditions(32, 100.0)
    before, end = solve(at_rest(32), c, [10.0, 11.0])[0]
    assert float((end - before).abs().max()) < 1e-3
    of_u, of_v = distance_to_ghia(end, 100)
    assert of_u < 6e-3
    assert of_v < 6e-3


@pytest.mark.slow
@pytest.mark.parametrize(("reynolds", "n", "end", "tolerance"), [(400, 64, 40.0, 0.017), (1000, 128, 60.0, 0.012)])
def test_the_steady_flow_at_higher_reynolds_numbers(reynolds, n, end, tolerance):
    u = solve(at_rest(n), conditions(n, float(reynolds)), [end])[0, 0]
    of_u, of_v = distance_to_ghia(u, reynolds)
    assert of_u < tolerance
    assert of_v < tolerance
    if reynolds == 1000:
        # Botella & Peyret 1998, doi:10.1016/S0045-7930(98)00002-4, tables 3 and 9.
        line = np.linspace(0, 1, 4001)
        vertical, horizontal = (profile(line) for profile in profiles(u))
        assert vertical.min() == pytest.approx(-0.3885698, abs=5e-3)
        assert horizontal.max() == pytest.approx(0.3769447, abs=5e-3)
        assert horizontal.min() == pytest.approx(-0.5270771, abs=8e-3)
        assert float(streamfunction(u[None]).min()) == pytest.approx(-0.1189366, abs=2e-3)


def test_eddies_in_a_box_at_rest_decay_at_the_stokes_rate():
    """With order 2 in space; what is left in the end is the slowest mode of the square, whatever it began with."""
    errors = []
    for n in (16, 32):
        c = conditions(n, 1.0)
        energy = solve(eddies(c, 0), c, [0.12, 0.14], lid_speed=0.0)[0].square().sum((1, 2, 3))
        errors.append(abs(float((energy[0] / energy[1]).log() / 0.04) - STOKES))
    assert errors[1] < 0.12
    assert math.log2(errors[0] / errors[1]) > 1.8


def test_without_a_lid_energy_only_decays():
    c = conditions(16, 100.0, 5000.0)
    u = eddies(c, 0, 1)
    energy = torch.cat([u[:, None], solve(u, c, torch.arange(1, 9) / 8, lid_speed=0.0)], 1).square().sum((2, 3, 4))
    assert bool((energy.diff() < 0).all())
    assert float(energy[0, -1] / energy[0, 0]) < 0.5 < 0.9 < float(energy[1, -1] / energy[1, 0])


def test_the_order_in_space():
    """Of eddies that turn and decay; with the lid its corners are singular, and the order is a little less than 2."""
    ends = []
    for n in (16, 32, 64):
        c = conditions(n, 50.0)
        psi = streamfunction(solve(eddies(c, 6, max_mode=2, amplitude=0.3), c, [0.2], lid_speed=0.0)[0])
        ends.append(psi[0, :: n // 16, :: n // 16])
    assert math.log2(float((ends[0] - ends[1]).norm() / (ends[1] - ends[2]).norm())) > 1.8


def by_calculus(n, reynolds):
    """psi = sin^2(pi x) sin^2(pi y) (1 + x + 2 y^2), and its rate: -Laplace(psi_t) = omega_t by the book."""
    nodes = torch.arange(n + 1, dtype=torch.float64) / n
    x, y = (axis.requires_grad_() for axis in torch.meshgrid(nodes, nodes, indexing="ij"))

    def d(f, axis):
        return torch.autograd.grad(f.sum(), axis, create_graph=True)[0]

    psi = (torch.sin(math.pi * x) * torch.sin(math.pi * y)) ** 2 * (1 + x + 2 * y**2)
    u, v = d(psi, y), -d(psi, x)
    omega = d(v, x) - d(u, y)
    parts = -(u * d(omega, x) + v * d(omega, y)), (d(d(omega, x), x) + d(d(omega, y), y)) / reynolds
    waves = (math.pi * np.arange(1, n)) ** 2
    rates = []
    for part in parts:
        series = dstn(part.detach().numpy()[1:-1, 1:-1], type=1) / (waves[:, None] + waves)
        rates.append(torch.nn.functional.pad(torch.from_numpy(idstn(series, type=1)), (1, 1, 1, 1)))
    return psi.detach(), rates


def test_its_rate_by_the_book():
    """Transport and diffusion, each of the size of the other: a wrong sign or factor of either is seen."""
    errors = []
    for n in (32, 64):
        psi, (transport, diffusion) = by_calculus(n, 40.0)
        assert 0.2 < float(transport.norm() / diffusion.norm()) < 5
        rate = solver(0.0).time_derivative(velocity(psi[None]), torch.zeros(1), conditions(n, 40.0))
        found, expected = streamfunction(rate)[0], transport + diffusion
        errors.append(float((found - expected).norm() / expected.norm()))
    assert errors[-1] < 6e-3
    assert math.log2(errors[0] / errors[1]) > 1.8


def test_the_lid_drags_the_fluid_along():
    """Stokes' first problem at early times, far from the corners: u = erfc((1 - y) / (2 sqrt(t / Re)))."""
    n, t, reynolds = 64, 0.6, 200.0
    u = solve(at_rest(n), conditions(n, reynolds), [t])[0, 0]
    y = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    depth = math.sqrt(t / reynolds)
    expected = torch.erfc((1 - y) / (2 * depth))
    # What the layer carries along, 2 depth / sqrt(pi), flows back below it.
    assert float((u[0, n // 2] - expected).abs().max()) < 2.5 * depth
    assert float((u[0, n // 2] - expected)[-2:].abs().max()) < 1.2 * depth


@pytest.mark.parametrize("n", [9, 16])
def test_velocity_and_streamfunction_are_one_to_one_and_there_is_no_divergence(n):
    generator = torch.Generator().manual_seed(n)
    psi = torch.nn.functional.pad(torch.randn(2, n - 1, n - 1, generator=generator, dtype=torch.float64), (1, 1, 1, 1))
    u = velocity(psi)
    assert torch.allclose(streamfunction(u), psi, atol=1e-12)
    # About each corner inside: the flux through the square between the four centres around it.
    across = u[:, 0, 1:].unfold(2, 2, 1).sum(-1) - u[:, 0, :-1].unfold(2, 2, 1).sum(-1)
    along = u[:, 1, :, 1:].unfold(1, 2, 1).sum(-1) - u[:, 1, :, :-1].unfold(1, 2, 1).sum(-1)
    assert float((across + along).abs().max()) < 1e-12 * float(across.abs().max()) * n
    assert float(across.abs().max()) > 1


def test_a_flow_stays_without_divergence():
    c = conditions(24, 300.0, 50.0)
    u = solve(eddies(c, 1, 2), c, [1.0])[:, 0]
    across = u[:, 0, 1:].unfold(2, 2, 1).sum(-1) - u[:, 0, :-1].unfold(2, 2, 1).sum(-1)
    along = u[:, 1, :, 1:].unfold(1, 2, 1).sum(-1) - u[:, 1, :, :-1].unfold(1, 2, 1).sum(-1)
    assert float((across + along).abs().max()) < 1e-13
    assert float(across.abs().max()) > 0.01


def laplace(field):
    n = field.shape[-1] - 1
    inner = field[..., 1:-1, 1:-1]
    sums = field[..., 2:, 1:-1] + field[..., :-2, 1:-1] + field[..., 1:-1, 2:] + field[..., 1:-1, :-2]
    return (sums - 4 * inner) * n**2


def test_transport_alone_keeps_energy_and_enstrophy():
    """Without viscosity sum(psi omega_t) = 0 for any flow, and sum(omega omega_t) = 0 for one that spares the walls."""
    n, generator = 24, torch.Generator().manual_seed(0)
    c = conditions(n, 1e300)
    for rim in (1, 4):
        inside = torch.randn(1, n + 1 - 2 * rim, n + 1 - 2 * rim, generator=generator, dtype=torch.float64)
        psi = torch.nn.functional.pad(inside, (rim,) * 4)
        rate = solver().time_derivative(velocity(psi), torch.zeros(1), c)
        vorticity_rate, vorticity = -laplace(streamfunction(rate)), -laplace(psi)
        size = float(vorticity_rate.norm())
        assert abs(float((psi[..., 1:-1, 1:-1] * vorticity_rate).sum())) < 1e-12 * size * float(psi.norm())
        assert abs(float(vorticity_rate.sum())) > 1e-6 * size or rim == 4
        if rim == 4:
            assert abs(float((vorticity * vorticity_rate).sum())) < 1e-12 * size * float(vorticity.norm())
            assert abs(float(vorticity_rate.sum())) < 1e-12 * size * n


@pytest.mark.parametrize(("reynolds", "end"), [(2.0, 0.1), (2000.0, 1.0)])
def test_the_longest_steps_are_stable(reynolds, end):
    """Noise of the grid's own scale dies out, whether diffusion or transport limits the step."""
    n, generator = 24, torch.Generator().manual_seed(1)
    noise = 1e-3 * torch.randn(1, n - 1, n - 1, generator=generator, dtype=torch.float64)
    u = velocity(torch.nn.functional.pad(noise, (1, 1, 1, 1)))
    assert float(solve(u, conditions(n, reynolds), [end / 2, end]).abs().max()) < 1.0


def test_each_trajectory_of_a_batch_is_its_own():
    c = conditions(16, 20.0, 100.0, 900.0)
    u = eddies(c, 3, 4, 5)
    together = solve(u, c, [0.3, 0.9])
    for row in range(3):
        alone = solve(u[row : row + 1], conditions(16, c.params[row].item()), [0.3, 0.9])
        assert torch.allclose(alone[0], together[row], rtol=0, atol=1e-13)


def test_gradients_go_through_many_steps():
    c, cavity = conditions(5, 10.0), solver(max_step=0.005)
    t, dt = torch.zeros(1, dtype=torch.float64), torch.full((1,), 0.04, dtype=torch.float64)
    u = eddies(c, 0, amplitude=0.5).requires_grad_()

    def end(u, params):
        return cavity.advance(u, t, dt, replace(c, params=params), {})[0]

    assert torch.autograd.gradcheck(end, (u, c.params.clone().requires_grad_()), fast_mode=True)


def test_resampling_keeps_the_streamfunction():
    c, cavity = conditions(32, 100.0), solver()
    u = eddies(c, 0, max_mode=2)
    finer = cavity.resample(u, c, [64, 64])
    assert torch.allclose(cavity.resample(finer, c, [32, 32]), u, atol=1e-13)
    exact = eddies(conditions(64, 100.0), 0, max_mode=2)
    assert float((finer - exact).norm() / exact.norm()) < 4e-3
    with pytest.raises(ValueError, match="pde.geometry.shape: expected cells that nest, got 32 and 24"):
        cavity.resample(u, c, [24, 24])


def test_what_is_refused():
    cavity = solver()
    with pytest.raises(ValueError, match="pde.extent: .*sides of length 1, got"):
        cavity.check(conditions(8, 100.0, extent=2.0))
    with pytest.raises(ValueError, match="pde.geometry.boundary.sides: .*dirichlet on all sides, got"):
        cavity.check(conditions(8, 100.0, sides="neumann"))
    with pytest.raises(ValueError, match="pde.geometry.shape: .*as many points on both axes"):
        cavity.check(conditions(8, 100.0, shape=[8, 16]))
    with pytest.raises(ValueError, match="pde.parameters.reynolds: expected positive values, got -1"):
        cavity.check(conditions(8, 100.0, -1.0))
    with pytest.raises(ValueError, match="pde.simulator.integrator: lid_driven_cavity transports"):
        MethodOfLinesSolver(LidDrivenCavity(), RungeKuttaLegendre(), 0.1)
    with pytest.raises(ValueError, match="pde.initial_condition: RandomEddies expects a square 2D grid"):
        eddies(conditions(8, 100.0, shape=[8, 16]), 0)
