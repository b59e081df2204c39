"""Histories in and bundles out: a rollout is the loop that one would write by hand."""

import math

import pytest
import torch
from small_problem import BATCH, Answering, fitted, window

from tendency.simulation.simulator import Progress, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import CentralDifference
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

DT = 0.1


def after(first, stop):
    """The times (T,) of the steps first ... stop - 1 after the present."""
    return DT * torch.arange(first, stop, dtype=torch.float64)


def in_physical_units(stepper, snapshots, conditions, dt):
    """The network's answer to a list of snapshots, its normalisation written out."""
    units = stepper.normalizer
    seen = (torch.cat(snapshots, 1) - units.fields.mean) / units.fields.std
    told = torch.cat([conditions.params, torch.full((BATCH, 1), dt, dtype=torch.float64)], 1)
    told = torch.stack(
        [
            (column - mean) / std if std > 0 else torch.zeros_like(column)
            for column, mean, std in zip(told.unbind(1), units.conditions.mean, units.conditions.std, strict=True)
        ],
        1,
    )
    x = conditions.geometry.coordinates(conditions.extent)
    return stepper.surrogate(seen, told, x) * units.outputs.std + units.outputs.mean


def by_hand(stepper, data, kind, bundle, steps):
    """The states at so many steps after the present, and the number of network calls."""
    history, _ = data.history(stepper.history)
    states = list(history.unbind(1))
    made, calls = [], 0
    while len(made) < steps:
        present = states[-1]
        y = in_physical_units(stepper, states[-stepper.history :], data.conditions, DT)
        calls += 1
        for m in range(bundle):
            answer = y[:, m : m + 1]
            made.append(answer if kind is StatePrediction else present + (m + 1) * DT * answer)
            states.append(made[-1])
    return torch.stack(made[:steps], 1), calls


def started(stepper, data):
    return begin(stepper, *data.history(stepper.history), data.conditions, data.index)


@pytest.mark.parametrize("kind", [StatePrediction, IncrementPrediction])
@pytest.mark.parametrize(("history", "bundle"), [(1, 1), (3, 1), (1, 4), (3, 4), (2, 3)])
def test_a_rollout_equals_the_loop_written_by_hand(kind, history, bundle):
    data = window(history, DT, bundle)
    stepper = fitted(kind(history=history, conditioned_on=["dt"], bundle=bundle), data)
    steps = 2 * bundle + 1
    times = data.time(0)[:, None] + after(1, steps + 1)
    calls = []
    stepper.surrogate.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        states = torch.stack([s.u for s in rollout(stepper, started(stepper, data), times, data.conditions)], 1)
        assert len(calls) == math.ceil(steps / bundle)
        expected, _ = by_hand(stepper, data, kind, bundle, steps)
    assert torch.allclose(states, expected, rtol=1e-12, atol=1e-12)
    assert stepper.prediction.network_calls == 1 / bundle


def test_a_derivative_with_a_history_equals_the_loop_written_by_hand():
    data = window(3, DT)
    prediction = DerivativePrediction(CentralDifference(), AdamsBashforth(2), history=3)
    stepper = fitted(prediction, data)
    states, slopes = list(data.history(3)[0].unbind(1)), []
    times = data.time(0)[:, None] + after(1, 5)
    with torch.no_grad():
        rolled = [s.u for s in rollout(stepper, started(stepper, data), times, data.conditions)]
        network = stepper.network(data.conditions)
        for u in rolled:
            seen = torch.cat(states[-3:], 1)
            one = torch.ones(BATCH, dtype=torch.float64)
            slopes.append(network.decode_output(network.raw(seen, one, data.conditions.params), one))
            slope = slopes[-1] if len(slopes) == 1 else 1.5 * slopes[-1] - 0.5 * slopes[-2]
            states.append(states[-1] + DT * slope)
            assert torch.allclose(u, states[-1], rtol=1e-12)


@pytest.mark.parametrize("kind", [StatePrediction, IncrementPrediction])
def test_a_perfect_output_makes_the_next_snapshots_and_has_no_loss(kind):
    data = window(2, DT, 3)
    prediction = kind(history=2, bundle=3)
    normalizer = fit_normalizer(prediction, [data])
    scale = prediction.scale(torch.full((BATCH,), DT, dtype=torch.float64)).reshape(BATCH, -1, 1)
    label = normalizer.outputs.encode(prediction.label(data, data.at(0)) / scale)
    stepper = SurrogateStepper(Answering(prediction, lambda u, c: label), prediction, normalizer)
    states = list(rollout(stepper, started(stepper, data), data.times(1, 3), data.conditions))
    for offset, state in enumerate(states, 1):
        assert torch.allclose(state.u, data.at(offset), rtol=1e-12), offset
    memory = started(stepper, data).memory
    y, wanted = prediction.pair(stepper.network(data.conditions), data, data.at(0), memory, data.index)
    assert torch.allclose(y, wanted, rtol=1e-12)


