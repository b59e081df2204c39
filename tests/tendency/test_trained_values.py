"""What a rollout may ask beyond the training data: constants are refused, ranges are warned of."""

import warnings

import pytest
import torch

from tendency.trained_values import TrainedValues

NODES = {
    "constant": {"_target_": "tendency.simulation.parameters.Constant", "value": 0.4},
    "ranged": {"_target_": "tendency.simulation.parameters.LogUniform", "low": 0.1, "high": 0.8},
    "chosen": {"_target_": "tendency.simulation.parameters.Choice", "values": [1, 2]},
    "odd": {"value": 10**400},
    "unknown": {"spread": 3},
    "none": None,
}


@pytest.fixture
def values():
    return TrainedValues(NODES, "params")


def test_ranges_are_read_from_nodes(values):
    assert values.ranges == {"constant": (0.4, 0.4), "ranged": (0.1, 0.8), "chosen": (1.0, 2.0)}
    assert values.constants == {"constant": 0.4}


@pytest.mark.parametrize("asked", [0.9, 40.0, -0.4])
def test_another_value_than_the_only_one_is_refused(values, asked):
    message = rf"params\['constant'\]: expected 0.4, .* was not learned; got {asked:g}"
    with pytest.raises(ValueError, match=message):
        values.check("constant", torch.tensor([0.4, asked]))


def test_values_of_the_training_data_pass(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, asked in (("constant", 0.4), ("ranged", 0.1), ("ranged", 0.8), ("chosen", 1.5), ("odd", 7.0)):
            values.check(name, torch.tensor(asked, dtype=torch.float32))


@pytest.mark.parametrize("asked", [1e6, -1.0])
def test_values_beyond_a_range_are_warned_of(values, asked):
    with pytest.warns(UserWarning, match=r"params\['ranged'\]: .* go from 0.1 to 0.8: an extrapolation"):
        values.check("ranged", torch.tensor([0.2, asked]))
