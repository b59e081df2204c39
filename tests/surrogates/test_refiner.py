"""PDE-Refiner: its noise, its targets, and samples that depend on the trajectory's seed alone."""

import pytest
import torch
from small_problem import BATCH, Answering, fitted, window

from tendency.simulation.random import mix, normal
from tendency.simulation.simulator import Progress, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.surrogates.integrators.runge_kutta import ForwardEuler
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import ForwardDifference
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.refined import RefinedPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

TARGETS = {
    "state": lambda: StatePrediction(conditioned_on=["dt"]),
    "increment": lambda: IncrementPrediction(),
    "history and bundle": lambda: IncrementPrediction(history=2, bundle=3),
}
EVERY_TARGET = pytest.mark.parametrize("name", TARGETS)


def started(stepper, data, seed=None):
    seed = data.index if seed is None else seed
    return begin(stepper, *data.history(stepper.history), data.conditions, seed)


def refinement_step(stepper, c):
    """k (B,), which the network is told last, back in its own units."""
    units = stepper.normalizer.conditions
    return (c[:, -1] * units.std[-1] + units.mean[-1]).round()


def repeated(data, times):
    """Every sample of a window so many times, each with an index of its own."""
    copies = map_tensors(lambda x: x.repeat(times, *[1] * (x.ndim - 1)), data)
    return copies, torch.arange(times * BATCH)


def test_noise_falls_from_one_to_the_smallest_in_equal_ratios():
    prediction = RefinedPrediction(StatePrediction(), num_refinements=4, smallest_noise=1e-4)
    sigma = prediction.noise_level(torch.arange(5))
    assert torch.allclose(sigma, torch.tensor([0, 1e-1, 1e-2, 1e-3, 1e-4], dtype=torch.float64), rtol=1e-12)
    assert prediction.network_calls == 5


@EVERY_TARGET
def test_the_network_sees_the_noisy_target_and_should_answer_the_noise(name):
    data = window(2, future=3)
    prediction = RefinedPrediction(TARGETS[name](), num_refinements=2, smallest_noise=1e-2)
    normalizer = fit_normalizer(prediction, [data])
    seen = {}

    def answer(u, c):
        seen["target"], seen["told"] = u[:, prediction.history :], c
        return torch.zeros_like(seen["target"])

    stepper = SurrogateStepper(Answering(prediction, answer), prediction, normalizer)
    many, key = repeated(data, 200)
    memory = stepper.start(*many.history(stepper.history), many.conditions, key)
    _, label = prediction.pair(stepper.network(many.conditions), many, many.at(0), memory, mix(key, 5))
    z = stepper.network(many.conditions).encode_output(
        prediction.target.label(many, many.at(0)), prediction.scale(prediction.step(many))
    )
    k = refinement_step(stepper, seen["told"])
    # Each step is drawn for a third of the samples.
    shares = torch.stack([(k == step).double().mean() for step in range(3)])
    assert torch.allclose(shares, torch.full((3,), 1 / 3, dtype=torch.float64), atol=0.07)
    first = k == 0
    assert torch.equal(seen["target"][first], torch.zeros_like(z[first]))
    assert torch.equal(label[first], z[first])
    sigma = (1e-2 ** (k / 2)).reshape(-1, 1, 1)
    assert torch.allclose(seen["target"][~first], (z + sigma * label)[~first], rtol=1e-12, atol=1e-12)
    noise = label[~first]
    assert abs(noise.mean()) < 0.05
    assert noise.std() == pytest.approx(1, abs=0.05)


def test_what_is_drawn_for_a_sample_depends_on_its_key_alone():
    data = window()
    stepper = fitted(RefinedPrediction(IncrementPrediction()), data)
    assert stepper.draws_noise
    assert not fitted(IncrementPrediction(), data).draws_noise
    many, key = repeated(data, 8)

    def pair(rows):
        part = map_tensors(lambda x: x[rows], many)
        memory = stepper.start(*part.history(1), part.conditions, key[rows])
        network = stepper.network(part.conditions)
        return stepper.prediction.pair(network, part, part.at(0), memory, key[rows])

    rows = torch.tensor([17, 3, 9])
    for whole, part in zip(pair(slice(None)), pair(rows), strict=True):
        assert torch.allclose(whole[rows], part, rtol=1e-12)


