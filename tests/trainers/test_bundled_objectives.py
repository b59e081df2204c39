"""Objectives roll bundles out block by block, one evaluation for each: equal to a loop written by hand."""

import pytest
import torch

from tendency.surrogates.predictions.state import StatePrediction
from tendency.trainers.losses import RelativeL2
from tendency.trainers.objectives.depth import FixedDepth
from tendency.trainers.objectives.pushforward import Pushforward
from tendency.trainers.objectives.unrolled import Unrolled


def per_channel(x):
    return x[None, :, None]


@pytest.mark.parametrize("kind", [Pushforward, Unrolled])
def test_two_blocks_of_three_snapshots(kind, heat, small_stepper):
    objective, prediction = kind(RelativeL2(), FixedDepth(2)), StatePrediction(history=2, bundle=3)
    stepper = small_stepper(prediction, objective, heat)
    assert objective.offsets(prediction)[0] == (-1, 0, 1, 2, 3, 4, 5, 6)
    window = heat.windows(*objective.offsets(prediction))
    fields, outputs = stepper.normalizer.fields, stepper.normalizer.outputs
    told = stepper.normalizer.conditions.encode(window.conditions.params)
    frames, blocks = [window.at(-1), window.at(0)], []
    for block in range(2):
        seen = [(u - per_channel(fields.mean)) / per_channel(fields.std) for u in frames[-2:]]
        y = stepper.surrogate(torch.cat(seen, 1), told, None) * per_channel(outputs.std) + per_channel(outputs.mean)
        new = [y[:, i : i + 1] for i in range(3)]
        if kind is Pushforward and block == 0:
            new = [u.detach() for u in new]
        frames += new
        losses = []
        for offset, u in enumerate(new, 3 * block + 1):
            error, change = u - window.at(offset), window.at(offset) - window.at(0)
            losses.append(error.flatten(1).norm(dim=1) / change.flatten(1).norm(dim=1))
        blocks.append(torch.stack(losses).mean())
    expected = blocks[1] if kind is Pushforward else sum(blocks) / 2
    loss = objective.loss(stepper, window, 0, 0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    weights = list(stepper.parameters())
    for ours, theirs in zip(*(torch.autograd.grad(x, weights) for x in (loss, expected)), strict=True):
        assert (ours - theirs).norm() <= 1e-12 * theirs.norm()
