"""The settings of a solver that a surrogate is compared with: each once, and each at its best."""

import copy
from dataclasses import replace

import pytest
import torch

from tendency.app.break_even.solver_settings import SolverRun, describe_integrator, solver_settings
from tendency.app.configuration.build import build_problem
from tendency.app.configuration.small_form import problem_node
from tendency.simulation.geometry import Grid
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.etdrk import ETDRK2, ETDRK4
from tendency.solvers.exponential_adams import ExponentialAdams
from tendency.surrogates.predictions.coarse_solver import CoarseSolver

NODE = problem_node("kuramoto_sivashinsky", small=True)


@pytest.fixture(scope="module")
def problem():
    return build_problem(NODE)


def test_no_setting_stands_twice(problem):
    """Its own integrator is Adams of order 4, and four of its steps are the time between snapshots."""
    schemes = {"Adams 4": ExponentialAdams(4), "Adams 3": ExponentialAdams(3), "ETDRK2": ETDRK2()}
    factors = [1, 2, 4, 8, 16]
    settings = list(solver_settings(problem, schemes, [1, 2], factors, ["float64"], 0.2 + 1e-13))
    labels = [setting.label for setting in settings]
    assert labels[:3] == [f"64, its own integrator, {factor} x the step, float64" for factor in (1, 2, 4)]
    assert len(labels) == 2 * 3 * 3
    assert not any("Adams 4" in label for label in labels)
    last = list(solver_settings(problem, {}, [1], [3, 8], ["float64"], 0.2))
    assert [setting.label.split(", ")[2] for setting in last] == ["3 x the step", "8 x the step"]


class Stateless:
    """A solver that states no settings."""

    history = 1

    def start(self, u, t, conditions, seed):
        return {}


def test_a_solver_that_states_no_settings_has_its_own_alone(problem):
    other = copy.copy(problem)
    other.simulator = Stateless()
    settings = list(solver_settings(other, {"ETDRK2": ETDRK2()}, [1, 2], [1, 2], ["float64", "float32"], 0.2))
    assert [s.label for s in settings] == [f"{n}, its own integrator, 1 x the step, float64" for n in (64, 32)]
    assert [s.is_own for s in settings] == [True, False]


def test_the_setting_that_made_the_data_is_known(problem):
    schemes, precisions = {"ETDRK2": ETDRK2()}, ["float64", "float32"]
    (own,) = (s for s in solver_settings(problem, schemes, [1, 2], [1, 2], precisions, 0.2) if s.is_own)
    assert (own.shape, own.integrator, own.step_factor, own.precision) == ((64,), "its own integrator", 1, "float64")
    assert not any(s.is_own for s in solver_settings(problem, schemes, [2], [1, 2], precisions, 0.2))
    single = copy.copy(problem)
    single.simulator = problem.simulator.with_settings(replace(problem.simulator.settings(), precision="float32"))
    (own,) = (s for s in solver_settings(single, schemes, [1], [1], precisions, 0.2) if s.is_own)
    assert own.precision == "float32"


def test_a_scheme_is_its_settings_and_not_where_it_lies_in_memory():
    assert (
        describe_integrator(ExponentialAdams(4))
        == describe_integrator(ExponentialAdams(4))
        != describe_integrator(ExponentialAdams(3))
    )
    assert describe_integrator(ETDRK2()) != describe_integrator(ETDRK4())
    assert " at 0x" not in str(describe_integrator(ExponentialAdams(4)))


def test_a_multistep_scheme_keeps_its_past_on_a_grid_of_its_own(problem, monkeypatch):
    draw, solver = problem.draws("train", [0]), problem.simulator
    times = draw.times[:, :1] + 0.2 * torch.arange(1, 7, dtype=torch.float64)
    evaluations, equation = [], solver.equation
    counted = equation.nonlinear_term
    monkeypatch.setattr(equation, "nonlinear_term", lambda *given: (evaluations.append(1), counted(*given))[1])

    def rolled(simulator, u, conditions):
        evaluations.clear()
        begun = begin(simulator, u[:, None], draw.times[:, :1], conditions, torch.zeros(1).long())
        with torch.inference_mode():
            states = [state.u for state in rollout(simulator, begun, times, conditions)]
        return states[-1], len(evaluations)

    run = SolverRun(solver, 2)
    coarse = replace(draw.conditions, geometry=Grid([32], draw.conditions.geometry.boundary))
    alone, by_itself = rolled(solver, solver.resample(draw.u, draw.conditions, [32]), coarse)
    found, taken = rolled(run, draw.u, draw.conditions)
    assert torch.allclose(found, solver.resample(alone, coarse, [64]), atol=1e-12)
    # Four steps to a snapshot: one evaluation in each but for the first three, which take four.
    assert taken == by_itself == 3 * 4 + (4 * 6 - 3)
    # One that is handed each state again starts anew at each.
    assert rolled(CoarseSolver(solver, 2), draw.u, draw.conditions)[1] > 2 * taken