@EVERY_TARGET
def test_with_a_perfect_network_the_refined_state_is_exact(name):
    data = window(2, future=3)
    prediction = RefinedPrediction(TARGETS[name](), num_refinements=3, smallest_noise=1e-3)
    normalizer = fit_normalizer(prediction, [data])

    def answer(u, c):
        k = refinement_step(stepper, c)
        scale = prediction.scale(prediction.step(data))
        z = stepper.network(data.conditions).encode_output(prediction.target.label(data, data.at(0)), scale)
        sigma = (1e-3 ** (k / 3)).reshape(-1, 1, 1)
        return torch.where((k == 0).reshape(-1, 1, 1), z, (u[:, prediction.history :] - z) / sigma)

    stepper = SurrogateStepper(Answering(prediction, answer), prediction, normalizer)
    for offset, state in enumerate(
        rollout(stepper, started(stepper, data), data.times(1, prediction.bundle), data.conditions), 1
    ):
        assert torch.allclose(state.u, data.at(offset), rtol=1e-10, atol=1e-10)
    assert stepper.surrogate.calls == 4
    memory = started(stepper, data).memory
    y, label = prediction.pair(stepper.network(data.conditions), data, data.at(0), memory, data.index)
    assert torch.allclose(y, label, rtol=1e-9, atol=1e-9)


def test_a_rollout_is_the_published_loop():
    data = window()
    prediction = RefinedPrediction(StatePrediction(), num_refinements=2, smallest_noise=0.04)
    stepper = fitted(prediction, data)
    times = data.time(0)[:, None] + torch.tensor([[0.1, 0.2]], dtype=torch.float64)
    network, u, seed = stepper.network(data.conditions), data.at(0), data.index + 7
    with torch.no_grad():
        for count, state in enumerate(rollout(stepper, started(stepper, data, seed), times, data.conditions)):

            def ask(noisy, k, u=u):
                told = torch.cat([data.conditions.params, torch.full((BATCH, 1), k, dtype=torch.float64)], 1)
                return network.raw(u, data.time(0), told, noisy)

            z = ask(torch.zeros_like(u), 0)
            for k, sigma in ((1, 0.2), (2, 0.04)):
                noisy = z + sigma * normal(mix(mix(seed, count), k), (1, u.shape[-1]))
                z = noisy - sigma * ask(noisy, k)
            u = stepper.normalizer.outputs.decode(z)
            assert torch.allclose(state.u, u, rtol=1e-12, atol=1e-12)


@EVERY_TARGET
def test_a_sample_depends_on_its_seed_and_not_on_its_batch(name):
    data = window(2, future=3)
    stepper = fitted(RefinedPrediction(TARGETS[name](), smallest_noise=0.1), data)
    seed = torch.tensor([11, 12, 13])
    times = data.time(0)[:, None] + 0.1 * torch.arange(1, 5, dtype=torch.float64)
    with torch.no_grad():
        along = list(rollout(stepper, started(stepper, data, seed), times, data.conditions))
        alone = map_tensors(lambda x: x[1:2], data)
        (*_, end) = rollout(stepper, started(stepper, alone, seed[1:2]), times[1:2], alone.conditions)
        assert torch.allclose(end.u[0], along[-1].u[1], rtol=1e-12, atol=1e-12)
        # Resumed in the middle, with the others swapped around it.
        order = torch.tensor([2, 1, 0])
        middle = map_tensors(lambda x: x[order], along[1])
        conditions = data.conditions[order]
        (*_, end) = rollout(stepper, Progress(middle.u, middle.t, middle.memory), times[order][:, 2:], conditions)
        assert torch.allclose(end.u[1], along[-1].u[1], rtol=1e-12, atol=1e-12)
        members = [
            stepper.predict(*data.history(stepper.history), times, data.conditions, seed=mix(seed, member))
            for member in range(3)
        ]
        spread = torch.stack(members).std(0)
        assert spread.amin((1, 2)).max() > 1e-3


def test_the_refinement_step_has_units_of_its_own():
    prediction = RefinedPrediction(StatePrediction(conditioned_on=["dt"]), num_refinements=3)
    units = fit_normalizer(prediction, [window()]).conditions
    assert prediction.num_conditions(1) == 3 == len(units.mean)
    assert units.mean[-1] == 1.5
    assert units.std[-1] == pytest.approx((15 / 12) ** 0.5)


def test_a_derivative_is_no_target():
    with pytest.raises(ValueError, match=r"prediction.target: expected .* got DerivativePrediction"):
        RefinedPrediction(DerivativePrediction(ForwardDifference(), ForwardEuler()))
