"""Predictions: what the output means, what is told to the network, and orders with an exact time derivative."""

import math

import pytest
import torch
from small_problem import BATCH, GRID, Answering, advanced, network, problem, window

from tendency.simulation.simulator import begin, rollout
from tendency.simulation.window import Window
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth
from tendency.surrogates.integrators.runge_kutta import ForwardEuler, Heun, RungeKutta4
from tendency.surrogates.interface import Interface
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import ForwardDifference, StoredDerivative
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate


class ExactDerivative(Surrogate):
    """A network that says what the solver's time derivative is, at the conditions of one batch."""

    def __init__(self, solver, conditions):
        super().__init__(Interface(1, 1, 0, GRID.boundary))
        self.solver, self.conditions, self.calls = solver, conditions, 0

    def forward(self, u, c, x):
        self.calls += 1
        return self.solver.time_derivative(u, torch.zeros(len(u), dtype=torch.float64), self.conditions)


def exact_stepper(solver, conditions, integrator):
    network = ExactDerivative(solver, conditions)
    params = conditions.params.shape[1]
    return SurrogateStepper(
        network, DerivativePrediction(StoredDerivative(), integrator), Normalizer.empty(1, 1, params)
    )


@pytest.mark.parametrize(
    ("equation", "extent", "steps"), [(Heat(), 16.0, (16, 32)), (KuramotoSivashinsky(), 16.0, (200, 400))]
)
@pytest.mark.parametrize("integrator", [ForwardEuler(), AdamsBashforth(2), Heun(), RungeKutta4()])
def test_the_exact_derivative_advances_with_the_integrators_order(equation, extent, steps, integrator):
    """Inside the stability limit: the fastest mode decays at 10/s (heat) and 75/s (Kuramoto-Sivashinsky)."""
    solver, conditions, u = problem(equation, extent)
    horizon = torch.ones(BATCH, 1, dtype=torch.float64)
    seed = torch.arange(BATCH)
    t = torch.zeros(BATCH, 1, dtype=torch.float64)
    (truth,) = rollout(solver, begin(solver, u[:, None], t, conditions, seed), horizon, conditions)
    errors = []
    for n in steps:
        stepper = exact_stepper(solver, conditions, integrator)
        times = torch.linspace(0, 1, n + 1, dtype=torch.float64)[1:].expand(BATCH, n)
        *_, state = rollout(stepper, begin(stepper, u[:, None], t, conditions, seed), times, conditions)
        errors.append((state.u - truth.u).norm().item())
        assert stepper.surrogate.calls == n * stepper.prediction.network_calls
    assert math.log2(errors[0] / errors[1]) == pytest.approx(integrator.order, abs=0.3)


@pytest.mark.parametrize("named", ["t", "dt"])
@pytest.mark.parametrize("kind", [StatePrediction, IncrementPrediction])
def test_what_the_network_is_told_changes_its_output(kind, named):
    data = window()
    prediction = kind(conditioned_on=[named])
    stepper = SurrogateStepper(network(prediction), prediction, fit_normalizer(prediction, [window(dt=0.1)]))
    # The statistics of a constant would hide it.
    stepper.normalizer.conditions.std[-1] = 1.0
    here, _ = advanced(stepper, data)
    moved = Window(data.u, data.t + 1.0, data.conditions, None, data.index, data.present, data.stride)
    later, _ = advanced(stepper, moved)
    longer, _ = advanced(stepper, data, dt=data.time(1) - data.time(0) + 0.5)
    changes = {"t": (later - here).abs().max() > 1e-6, "dt": (longer - here).abs().max() > 1e-6}
    assert changes[named]
    if kind is StatePrediction:
        assert not changes[{"t": "dt", "dt": "t"}[named]]


def test_a_derivative_refuses_dt_and_histories_inside_a_step():
    with pytest.raises(ValueError, match="does not depend on dt"):
        DerivativePrediction(ForwardDifference(), ForwardEuler(), conditioned_on=["dt"])
    with pytest.raises(ValueError, match="evaluates the network inside the step"):
        DerivativePrediction(ForwardDifference(), RungeKutta4(), history=2)
    with pytest.raises(ValueError, match="expected t and dt, got"):
        StatePrediction(conditioned_on=["x"])


def test_forward_differences_with_euler_are_increments_per_unit_of_time():
    """The same labels after scaling, hence the same units; the same weights then make the same step."""
    data = window()
    derivative = DerivativePrediction(ForwardDifference(), ForwardEuler())
    increment = IncrementPrediction()
    # The derivative's windows may present the last snapshot as well; here both see the same ones.
    one, other = (SurrogateStepper(network(p), p, fit_normalizer(p, [data])) for p in (derivative, increment))
    for name, buffer in one.normalizer.named_buffers():
        assert torch.allclose(buffer, dict(other.normalizer.named_buffers())[name], rtol=1e-12), name
    assert torch.allclose(advanced(one, data)[0], advanced(other, data)[0], rtol=1e-12)
    pairs = [
        s.prediction.pair(
            s.network(data.conditions),
            data,
            data.at(0),
            s.start(*data.history(1), data.conditions, data.index),
            data.index,
        )
        for s in (one, other)
    ]
    for mine, theirs in zip(*pairs, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-9)


