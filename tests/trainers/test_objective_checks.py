"""What objectives draw, what they read, and what they refuse."""

import re

import pytest
import torch

from tendency.surrogates.predictions.differences import CentralDifference
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.trainers.losses import RelativeL2, RelativeSobolev
from tendency.trainers.objectives.all_to_all import AllToAll
from tendency.trainers.objectives.depth import FixedDepth, RandomDepth
from tendency.trainers.objectives.derivative_and_state import DerivativeAndState
from tendency.trainers.objectives.noise import NoiseInjection
from tendency.trainers.objectives.objective import sample_keys
from tendency.trainers.objectives.one_step import OneStep
from tendency.trainers.objectives.pushforward import Pushforward
from tendency.trainers.objectives.pushforward_derivative import PushforwardDerivative
from tendency.trainers.objectives.unrolled import Unrolled

SEED = 5


def test_depths_are_functions_of_seed_and_step():
    drawn = [RandomDepth(4)(SEED, step) for step in range(400)]
    assert drawn == [RandomDepth(4)(SEED, step) for step in range(400)]
    assert all(70 < drawn.count(depth) < 130 for depth in (1, 2, 3, 4))
    assert drawn != [RandomDepth(4)(SEED + 1, step) for step in range(400)]
    assert [FixedDepth(3, warmup_steps=2)(SEED, step) for step in range(4)] == [1, 1, 3, 3]
    assert {RandomDepth(3, warmup_steps=50)(SEED, step) for step in range(50)} == {1}


def test_draws_change_from_step_to_step_and_from_sample_to_sample(heat):
    window = heat.windows((0, 1, 2, 3, 4), (0,))
    keys = torch.cat([sample_keys(window, SEED, step) for step in range(50)])
    assert len(keys.unique()) == len(keys)
    objective = AllToAll(RelativeL2(), steps=4)
    strides = [objective.chosen(window, SEED, step).stride.tolist() for step in range(3)]
    assert strides[0] != strides[1] != strides[2]


def test_weights_and_cuts_are_checked():
    with pytest.raises(ValueError, match=r"objective.weights: expected 3, one for each block, got 2"):
        Unrolled(RelativeL2(), FixedDepth(3), weights=[1, 1])
    with pytest.raises(ValueError, match="a last block of no weight"):
        Unrolled(RelativeL2(), FixedDepth(2), weights=[1, 0])
    with pytest.raises(ValueError, match=r"objective.cut_every: expected less than objective.depth.steps=2, got 2"):
        Unrolled(RelativeL2(), FixedDepth(2), cut_every=2)


def test_senseless_combinations_are_refused_in_a_sentence(heat, derivative):
    euler, bundled = derivative("euler", CentralDifference()), IncrementPrediction(conditioned_on=["dt"])
    bundled.bundle = 3
    refusals = [
        (AllToAll(RelativeL2(), 3), IncrementPrediction(), "use prediction.conditioned_on=[dt]"),
        (AllToAll(RelativeL2(), 3), euler, "learns no following snapshot; use prediction=state or increment"),
        (AllToAll(RelativeL2(), 3), bundled, "learns 3 snapshots at once"),
        (AllToAll(RelativeL2(), 6), StatePrediction(3, ["dt"]), "reads 19 snapshots at once"),
        (
            DerivativeAndState(RelativeL2(), 0.5),
            StatePrediction(),
            "expected prediction=derivative, got StatePrediction",
        ),
        (PushforwardDerivative(RelativeL2(), FixedDepth(2)), euler, "there is none that solves heat on the points"),
        (Pushforward(RelativeL2(), FixedDepth(12)), StatePrediction(), "lower objective.depth.steps"),
        (Unrolled(RelativeL2(), FixedDepth(4)), bundled, "reads 13 snapshots at once"),
        (OneStep(RelativeSobolev(1.0)), StatePrediction(), None),
    ]
    for objective, prediction, sentence in refusals:
        if sentence is None:
            objective.check(prediction, heat.metadata)
            continue
        with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
            objective.check(prediction, heat.metadata)
        assert len(str(refused.value).splitlines()) == 1


def test_the_loader_yields_what_is_needed_and_no_more(derivative):
    state, history = StatePrediction(), IncrementPrediction(3, ["dt"])
    slope = derivative("ab2", CentralDifference(), history=2)
    three, loss = FixedDepth(3), RelativeL2()
    expected = [
        (OneStep(loss), state, (0, 1), (0,)),
        (OneStep(loss), slope, (-1, 0), (-1, 0, 1)),
        (NoiseInjection(loss, 0.1), history, (-2, -1, 0, 1), (0,)),
        (Pushforward(loss, three), history, (-2, -1, 0, 1, 2, 3), (0,)),
        (Unrolled(loss, three), slope, (-1, 0, 1, 2, 3), (0,)),
        (PushforwardDerivative(loss, three), slope, (-1, 0, 1, 2), (0,)),
        (DerivativeAndState(loss, 0.5), slope, (-1, 0, 1), (-1, 0, 1)),
        (AllToAll(loss, 2), state, (0, 1, 2), (0,)),
        (AllToAll(loss, 2), history, tuple(range(-4, 3)), (0,)),
    ]
    for objective, prediction, required, wanted in expected:
        assert objective.offsets(prediction) == (required, wanted), type(objective).__name__
        if objective.depth is not None:
            # A curriculum or a draw changes the depth, never the windows and with them the number of batches.
            objective.depth.limit = 1
            assert objective.offsets(prediction) == (required, wanted)
            objective.depth.limit = 3