def test_every_snapshot_of_a_bundle_of_increments_is_of_one_size():
    """The change over m steps is about m times as large; in network units it is not."""
    data = window(1, DT, 4)
    prediction = IncrementPrediction(bundle=4)
    stepper = fitted(prediction, data)
    memory = started(stepper, data).memory
    _, label = prediction.pair(stepper.network(data.conditions), data, data.at(0), memory, data.index)
    sizes = label.std((0, 2))
    assert sizes.max() / sizes.min() < 1.2
    assert label.std() == pytest.approx(1, abs=0.05)


def test_uneven_times_are_refused_before_the_network_is_asked():
    data = window(1, DT, 3)
    prediction = StatePrediction(bundle=3)
    stepper = SurrogateStepper(
        Answering(prediction, lambda u, c: u.expand(-1, 3, -1)), prediction, fit_normalizer(prediction, [data])
    )
    uneven = data.time(0)[:, None] + torch.tensor([0.1, 0.2, 0.3, 0.45])
    with pytest.raises(ValueError, match=r"bundles of 3 snapshots come at equal steps; expected dt = 0.1, got 0.15"):
        next(rollout(stepper, started(stepper, data), uneven, data.conditions))
    with pytest.raises(ValueError, match="evenly spaced times"):
        stepper.predict(*data.history(1), uneven, data.conditions)
    assert stepper.surrogate.calls == 0
    # In the middle of a bundle its step is settled, however the rollout goes on.
    *_, state = rollout(stepper, started(stepper, data), data.times(1, 1), data.conditions)
    dt = torch.full((BATCH,), 0.2, dtype=torch.float64)
    with pytest.raises(ValueError, match="expected dt = 0.1, got 0.2"):
        next(rollout(stepper, state, state.t[:, None] + dt[:, None], data.conditions))
    with pytest.raises(ValueError, match="expected dt = 0.1, got 0.2"):
        stepper.advance(state.u, state.t, dt, data.conditions, state.memory)


@pytest.mark.parametrize(
    "prediction", [StatePrediction(history=3), DerivativePrediction(CentralDifference(), AdamsBashforth(2), history=3)]
)
def test_a_history_at_other_steps_than_the_network_learned_from_is_refused(prediction):
    data = window(3, DT)
    stepper = fitted(prediction, data)
    with pytest.raises(ValueError, match=r"prediction.history: the 3 snapshots .* expected dt = 0.1, got 0.2"):
        stepper.predict(*data.history(3), data.time(0)[:, None] + 2 * after(1, 3), data.conditions)
    # Another dt is served as long as the history has it as well.
    apart = window(3, 2 * DT)
    stepper.predict(*apart.history(3), apart.time(0)[:, None] + 2 * after(1, 3), apart.conditions)


def test_rows_in_different_phases_of_their_bundles_go_on_by_themselves():
    """Row 0 stands at the beginning of a bundle, row 1 after one snapshot of its, row 2 after two."""
    data = window(2, DT, 3)
    stepper = fitted(IncrementPrediction(history=2, bundle=3), data)
    times = data.time(0)[:, None] + after(1, 8)
    with torch.no_grad():
        along = [started(stepper, data), *rollout(stepper, started(stepper, data), times, data.conditions)]
        rows = [map_tensors(lambda x, i=i: x[i : i + 1], along[i]) for i in range(BATCH)]
        mixed = Progress(
            torch.cat([r.u for r in rows]),
            torch.cat([r.t for r in rows]),
            {
                "past": torch.cat([r.memory["past"] for r in rows]),
                "step": torch.cat([r.memory["step"] for r in rows]),
                "bundle": {k: torch.cat([r.memory["bundle"][k] for r in rows]) for k in rows[0].memory["bundle"]},
            },
        )
        ahead = mixed.t[:, None] + after(1, 5)
        for step, state in enumerate(rollout(stepper, mixed, ahead, data.conditions), 1):
            for row in range(BATCH):
                assert torch.allclose(state.u[row], along[row + step].u[row], rtol=1e-12)


def test_a_bundle_is_trained_on_windows_that_hold_it():
    prediction = StatePrediction(history=2, bundle=3)
    assert prediction.offsets == (-1, 0, 1, 2, 3)
    assert prediction.in_channels(2) == 4
    assert prediction.out_channels(2) == 6
