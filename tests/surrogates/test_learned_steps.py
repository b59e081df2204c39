"""Histories, ranges of steps and batches of several times: what was learned is answered, and nothing else."""

import pytest
import torch
from small_problem import BATCH, fitted, window

from tendency.simulation.simulator import begin, rollout
from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth
from tendency.surrogates.integrators.runge_kutta import RungeKutta4
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import CentralDifference
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.predictions.state import StatePrediction

WITH_HISTORY = [
    StatePrediction(history=3),
    IncrementPrediction(history=3, bundle=2),
    DerivativePrediction(CentralDifference(), AdamsBashforth(2), history=3),
]


@pytest.mark.parametrize("prediction", WITH_HISTORY, ids=lambda prediction: type(prediction).__name__)
def test_a_history_lies_at_the_learned_steps_and_so_do_the_times(prediction):
    data = window(3, 0.1, 2)
    stepper = fitted(prediction, data).having_learned(LearnedSteps(0.1, 0.1))
    u, t = data.history(3)
    steps = stepper.predict(u, t, [0.3, 0.4, 0.5, 0.6], data.conditions)
    assert torch.allclose(stepper.predict(u, t, [0.6], data.conditions)[:, 0], steps[:, -1])
    with pytest.raises(ValueError, match=r"learned, dt = 0.1; expected times .* got 0.35 after 0.2"):
        stepper.predict(u, t, [0.35], data.conditions)
    for times in ([0.0, 0.2, 0.4], [0.0, 0.15, 0.25], [0.0, 0.1, 0.1]):
        apart = torch.tensor(times, dtype=torch.float64).expand(BATCH, -1)
        with pytest.raises(
            ValueError, match=r"the 3 snapshots that the network sees lie at even steps of dt = 0.1; got"
        ):
            begin(stepper, u, apart, data.conditions, data.index)
    late = torch.tensor([[0.0, 0.1, 0.2]] * (BATCH - 1) + [[0.0, 0.3, 0.4]], dtype=torch.float64)
    with pytest.raises(ValueError, match="even steps of dt = 0.1; got 0.3, 0.1"):
        begin(stepper, u, late, data.conditions, data.index)
    with pytest.raises(ValueError, match="even steps of dt = 0.1; got 0.2, 0.2"):
        prediction.num_steps(0.2, stepper.learned)


@pytest.mark.parametrize("kind", [StatePrediction, IncrementPrediction])
def test_a_range_of_steps_is_answered_within_it(kind):
    data = window()
    stepper = fitted(kind(conditioned_on=["dt"]), data).having_learned(LearnedSteps(0.1, 0.4))
    u, t = data.history(1)

    def answer(*times):
        return stepper.predict(u, t, times, data.conditions)

    free = stepper.having_learned(None)
    assert torch.equal(answer(0.25), free.predict(u, t, [0.25], data.conditions))
    # The fewest equal steps: 3 of 0.3, not 9 of 0.1.
    assert torch.allclose(answer(0.9)[:, 0], free.predict(u, t, [0.3, 0.6, 0.9], data.conditions)[:, -1])
    with pytest.raises(ValueError, match=r"learned, dt from 0.1 to 0.4; expected times .* got 0.05 after 0"):
        answer(0.05)
    # Row 0 asks for one step of 0.3, row 1 for two of 0.4, row 2 for two of 0.35: two each is 0.15, 0.4, 0.35.
    each = torch.tensor([[0.3], [0.8], [0.7]], dtype=torch.float64)
    halves = torch.cat([each / 2, each], 1)
    assert torch.allclose(answer_rows(stepper, data, each)[:, 0], answer_rows(free, data, halves)[:, -1])


def answer_rows(stepper, data, times):
    return stepper.predict(*data.history(1), times, data.conditions)


def test_a_derivative_goes_far_by_steps_of_at_most_the_learned_length():
    """``predict`` alone: a rollout takes one step of the integrator to each time, as reports do that ask for that."""
    data = window()
    prediction = DerivativePrediction(CentralDifference(), RungeKutta4())
    stepper = fitted(prediction, window(2)).having_learned(LearnedSteps(0.1, 0.1))
    calls = []
    stepper.surrogate.register_forward_hook(lambda *_: calls.append(1))
    stepper.predict(*data.history(1), [0.05, 0.5], data.conditions)
    assert len(calls) == 4 * (1 + 5)
    calls.clear()
    start = begin(stepper, *data.history(1), data.conditions, data.index)
    list(rollout(stepper, start, start.t[:, None] + torch.tensor([0.05, 0.5]), data.conditions))
    assert len(calls) == 4 * 2


def test_a_batch_is_refused_where_its_trajectories_need_different_numbers_of_steps():
    data = window()
    stepper = fitted(StatePrediction(), data).having_learned(LearnedSteps(0.1, 0.1))
    with pytest.raises(ValueError, match="got 0.1 after 0"):
        answer_rows(stepper, data, torch.tensor([[0.2], [0.1], [0.2]], dtype=torch.float64))
