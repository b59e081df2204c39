"""A loss whose numbers leave single precision is refused before work; every one of conf/ passes."""

import pytest
import torch

from tendency.app.configuration.build import build
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.trainers.loss_trial import try_loss
from tendency.trainers.losses import Loss, MeanSquaredError, RelativeL2, RelativeSobolev, RelativeSpectrum


class OfAllSamples(Loss):
    """One number for a batch."""

    def __call__(self, output, label, conditions):
        return (output - label).square().mean()


class Unbound(Loss):
    """Fails."""

    def __call__(self, output, label, conditions):
        return output @ label


class Flat(Loss):
    """Does not depend on the output."""

    def __call__(self, output, label, conditions):
        return 1 + 0 * output.flatten(1).sum(1)


def conditions(points=128, extent=(1.0, 64.0)):
    nothing = torch.zeros(len(extent), 0, dtype=torch.float64)
    sides = torch.tensor(extent, dtype=torch.float64)[:, None]
    return Conditions(nothing, nothing, sides, nothing, Grid((points,), Boundary.periodic(1)))


USELESS = {
    "floor beyond single precision": RelativeL2(1e308),
    "floor that leaves no gradient": RelativeL2(1e30),
    "order": RelativeSobolev(1000.0),
    "negative order and a long length": RelativeSobolev(-1000.0, 1e30),
    "length": RelativeSobolev(1.0, 1e300),
    "floor of a Sobolev norm": RelativeSobolev(1.0, 1.0, 1e308),
    "share of a shell": RelativeSpectrum(1e308),
    "floor of a spectrum": RelativeSpectrum(1e-3, 1e308),
    "no gradient": Flat(),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_loss_that_cannot_be_trained_on_is_refused(name):
    with pytest.raises(ValueError, match="objective.loss: expected a loss from 1e-12 to 1e.12 between fields of unit"):
        try_loss(USELESS[name], 1, conditions(), torch.float32)


def test_a_loss_of_ones_own_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"one number for each of 2 samples is needed, not \(\)"):
        try_loss(OfAllSamples(), 1, conditions(), torch.float32)
    with pytest.raises(
        ValueError, match=r"objective.loss: expected a Unbound of fields of shape \(2, 1, 128\) .*got Run"
    ):
        try_loss(Unbound(), 1, conditions(), torch.float32)


@pytest.mark.parametrize("loss", [RelativeL2(), RelativeSobolev(4.0), RelativeSobolev(-4.0), RelativeSpectrum(1e-9)])
def test_unusual_numbers_that_can_be_trained_on_pass(loss):
    for dtype in (torch.float32, torch.float64):
        try_loss(loss, 2, conditions(), dtype)
    try_loss(MeanSquaredError(), 1, conditions(4), torch.float32)


def test_every_loss_of_conf_passes(options):
    for node in options("objective/loss").values():
        try_loss(build(node), 3, conditions(), torch.float32)
