"""A trained surrogate is asked for any times, also for steps that it never saw in training."""

import math

import pytest
import torch
from small_problem import BATCH, Answering, fitted, problem, window

from tendency.simulation.simulator import begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.solvers.pdes.heat import Heat
from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth
from tendency.surrogates.integrators.dormand_prince import DormandPrince
from tendency.surrogates.integrators.runge_kutta import RungeKutta4
from tendency.surrogates.integrators.substeps import Substeps
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import RichardsonDifference
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

RATE = 0.3
"""The fields of ``window`` grow like exp(RATE t)."""


def growing(integrator):
    """A derivative model of u_t = RATE u, exact."""
    prediction = DerivativePrediction(RichardsonDifference(), integrator)
    surrogate = Answering(prediction, lambda u, c: RATE * u)
    return SurrogateStepper(surrogate, prediction, Normalizer.empty(1, 1, 1))


@pytest.mark.parametrize(
    "integrator", [RungeKutta4(), AdamsBashforth(2), DormandPrince(1e-8, 1e-8), Substeps(AdamsBashforth(2), 10)]
)
def test_predict_reaches_any_list_of_times(integrator):
    data = window()
    times = [0.05, 0.06, 0.4, 0.9, 1.0]
    states = growing(integrator).predict(*data.history(1), times, data.conditions)
    assert states.shape == (BATCH, 5, *data.at(0).shape[1:])
    for state, t in zip(states.unbind(1), times, strict=True):
        exact = data.at(0) * math.exp(RATE * t)
        assert torch.allclose(state, exact, rtol=2e-3 if isinstance(integrator, AdamsBashforth) else 1e-4)


def test_predict_is_a_rollout_without_gradients_in_the_precision_of_the_network():
    data = window()
    prediction = IncrementPrediction(conditioned_on=["dt"])
    stepper = fitted(prediction, data).float()
    times = torch.tensor([[0.1, 0.3], [0.2, 0.3], [0.1, 0.15]], dtype=torch.float64)
    u, t = data.history(1)
    states = stepper.predict(u, t, times, data.conditions)
    assert states.dtype == torch.float64
    assert not states.requires_grad
    start = begin(stepper, u.float(), t, data.conditions, data.index)
    expected = [state.u for state in rollout(stepper, start, times, data.conditions)]
    assert torch.equal(states.float(), torch.stack(expected, 1))
    one = map_tensors(lambda x: x[1:2], data)
    assert torch.allclose(stepper.predict(*one.history(1), [0.2, 0.3], one.conditions)[0], states[1], rtol=1e-5)


def test_times_that_do_not_increase_are_refused():
    data = window()
    for times in ([0.0, 0.1], [0.2, 0.1], [-1.0], [math.inf], [math.nan, 0.1], [0.1, math.nan]):
        with pytest.raises(ValueError, match="times: expected finite times that increase from t = 0"):
            growing(RungeKutta4()).predict(*data.history(1), times, data.conditions)
    assert growing(RungeKutta4()).predict(*data.history(1), [], data.conditions).shape[1] == 0
    with pytest.raises(ValueError, match="expected 1 snapshots to start from, got 2"):
        growing(RungeKutta4()).predict(*window(2).history(2), [0.5], data.conditions)


def test_labels_of_fine_data_train_a_model_that_is_asked_for_coarse_steps():
    """u_t belongs to no step: made from snapshots 0.01 apart, it is integrated over steps of 0.5."""
    fine = window(3, dt=0.01, future=3)
    prediction = DerivativePrediction(RichardsonDifference(), RungeKutta4())
    normalizer = fit_normalizer(prediction, [fine])

    def learned(u, c):
        """The least-squares fit of the label to the state: a linear model, in network units."""
        state, label = fine.at(0), prediction.label(fine, fine.at(0))
        rate = (label * state).sum() / state.square().sum()
        return normalizer.outputs.encode(rate * normalizer.fields.decode(u))

    stepper = SurrogateStepper(Answering(prediction, learned), prediction, normalizer)
    states = stepper.predict(fine.at(0)[:, None], fine.time(0)[:, None], [0.52, 1.02, 1.52], fine.conditions)
    exact = fine.at(0) * math.exp(RATE * 1.5)
    assert torch.allclose(states[:, -1], exact, rtol=1e-4)


def test_an_increment_keeps_its_size_over_other_steps():
    """Normalised per unit of time: over a step never trained on, a constant rate makes a change in proportion."""
    data = window()
    prediction = IncrementPrediction()
    rate = torch.full((BATCH, 1, data.u.shape[-1]), 0.7, dtype=torch.float64)
    normalizer = fit_normalizer(prediction, [data])
    stepper = SurrogateStepper(
        Answering(prediction, lambda u, c: normalizer.outputs.encode(rate)), prediction, normalizer
    )
    for dt in (0.01, 0.1, 0.35):
        states = stepper.predict(*data.history(1), [dt], data.conditions)
        assert torch.allclose(states[:, 0], data.at(0) + 0.7 * dt, rtol=1e-10)


@pytest.mark.parametrize("kind", [StatePrediction, IncrementPrediction])
def test_a_stride_predicts_over_several_snapshots(kind):
    """Labels, histories, dt and units are those of the snapshots that lie a stride apart."""
    data = window(5, future=4)
    strided = data.moved(stride=2)
    prediction = kind(history=3, conditioned_on=["dt"], bundle=2)
    stepper = fitted(prediction, strided)
    scale = prediction.scale(prediction.step(strided)).reshape(BATCH, -1, 1)
    assert torch.allclose(prediction.step(strided), torch.full((BATCH,), 0.2, dtype=torch.float64))
    base = 0 if kind is StatePrediction else data.at(0)
    expected = torch.cat([data.at(2) - base, data.at(4) - base], 1)
    u, t = strided.history(3)
    assert torch.equal(u, torch.stack([data.at(-4), data.at(-2), data.at(0)], 1))
    memory = stepper.start(u, t, data.conditions, data.index)
    _, label = prediction.pair(stepper.network(data.conditions), strided, strided.at(0), memory, data.index)
    assert torch.allclose(label, stepper.normalizer.outputs.encode(expected / scale), rtol=1e-9)
    assert label.std(correction=0) == pytest.approx(1, abs=0.1)


def test_seeds_default_to_the_row():
    data = window()
    _, conditions, _ = problem(Heat(), 16.0)
    stepper = fitted(IncrementPrediction(), data)
    a = stepper.predict(*data.history(1), [0.1], conditions)
    b = stepper.predict(*data.history(1), [0.1], conditions, seed=torch.arange(BATCH))
    assert torch.equal(a, b)
