"""Objectives are what a hand-written loop computes: the same loss and the same gradients, in float64 to 1e-12."""

import copy

import pytest
import torch

from tendency.surrogates.predictions.differences import CentralDifference, StoredDerivative
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.trainers.losses import MeanSquaredError, RelativeL2
from tendency.trainers.objectives.all_to_all import AllToAll
from tendency.trainers.objectives.depth import FixedDepth
from tendency.trainers.objectives.derivative_and_state import DerivativeAndState
from tendency.trainers.objectives.noise import NoiseInjection
from tendency.trainers.objectives.one_step import OneStep
from tendency.trainers.objectives.pushforward import Pushforward
from tendency.trainers.objectives.pushforward_derivative import PushforwardDerivative
from tendency.trainers.objectives.unrolled import Unrolled

SEED, STEP = 5, 17


class ByHand:
    """The network and its units in plain sight: no prediction, integrator, memory or rollout of ours."""

    def __init__(self, stepper, window):
        self.surrogate, self.units, self.window = stepper.surrogate, stepper.normalizer, window
        self.snapshots, self.times = [], []
        rows = torch.arange(len(window.u))
        last = int((window.u.shape[1] - 1 - window.present).min())
        for offset in range(last + 1):
            self.snapshots.append(window.u[rows, window.present + offset])
            self.times.append(window.t[rows, window.present + offset])

    @staticmethod
    def shaped(x, u):
        return x.reshape(1, -1, *[1] * (u.ndim - 2))

    def evaluate(self, frames, *told):
        """What the network says in network units: frames oldest first, told after the parameters."""
        mean, std = self.units.fields.mean, self.units.fields.std
        seen = torch.cat([(u - self.shaped(mean, u)) / self.shaped(std, u) for u in frames], 1)
        c = torch.cat([self.window.conditions.params, *[x[:, None] for x in told]], 1)
        std = self.units.conditions.std
        c = torch.where(std > 0, (c - self.units.conditions.mean) / torch.where(std > 0, std, 1), 0)
        return self.surrogate(seen, c, None)

    def physical(self, y):
        return y * self.shaped(self.units.outputs.std, y) + self.shaped(self.units.outputs.mean, y)

    def encoded(self, y):
        return (y - self.shaped(self.units.outputs.mean, y)) / self.shaped(self.units.outputs.std, y)

    def changes(self, u, offset):
        """Output and label of the change loss: shares of the typical true change, channels by their std."""
        start, target, std = self.snapshots[0], self.snapshots[offset], self.shaped(self.units.fields.std, u)
        size = ((target - start) / std).pow(2).mean().sqrt()
        return (u - start) / std / size, (target - start) / std / size


def relative(output, label):
    return (output - label).flatten(1).norm(dim=1) / label.flatten(1).norm(dim=1)


def squares(output, label):
    return (output - label).pow(2).flatten(1).mean(1)


def gradients(loss, stepper):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(stepper.parameters()))])


def agree(objective, stepper, window, expected, step=STEP):
    loss = objective.loss(stepper, window, SEED, step)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    ours, theirs = gradients(loss, stepper), gradients(expected, stepper)
    assert theirs.norm() > 0
    assert (ours - theirs).norm() <= 1e-12 * theirs.norm()


def test_one_step_is_teacher_forcing(heat, small_stepper):
    objective, prediction = OneStep(RelativeL2()), IncrementPrediction(history=2, conditioned_on=["dt"])
    stepper = small_stepper(prediction, objective, heat)
    window = heat.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    dt = hand.times[1] - hand.times[0]
    before = window.at(-1)
    y = hand.evaluate([before, hand.snapshots[0]], dt)
    label = hand.encoded((hand.snapshots[1] - hand.snapshots[0]) / dt[:, None, None])
    agree(objective, stepper, window, relative(y, label).mean())


def test_pushforward_trains_the_last_of_three_increments(heat, small_stepper):
    objective, prediction = Pushforward(RelativeL2(), FixedDepth(3)), IncrementPrediction(2, ["dt"])
    stepper = small_stepper(prediction, objective, heat)
    window = heat.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    before, u = window.at(-1), window.at(0)
    for n in range(1, 4):
        dt = hand.times[n] - hand.times[n - 1]
        u_next = u + hand.physical(hand.evaluate([before, u], dt)) * dt[:, None, None]
        before, u = u, u_next
        if n < 3:
            before, u = before.detach(), u.detach()
    agree(objective, stepper, window, relative(*hand.changes(u, 3)).mean())