@pytest.mark.parametrize(
    "prediction",
    [
        StatePrediction(history=3),
        IncrementPrediction(history=3),
        DerivativePrediction(ForwardDifference(), AdamsBashforth(2), history=3),
    ],
    ids=lambda p: type(p).__name__,
)
def test_a_history_slides(prediction):
    data = window(history=3)
    stepper = SurrogateStepper(network(prediction), prediction, fit_normalizer(prediction, [data]))
    u_next, memory = advanced(stepper, data)
    assert torch.equal(memory["past"], data.u[:, 1:3])
    assert u_next.shape == data.at(0).shape
    # Each snapshot of the history reaches the output.
    for snapshot in range(3):
        changed = data.u.clone()
        changed[:, snapshot] *= 1.5
        other = Window(changed, data.t, data.conditions, None, data.index, data.present, data.stride)
        assert (advanced(stepper, other)[0] - u_next).abs().max() > 1e-6


@pytest.mark.parametrize("prediction", [StatePrediction(), IncrementPrediction()], ids=lambda p: type(p).__name__)
def test_a_perfect_output_has_no_loss_and_makes_the_next_snapshot(prediction):
    """The label, decoded and stepped, is the next snapshot: units and meaning close."""
    data = window()
    normalizer = fit_normalizer(prediction, [data])

    class Knowing(Surrogate):
        def __init__(self):
            super().__init__(Interface(1, 1, 1, GRID.boundary))

        def forward(self, u, c, x):
            label = prediction.label(data, data.at(0))
            scale = prediction.scale(data.time(1) - data.time(0)).reshape(-1, 1, 1)
            return normalizer.outputs.encode(label / scale)

    stepper = SurrogateStepper(Knowing(), prediction, normalizer)
    assert torch.allclose(advanced(stepper, data)[0], data.at(1), rtol=1e-12)
    memory = stepper.start(*data.history(1), data.conditions, data.index)
    y, label = prediction.pair(stepper.network(data.conditions), data, data.at(0), memory, data.index)
    assert torch.allclose(y, label, rtol=1e-12)


def test_outputs_have_unit_variance_whatever_the_step():
    for prediction in (IncrementPrediction(), DerivativePrediction(ForwardDifference(), ForwardEuler())):
        stds = [fit_normalizer(prediction, [window(dt=dt)]).outputs.std.item() for dt in (0.1, 0.01)]
        assert stds[0] == pytest.approx(stds[1], rel=0.05)


def test_moments_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no windows"):
        fit_normalizer(StatePrediction(), [])


def test_the_output_of_a_pair_keeps_its_digits_where_the_mean_is_large_beside_the_std():
    """Pressure in pascals, say: in single precision, units of physics would round what the network says to 1e-3."""
    prediction, data = StatePrediction(), window()
    far = Window(data.u + 1e5, data.t, data.conditions, None, data.index, data.present, data.stride)
    normalizer = fit_normalizer(prediction, [far])
    said = torch.sin(torch.arange(BATCH * GRID.shape[0]).reshape(BATCH, 1, -1)).float()
    stepper = SurrogateStepper(Answering(prediction, lambda u, c: said), prediction, normalizer)
    single = Window(far.u.float(), far.t, far.conditions, None, far.index, far.present, far.stride)
    bound = stepper.network(single.conditions)
    y, _ = prediction.pair(bound, single, single.at(0), stepper.start(*single.history(1), single.conditions, 0), 0)
    assert torch.equal(y, said)
    scale = prediction.scale(prediction.step(single))
    there_and_back = bound.encode_output(bound.decode_output(said, scale), scale)
    assert (there_and_back - said).abs().max() > 1e-3


def test_a_channel_that_never_varies_has_neither_output_nor_gradient():
    prediction, data = StatePrediction(), window()
    stepper = SurrogateStepper(network(prediction), prediction, fit_normalizer(prediction, [data]))
    stepper.normalizer.outputs.std[:] = 0.0
    memory = stepper.start(*data.history(1), data.conditions, data.index)
    y, label = prediction.pair(stepper.network(data.conditions), data, data.at(0), memory, data.index)
    assert not y.any()
    assert not label.any()
    gradients = torch.autograd.grad(y.sum(), list(stepper.surrogate.parameters()))
    assert not any(gradient.any() for gradient in gradients)
    # In physical units such a channel is its mean.
    mean = stepper.normalizer.outputs.mean.reshape(1, 1, 1)
    assert torch.allclose(advanced(stepper, data)[0], mean.expand(BATCH, 1, GRID.shape[0]))
