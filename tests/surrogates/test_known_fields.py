"""Constant fields and forcing: a network is told them at the time of its call, in every integrator, and exactly."""

from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf
from small_problem import BATCH, GRID, POINTS, advanced, window

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder
from tendency.simulation.window import Window
from tendency.surrogates.integrators.runge_kutta import RungeKutta4
from tendency.surrogates.integrators.substeps import Substeps
from tendency.surrogates.interface import Interface
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import StoredDerivative
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.losses import MeanSquaredError
from tendency.trainers.objectives.depth import FixedDepth
from tendency.trainers.objectives.noise import NoiseInjection
from tendency.trainers.objectives.unrolled import Unrolled

INTEGRATORS = sorted(path.stem for path in (conf_folder() / "prediction" / "integrator").glob("*.yaml"))


class Copying(Surrogate):
    """Answers with the last channels that it is given, in network units; it keeps what it saw."""

    def __init__(self, in_channels, out_channels=1, num_conditions=1):
        super().__init__(Interface(in_channels, out_channels, num_conditions, GRID.boundary))
        self.seen = []

    def forward(self, u, c, x):
        self.require_shapes(u, c)
        self.seen.append(u)
        return u[:, -self.out_channels :]


def copying(integrator, known=1):
    prediction = DerivativePrediction(StoredDerivative(), integrator)
    return SurrogateStepper(Copying(1 + known), prediction, Normalizer.empty(1, 1, 1, known)).eval()


def fields(channels=1, seed=0):
    return torch.randn(BATCH, channels, POINTS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def integrator(name):
    if name == "substeps":
        return Substeps(RungeKutta4(), 4)
    return build(OmegaConf.to_container(OmegaConf.load(conf_folder() / "prediction" / "integrator" / f"{name}.yaml")))


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_derivative_that_is_a_constant_field_is_integrated_exactly(name):
    data, given = window(), fields()
    conditions = data.conditions.with_given(given, ["source"])
    times = torch.tensor([0.1, 0.25, 0.7], dtype=torch.float64)
    states = copying(integrator(name)).predict(data.u[:, :1], data.t[:, :1], times, conditions)
    assert torch.allclose(states, data.u[:, :1] + times[:, None, None] * given[:, None], atol=1e-12)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_forcing_is_read_at_the_time_of_each_evaluation(name):
    """u_t = f(t), linear in time: exact from order two on, where Euler's rule takes the beginning of each step."""
    data, slope = window(), fields()
    at = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64).expand(BATCH, -1)
    conditions = data.conditions.with_forcing(slope[:, None] * at[..., None, None], at)
    scheme = integrator(name)
    states = copying(scheme).predict(data.u[:, :1], data.t[:, :1], [0.2, 0.4, 0.6], conditions)
    moved = (states - data.u[:, :1]) / slope[:, None]
    exact = torch.tensor([0.02, 0.08, 0.18], dtype=torch.float64)
    # Schemes that begin with Euler's step miss what it misses, and no more.
    late = {"euler": [0.0, 0.04, 0.12], "ab2": [0.0, 0.06, 0.16], "ab3": [0.0, 0.06, 0.16], "ab4": [0.0, 0.06, 0.16]}
    expected = torch.tensor(late[name], dtype=torch.float64) if name in late else exact
    assert torch.allclose(moved, expected[:, None, None].expand_as(moved), atol=1e-9)


def test_forcing_is_linear_between_its_times_and_constant_beyond():
    conditions = window().conditions
    values = fields(3).unflatten(1, (3, 1))
    at = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64).expand(BATCH, -1)
    told = conditions.with_forcing(values, at)
    for time, expected in [
        (-1.0, values[:, 0]),
        (0.0, values[:, 0]),
        (0.25, 0.75 * values[:, 0] + 0.25 * values[:, 1]),
        (1.0, values[:, 1]),
        (2.0, 0.5 * values[:, 1] + 0.5 * values[:, 2]),
        (3.0, values[:, 2]),
        (9.0, values[:, 2]),
    ]:
        assert torch.allclose(told.forcing_at(torch.full((BATCH,), time, dtype=torch.float64)), expected)
    once = conditions.with_forcing(values[:, :1], at[:, :1])
    assert torch.equal(once.forcing_at(at[:, 2]), values[:, 0])
    # Each trajectory at its own time.
    assert torch.allclose(told.forcing_at(at[0])[1], values[1, 1])
    assert conditions.forcing_at(at[:, 0]) is None
    assert torch.equal(told[1:].forcing_at(at[1:, 0]), values[1:, 0])
    with pytest.raises(ValueError, match="forcing: expected at least one time, and times that increase"):
        conditions.with_forcing(values, -at)


def test_known_fields_have_units_of_their_own_and_masks_keep_their_values():
    data = window()
    known = torch.cat([5e3 + 2e3 * fields(), (fields(seed=1) > 0).double(), torch.full((BATCH, 1, POINTS), 1e5)], 1)
    conditions = data.conditions.with_given(known, ["permeability", "mask", "gravity"])
    prediction = StatePrediction()
    told = replace(data, conditions=conditions)
    stepper = SurrogateStepper(Copying(4), prediction, fit_normalizer(prediction, [told]))
    advanced(stepper, told)
    permeability, mask, gravity = stepper.surrogate.seen[0][:, 1:].unbind(1)
    assert abs(permeability.mean()) < 1e-6
    assert permeability.std(correction=0) == pytest.approx(1)
    assert torch.equal(mask, known[:, 1])
    # What is the same everywhere tells nothing, as in a channel of the state.
    assert not gravity.any()


def test_noise_reaches_the_state_alone_and_rollouts_in_training_are_exact():
    data, given = window(future=3), fields()
    conditions = data.conditions.with_given(given, ["source"])
    stepper = copying(integrator("heun"))
    exact = data.u[:, :1] + data.t[..., None, None] * given[:, None]
    told = Window(exact, data.t, conditions, given[:, None].expand_as(exact), data.index, data.present, data.stride)
    loss = MeanSquaredError()
    noisy = NoiseInjection(loss, share=0.5).loss(stepper, told, 0, 0)
    assert not torch.allclose(stepper.surrogate.seen[-1][:, 0], exact[:, 0, 0])
    assert torch.equal(stepper.surrogate.seen[-1][:, 1], given[:, 0])
    assert noisy < 1e-20
    unrolled = Unrolled(loss, FixedDepth(3))
    unrolled.change.measure([told], stepper.normalizer.fields, 3)
    assert unrolled.loss(stepper, told, 0, 0) < 1e-20


def test_a_network_is_neither_left_without_its_fields_nor_told_others():
    data = window()
    other = replace(data, conditions=data.conditions.with_given(fields(2), ["mask", "source"]))
    for told, got in ((data, 0), (other, 2)):
        with pytest.raises(ValueError, match=rf"expected 1 channels of known fields.* got {got}$"):
            advanced(copying(integrator("euler")), told)
    with pytest.raises(ValueError, match="expected 0 channels of known fields.* got 2$"):
        advanced(SurrogateStepper(Copying(1), StatePrediction(), Normalizer.empty(1, 1, 1)), other)
    assert not any(name.startswith("normalizer.known") for name in dict(Normalizer.empty(1, 1, 1).named_buffers()))
