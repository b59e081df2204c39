"""A window that hardly changes has no more weight in a batch's gradient than one whose label is at the floor."""

import math
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.predictions.differences import CentralDifference
from tendency.trainers.losses import RelativeL2, RelativeSobolev, RelativeSpectrum
from tendency.trainers.objectives.depth import FixedDepth
from tendency.trainers.objectives.derivative_and_state import DerivativeAndState
from tendency.trainers.objectives.pushforward import Pushforward
from tendency.trainers.objectives.unrolled import Unrolled

SETTLED = 3
"""The window of the batch that hardly changes."""
LOSSES = sorted(path.stem for path in (conf_folder() / "objective/loss").glob("*.yaml"))


def loss_of(name):
    """The loss of an option of conf/objective/loss."""
    return build(plain(OmegaConf.load(conf_folder() / "objective/loss" / f"{name}.yaml")))


@pytest.fixture(scope="module")
def default_loss(compose_config):
    """The loss of a run that names none."""
    return build(compose_config("train", ["pde=heat", "name=test"])["objective"]["loss"])


def batch(size):
    """Outputs and labels of 16 windows with unit variance, of which one label is as small as ``size``."""
    generator = torch.Generator().manual_seed(0)
    labels, errors = torch.randn(2, 16, 1, 32, generator=generator, dtype=torch.float64)
    labels = labels / labels.square().mean(2, keepdim=True).sqrt()
    labels[SETTLED] *= size
    nothing, extent = torch.zeros(16, 0, dtype=torch.float64), torch.ones(16, 1, dtype=torch.float64)
    conditions = Conditions(nothing, nothing, extent, nothing, Grid((32,), Boundary.periodic(1)))
    return labels + 0.1 * errors, labels, conditions


def shares(loss, size):
    """The norms (B,) of the windows' parts in the gradient of a batch's mean loss with respect to the outputs."""
    output, label, conditions = batch(size)
    output.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(output, label, conditions).mean(), output)
    return gradient.flatten(1).norm(dim=1)


def test_a_settled_window_weighs_as_one_at_the_floor(default_loss):
    """The whole claim for the default: its share is at most that of a label at the floor, and the rest is untouched."""
    loss = default_loss
    usual, settled = shares(loss, 1.0), shares(loss, 1e-6)
    others = torch.arange(16) != SETTLED
    assert torch.equal(settled[others], usual[others])
    assert settled[SETTLED] <= 1.01 * usual[SETTLED] / loss.label_floor
    # The relative loss without a floor, which stays available by name, gives it the whole gradient.
    assert shares(RelativeL2(), 1e-6)[SETTLED] > 1e5 * usual[SETTLED]


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "relative_l2"])
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_the_scale_of_a_settled_label_hardly_changes_the_gradient(name, factor):
    """A change of the settled label by its own size changes the batch's gradient by less than 1 %."""
    loss = loss_of(name)
    gradients = []
    for size in (1e-6, 1e-6 * factor):
        output, label, conditions = batch(1e-6)
        label[SETTLED] *= size / 1e-6
        output.requires_grad_()
        gradients.append(torch.autograd.grad(loss(output, label, conditions).mean(), output)[0])
    change, whole, sizes = gradients[1] - gradients[0], gradients[0], gradients[0].flatten(1).norm(dim=1)
    assert float(change.norm()) < 0.01 * float(whole.norm())
    # Its share is that of a few windows at most, not that of the batch.
    assert float(sizes[SETTLED]) < 10 * float(sizes.median())


@pytest.mark.parametrize("name", ["mse", "spectrum"])
@pytest.mark.parametrize(
    ("level", "noise"), [(0.0, 0.0), (1e-5, 0.0), (0.0, 1e-20), (1e-4, 1e-9), (1.0, 0.0), (-3.0, 1e-7)]
)
def test_a_window_without_shape_does_not_own_the_batch(name, level, noise):
    """A label that is zero, constant, or rounding alone: its part is that of a few windows at most."""
    output, label, conditions = batch(1.0)
    errors = output - label
    label[SETTLED] = level + noise * label[SETTLED]
    output = (label + errors).requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(name)(output, label, conditions).mean(), output)
    sizes = gradient.flatten(1).norm(dim=1)
    assert float(sizes[SETTLED]) < 5 * float(sizes.median())