def test_pushforward_detaches_the_slopes_of_a_multistep_integrator(burgers, small_stepper, derivative):
    objective, prediction = Pushforward(MeanSquaredError(), FixedDepth(3)), derivative("ab2", StoredDerivative())
    stepper = small_stepper(prediction, objective, burgers)
    window = burgers.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    u, dt = window.at(0), (hand.times[1] - hand.times[0])[:, None, None, None]
    with torch.no_grad():
        f0 = hand.physical(hand.evaluate([u]))
        u1 = u + dt * f0
        f1 = hand.physical(hand.evaluate([u1]))
        u2 = u1 + dt * (1.5 * f1 - 0.5 * f0)
    u3 = u2 + dt * (1.5 * hand.physical(hand.evaluate([u2])) - 0.5 * f1)
    agree(objective, stepper, window, squares(*hand.changes(u3, 3)).mean())


def test_unrolled_sums_weighted_steps_and_cuts_the_gradient(burgers, small_stepper):
    weights = [1.0, 0.5, 0.25, 2.0]
    objective = Unrolled(MeanSquaredError(), FixedDepth(4), cut_every=2, weights=weights)
    prediction = StatePrediction()
    stepper = small_stepper(prediction, objective, burgers)
    window = burgers.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    u, total = window.at(0), 0
    for n, weight in enumerate(weights, 1):
        u = hand.physical(hand.evaluate([u]))
        total = total + weight * squares(*hand.changes(u, n)).mean()
        if n == 2:
            u = u.detach()
    agree(objective, stepper, window, total / sum(weights))
    # Without the cut, the gradient is another one.
    through = Unrolled(MeanSquaredError(), FixedDepth(4), None, weights)
    through.change = objective.change
    uncut = gradients(through.loss(stepper, window, 0, 0), stepper)
    cut = gradients(objective.loss(stepper, window, 0, 0), stepper)
    assert (uncut - cut).norm() > 1e-3 * uncut.norm()


def test_unrolled_through_heun(heat, small_stepper, derivative):
    objective, prediction = Unrolled(RelativeL2(), FixedDepth(2)), derivative("heun", CentralDifference())
    stepper = small_stepper(prediction, objective, heat)
    window = heat.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    u, total = window.at(0), 0
    for n in (1, 2):
        dt = (hand.times[n] - hand.times[n - 1])[:, None, None]
        f = hand.physical(hand.evaluate([u]))
        u = u + dt / 2 * (f + hand.physical(hand.evaluate([u + dt * f])))
        total = total + relative(*hand.changes(u, n)).mean() / 2
    agree(objective, stepper, window, total)


def test_noise_is_led_back_to_the_true_next_snapshot(burgers, small_stepper, monkeypatch):
    objective, prediction = NoiseInjection(RelativeL2(), share=0.1), IncrementPrediction(conditioned_on=["dt"])
    stepper = small_stepper(prediction, objective, burgers)
    window = burgers.windows(*objective.offsets(prediction))
    drawn = []

    def remember(key, shape):
        from tendency.simulation.random import normal

        drawn.append(normal(key, shape))
        return drawn[-1]

    monkeypatch.setattr("tendency.trainers.objectives.noise.normal", remember)
    objective.loss(stepper, window, SEED, STEP)
    noise = drawn[0][:, 0]
    assert noise.std() == pytest.approx(1, abs=0.02)
    hand = ByHand(stepper, window)
    perturbed = (
        window.at(0)
        + 0.1 * hand.shaped(burgers.u[:, :-1].transpose(0, 2).flatten(1).std(1, correction=0), noise) * noise
    )
    dt = (hand.times[1] - hand.times[0])[:, None, None, None]
    y = hand.evaluate([perturbed], dt.flatten())
    agree(objective, stepper, window, relative(y, hand.encoded((window.at(1) - perturbed) / dt)).mean())


def test_all_to_all_reaches_later_snapshots_at_once(heat, small_stepper):
    objective, prediction = AllToAll(RelativeL2(), steps=4), StatePrediction(conditioned_on=["dt"])
    stepper = small_stepper(prediction, objective, heat)
    window = heat.windows(*objective.offsets(prediction))
    pair = objective.chosen(window, SEED, STEP)
    first, second = pair.present - window.present, pair.present + pair.stride - window.present
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    assert found <= {(a, b) for b in range(5) for a in range(b)}
    assert len(found) > 5
    hand = ByHand(stepper, window)
    losses = []
    for row, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        dt = hand.times[b] - hand.times[a]
        y = hand.evaluate([hand.snapshots[a]], dt)
        losses.append(relative(y, hand.encoded(hand.snapshots[b]))[row])
    agree(objective, stepper, window, torch.stack(losses).mean())


