"""A coarse solver and its correction: what is missing closes exactly, and gradients flow through the solver."""

import pytest
import torch
from small_problem import BATCH, GRID, Answering, fitted, problem

from tendency.simulation.geometry import Boundary, Grid, PointCloud
from tendency.simulation.simulator import InstabilityError, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.solvers.spectral_solver import SpectralSolver
from tendency.surrogates.predictions.corrected import CorrectedPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

STEPS = 3


class Described(KuramotoSivashinsky):
    """The same equation with a parameter that it ignores, so that networks of one size serve all tests."""

    def __init__(self):
        super().__init__()
        self.parameter_names = ("diffusivity",)


def coarse(max_step=0.25):
    return SpectralSolver(Described(), ETDRK4(), max_step=max_step)


@pytest.fixture(scope="module")
def truth():
    """Windows of a chaotic flow, present at the first of STEPS + 1 snapshots."""
    solver, conditions, u = problem(Described(), 16.0)
    t = 0.25 * torch.arange(STEPS + 1, dtype=torch.float64).expand(BATCH, -1)
    start = begin(solver, 2 * u[:, None], t[:, :1], conditions, torch.arange(BATCH))
    states = [start.u, *(state.u for state in rollout(solver, start, t[:, 1:], conditions))]
    index = torch.arange(BATCH)
    return Window(torch.stack(states, 1), t, conditions, None, index, 0 * index, torch.ones_like(index))


def started(stepper, data):
    return begin(stepper, *data.history(stepper.history), data.conditions, data.index)


def test_it_closes_exactly_when_the_network_says_what_the_solver_misses(truth):
    prediction = CorrectedPrediction(coarse(), coarsening=2)
    normalizer = fit_normalizer(prediction, [truth.moved(shift) for shift in range(STEPS)])
    asked = []

    def answer(u, c):
        present = truth.moved(len(asked))
        asked.append(u)
        return stepper.network(truth.conditions).encode_output(
            prediction.label(present, present.at(0)), prediction.step(present)
        )

    stepper = SurrogateStepper(Answering(prediction, answer), prediction, normalizer)
    for offset, state in enumerate(
        rollout(stepper, started(stepper, truth), truth.times(1, STEPS), truth.conditions), 1
    ):
        assert torch.allclose(state.u, truth.at(offset), rtol=1e-10, atol=1e-12), offset
    # There is something to correct, and the network saw the state and the solver's answer to it.
    miss = prediction.label(truth, truth.at(0)).norm() / truth.at(1).norm()
    assert 1e-5 < miss < 0.5
    seen = normalizer.fields.decode(asked[0])
    assert torch.allclose(seen[:, :1], truth.at(0))
    assert torch.allclose(seen[:, 1:], truth.at(1) - prediction.label(truth, truth.at(0)))


def test_a_report_shows_the_solver_that_is_corrected_and_nothing_beside_another_prediction():
    prediction = CorrectedPrediction(coarse(), coarsening=2)
    assert prediction.companion() == ("coarse solver", prediction.coarse)
    assert StatePrediction().companion() is None


def test_pair_compares_with_the_miss_per_unit_of_time(truth):
    prediction = CorrectedPrediction(coarse(), coarsening=2)
    stepper = fitted(prediction, truth)
    memory = started(stepper, truth).memory
    network = stepper.network(truth.conditions)
    u = truth.at(0) + 0.1
    y, label = prediction.pair(network, truth, u, memory, truth.index)
    rate = prediction.label(truth, u) / 0.25
    assert torch.allclose(label, stepper.normalizer.outputs.encode(rate), rtol=1e-9, atol=1e-9)
    u_next, _ = stepper.advance(u, truth.time(0), truth.time(1), truth.conditions, memory)
    guess = truth.at(1) - prediction.label(truth, u)
    assert torch.allclose(u_next, guess + 0.25 * stepper.normalizer.outputs.decode(y), rtol=1e-12, atol=1e-12)