@pytest.mark.parametrize("level", [0.1, 1.0, 7.0])
@pytest.mark.parametrize(("order", "length"), [(1.0, 1.0), (2.0, 0.3), (0.0, 1.0), (-1.0, 1.0)])
def test_a_constant_label_has_the_sobolev_norm_of_the_longest_wave(order, length, level):
    """Without large scales or without small ones, no label of ordinary size has next to no norm."""
    output, label, conditions = batch(1.0)
    kappa = 2 * math.pi * torch.fft.fftfreq(32, 1 / 32, dtype=torch.float64)
    weight = (1 + (length * kappa).square()) ** (order / 2)
    error = output - label
    norm = ((weight * torch.fft.fft(error[:, 0], norm="forward").abs()).square().sum(1)).sqrt()
    loss = RelativeSobolev(order, length, 1.0)
    constant, longest = max(level, 1.0), float(weight[1]) if order > 0 else 1.0
    found = loss(torch.full_like(label, level) + error, torch.full_like(label, level), conditions)
    torch.testing.assert_close(found, norm / (constant * longest), rtol=1e-12, atol=0)
    wave = level * math.sqrt(2) * torch.sin(2 * math.pi * torch.arange(32, dtype=torch.float64) / 32).expand_as(label)
    found = loss(wave + error, wave, conditions)
    torch.testing.assert_close(found, norm / (constant * float(weight[1])), rtol=1e-12, atol=0)
    finest = level * torch.tensor([1.0, -1.0] * 16, dtype=torch.float64).expand_as(label)
    least = max(float(weight[16]), min(float(weight[1]), float(weight.square().mean().sqrt())))
    found = loss(finest + error, finest, conditions)
    torch.testing.assert_close(found, norm / (constant * least), rtol=1e-12, atol=0)


def test_labels_above_the_floor_are_compared_shell_by_shell_whatever_the_floor():
    """The floor of the label changes nothing for ordinary ones, smooth ones included."""
    output, label, conditions = batch(1.0)
    smooth = label.cumsum(2)
    smooth = smooth - smooth.mean(2, keepdim=True)
    smooth = smooth / smooth.square().mean(2, keepdim=True).sqrt() * 1.001
    for size in (1.0, 0.3):
        found = RelativeSpectrum(label_floor=1.0)(size * (smooth + output - label), size * smooth, conditions)
        expected = RelativeSpectrum()(size * (smooth + output - label), size * smooth, conditions)
        torch.testing.assert_close(found, expected * min(1.001 * size, 1.0), rtol=1e-12, atol=0)


ROLLED_OUT = [
    lambda loss: Pushforward(loss, FixedDepth(2)),
    lambda loss: Unrolled(loss, FixedDepth(2)),
    lambda loss: DerivativeAndState(loss, 0.5),
]


@pytest.mark.parametrize("made", ROLLED_OUT, ids=["pushforward", "unrolled", "derivative_and_state"])
def test_a_rollout_is_not_owned_by_a_window_that_hardly_changes(
    made, default_loss, heat, small_stepper, rows, derivative
):
    """The objectives that compare states: one window of a batch changes a million times less than before."""
    objective, prediction = made(default_loss), derivative("euler", CentralDifference())
    stepper = small_stepper(prediction, objective, heat)
    window = rows(heat.windows(*objective.offsets(prediction)), slice(0, 12, 3))
    u = window.u.clone()
    start = u[SETTLED, window.present[SETTLED]].clone()
    u[SETTLED] = start + 1e-6 * (u[SETTLED] - start)

    def gradient(rows_of_batch):
        loss = objective.loss(stepper, rows_of_batch, 3, 0)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(stepper.parameters()))])

    with_settled, without = gradient(replace(window, u=u)), gradient(rows(replace(window, u=u), slice(0, SETTLED)))
    added = with_settled - 0.75 * without
    assert float(added.norm()) < 5 * float(without.norm())