def test_all_to_all_tells_steps_apart(heat, small_stepper):
    # The stored dt never varies. Units measured on it alone would encode every step as the same number.
    objective, prediction = AllToAll(RelativeL2(), steps=4), IncrementPrediction(conditioned_on=["dt"])
    stepper = small_stepper(prediction, objective, heat)
    dt = torch.tensor([[0.3, 0.1], [0.3, 0.4]], dtype=torch.float64)
    short, long = stepper.normalizer.conditions.encode(dt)[:, 1]
    assert long - short > 1


def test_derivative_and_state_mixes_both(heat, small_stepper, derivative):
    objective, prediction = DerivativeAndState(RelativeL2(), share=0.3), derivative("euler", StoredDerivative())
    stepper = small_stepper(prediction, objective, heat)
    window = heat.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    u, dt = window.at(0), (hand.times[1] - hand.times[0])[:, None, None]
    y = hand.evaluate([u])
    label = hand.encoded(window.gather(window.u_t, 0))
    state = relative(*hand.changes(u + dt * hand.physical(y), 1)).mean()
    agree(objective, stepper, window, 0.7 * relative(y, label).mean() + 0.3 * state)


def test_the_label_of_a_drifted_derivative_is_the_solvers_own(burgers, small_stepper, derivative):
    objective, prediction = PushforwardDerivative(RelativeL2(), FixedDepth(3)), derivative("euler", StoredDerivative())
    objective = objective.with_solver(burgers.problem.simulator)
    stepper = small_stepper(prediction, objective, burgers)
    window = burgers.windows(*objective.offsets(prediction))
    hand = ByHand(stepper, window)
    u = window.at(0)
    for n in (1, 2):
        dt = (hand.times[n] - hand.times[n - 1])[:, None, None, None]
        u = (u + dt * hand.physical(hand.evaluate([u]))).detach()
    label = objective.solver.time_derivative(u, hand.times[2], window.conditions)
    # The truth's own derivative is another label altogether.
    assert relative(label, window.gather(window.u_t, 2)).min() > 0.05
    agree(objective, stepper, window, relative(hand.evaluate([u]), hand.encoded(label)).mean())


def test_no_gradient_passes_through_the_first_blocks(heat, small_stepper, derivative):
    """The gradient equals that with another network, a frozen copy, in the first blocks."""
    for prediction in (IncrementPrediction(2, ["dt"]), derivative("ab2", CentralDifference(), history=2)):
        objective = Pushforward(RelativeL2(), FixedDepth(4))
        stepper = small_stepper(prediction, objective, heat)
        window = heat.windows(*objective.offsets(prediction))
        whole = gradients(objective.loss(stepper, window, SEED, STEP), stepper)
        frozen = copy.deepcopy(stepper).requires_grad_(False)
        hybrid = FirstThen(frozen, stepper, switch=3)
        assert torch.equal(gradients(objective.loss(hybrid, window, SEED, STEP), stepper), whole)
        unrolled = Unrolled(RelativeL2(), FixedDepth(4), None, [0, 0, 0, 1])
        unrolled.change = objective.change
        through = gradients(unrolled.loss(stepper, window, 0, 0), stepper)
        assert (through - whole).norm() > 1e-3 * whole.norm()


class FirstThen:
    """A stepper that is one stepper for some steps, then another."""

    def __init__(self, first, then, switch):
        self.first, self.then, self.left = first, then, switch
        self.prediction, self.normalizer, self.history = then.prediction, then.normalizer, then.history

    def start(self, *arguments):
        return self.then.start(*arguments)

    def advance(self, *arguments):
        self.left -= 1
        return (self.first if self.left >= 0 else self.then).advance(*arguments)


def test_autocast_does_not_lose_the_gradient_behind_free_blocks(heat, small_stepper, rows):
    objective, prediction = Pushforward(RelativeL2(), FixedDepth(2)), IncrementPrediction(conditioned_on=["dt"])
    stepper = small_stepper(prediction, objective, heat).float()
    window = rows(heat.windows(*objective.offsets(prediction)), slice(0, 4))
    from tendency.simulation.tree import map_tensors

    single = map_tensors(lambda x: x.float() if x.is_floating_point() and x.ndim > 2 else x, window)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective.loss(stepper, single, SEED, STEP)
    loss.backward()
    assert all(p.grad is not None and p.grad.norm() > 0 for p in stepper.surrogate.first.parameters())