def test_without_coarsening_the_solver_of_the_data_leaves_nothing_to_correct(truth):
    solver, _, _ = problem(Described(), 16.0)
    prediction = CorrectedPrediction(solver, coarsening=1)
    assert prediction.label(truth, truth.at(0)).abs().max() < 1e-12


def test_what_the_coarse_grid_resolves_is_left_to_the_solver_alone():
    """Heat is exact on any grid for the modes that it holds, so the miss is the part that does not fit."""
    solver, conditions, u = problem(Heat(), 16.0)
    prediction = CorrectedPrediction(solver, coarsening=2)
    t, dt = torch.zeros(BATCH, dtype=torch.float64), torch.full((BATCH,), 0.3, dtype=torch.float64)
    fine, _ = solver.advance(u, t, dt, conditions, solver.start(u[:, None], t[:, None], conditions, t.long()))
    memory = prediction.start(u[:, None], t[:, None], conditions, t.long())["simulator"]
    guess, _ = prediction.guess(u, t, dt, conditions, memory)
    assert torch.allclose(guess, fine, atol=1e-12)


def test_gradients_of_a_rollout_flow_through_the_solver(truth):
    stepper = fitted(CorrectedPrediction(coarse(), coarsening=2), truth)
    weight = next(stepper.surrogate.parameters())

    def loss():
        *_, end = rollout(stepper, started(stepper, truth), truth.times(1, STEPS), truth.conditions)
        return end.u.square().mean()

    (gradient,) = torch.autograd.grad(loss(), weight)
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            weight += step * direction
            values.append(loss().item())
            weight -= step * direction
    slope = (values[0] - values[1]) / 2e-5
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-5)


def test_a_batch_equals_its_members_and_a_trajectory_that_breaks_down_is_lost_alone(truth):
    stepper = fitted(CorrectedPrediction(coarse(), coarsening=2), truth)
    with torch.no_grad():
        *_, whole = rollout(stepper, started(stepper, truth), truth.times(1, STEPS), truth.conditions)
        one = map_tensors(lambda x: x[2:3], truth)
        *_, alone = rollout(stepper, started(stepper, one), one.times(1, STEPS), one.conditions)
        assert torch.allclose(alone.u[0], whole.u[2], rtol=1e-12)
        broken = map_tensors(torch.clone, truth)
        broken.u[1] = 1e200  # its square overflows inside the solver
        *_, end = rollout(stepper, started(stepper, broken), broken.times(1, STEPS), broken.conditions)
    assert torch.isnan(end.u[1]).all()
    assert torch.allclose(end.u[[0, 2]], whole.u[[0, 2]], rtol=1e-10)
    # The solver by itself stops, as data generation wants it.
    with pytest.raises(InstabilityError):
        coarse().advance(broken.at(0), broken.time(0), broken.time(1), broken.conditions, {})


def test_the_solver_works_in_double_precision(truth):
    prediction = CorrectedPrediction(coarse(), coarsening=2)
    single = map_tensors(lambda x: x.float() if x.ndim > 2 else x, truth)
    label = prediction.label(single, single.at(0))
    assert label.dtype == torch.float32
    assert torch.allclose(label.double(), prediction.label(truth, truth.at(0)), atol=3e-6)


def test_grids_that_it_cannot_work_on_are_refused():
    prediction = CorrectedPrediction(coarse(), coarsening=3)
    prediction.check(Grid([12], Boundary.periodic(1)))
    with pytest.raises(ValueError, match=r"prediction.coarsening: expected a divisor of \[16\]"):
        prediction.check(GRID)
    with pytest.raises(ValueError, match="at least 4 points, got 3"):
        prediction.check(Grid([9], Boundary.periodic(1)))
    nodes = PointCloud(torch.rand(5, 1, dtype=torch.float64), torch.full((5,), 0.2).double(), Boundary.periodic(1))
    with pytest.raises(ValueError, match="prediction.coarsening: a coarse solver needs a grid"):
        prediction.check(nodes)
