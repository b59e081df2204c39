"""Eddy-turnover times: of flows whose spectrum is known, and of every problem that states one."""

import math

import pytest
import torch

from tendency.app.configuration.build import build_problem
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.small_form import problem_node
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.eddy_turnover import eddy_turnover_time

NAME = "eddy-turnover time"
PROBLEMS = sorted(
    path.stem
    for path in (conf_folder() / "pde").glob("*.yaml")
    if problem_node(path.stem).get("characteristic_time", {}).get("name") == NAME
)


def cells(amplitude, length, n=32, waves=2):
    """Vorticity of a Taylor-Green flow, and its box."""
    x = torch.arange(n, dtype=torch.float64) / n * 2 * math.pi * waves
    return amplitude * (torch.cos(x)[:, None] * torch.cos(x))[None, None], torch.full((1, 2), length).double()


@pytest.mark.parametrize(("amplitude", "length", "waves"), [(1.0, 1.0, 2), (3.0, 7.0, 5)])
def test_square_eddies_of_one_size_turn_over_as_is_known(amplitude, length, waves):
    # All modes have |k| = √2 κ, so L = 2 / |k|; u'² = <ω²> / (2 |k|²) with <ω²> = a² / 4.
    k = math.sqrt(2) * 2 * math.pi * waves / length
    speed = amplitude / 2 / (math.sqrt(2) * k)
    assert eddy_turnover_time(*cells(amplitude, length, waves=waves)) == pytest.approx(2 / k / speed, rel=1e-12)


def test_a_mean_vorticity_and_the_number_of_points_do_not_matter():
    coarse, extent = cells(2.0, 3.0)
    fine, _ = cells(2.0, 3.0, n=48)
    expected = eddy_turnover_time(coarse, extent)
    assert eddy_turnover_time(coarse + 5, extent) == pytest.approx(expected)
    assert eddy_turnover_time(fine, extent) == pytest.approx(expected)


def test_energies_are_averaged_before_anything_is_divided():
    (fast, extent), (slow, _) = cells(4.0, 2.0), cells(1.0, 2.0)
    both = eddy_turnover_time(torch.cat([fast, slow]), extent.expand(2, -1))
    # The length is the same in both; the squares of the speeds, 16 to 1, have the mean 8.5.
    assert both == pytest.approx(eddy_turnover_time(fast, extent) * math.sqrt(16 / 8.5))


def test_the_integral_length_is_the_area_under_the_correlation_of_a_velocity_component():
    # Waves of one |k| in all directions: f(r) = 2 J1(kr) / kr, whose integral is 2 / k.
    n, k = 32, 12
    angle = 2 * math.pi * torch.arange(1000, dtype=torch.float64) / 1000
    r = torch.linspace(0, 60 / k, 4001, dtype=torch.float64)
    # The component along r of a wave of the direction a has the weight sin² a, and the phase k r cos a.
    correlation = (angle.sin().square()[:, None] * torch.cos(k * r * angle.cos()[:, None])).mean(0)
    length = float(torch.trapezoid(correlation / correlation[0], r))
    assert length == pytest.approx(2 / k, rel=0.01)
    x = torch.arange(n, dtype=torch.float64) * 2 * math.pi / n
    wave = torch.cos(k * x)[None, None, :, None].expand(1, 1, n, n)
    speed = 1 / (2 * k)  # ½ <|u|²> = ½ <ω²> / k² with <ω²> = ½, and by definition u'² of an isotropic flow
    assert eddy_turnover_time(wave, torch.full((1, 2), 2 * math.pi).double()) == pytest.approx(2 / k / speed)


def measured(name, small, trajectories):
    problem = build_problem(problem_node(name, small))
    draw, solver = problem.draws("train", range(trajectories)), problem.simulator
    with torch.no_grad():
        start = problem.first_snapshot(draw)
        begun = begin(solver, start[:, None], draw.times[:, :1], draw.conditions, torch.arange(trajectories))
        states = [start, *(state.u for state in rollout(solver, begun, draw.times[:, 1:], draw.conditions))]
    extent = draw.conditions.extent.repeat(len(states), 1)
    return eddy_turnover_time(torch.cat(states), extent), problem.characteristic_time.value


def test_developed_flows_state_one():
    assert {"navier_stokes", "kolmogorov_flow", "pde_refiner_kolmogorov_flow"} <= set(PROBLEMS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_the_small_form_of_a_problem_states_is_what_its_solver_finds(name):
    found, stated = measured(name, small=True, trajectories=8)
    assert found == pytest.approx(stated, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["navier_stokes", "predicting_change_navier_stokes"])
def test_what_a_problem_states_is_what_its_solver_finds(name):
    found, stated = measured(name, small=False, trajectories=4)
    assert found == pytest.approx(stated, rel=0.05)
