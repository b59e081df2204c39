"""The configuration against the signatures of what it names: every problem at once, with its key."""

import pytest

from tendency.app.configuration.settings import TrainSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.errors import ConfigError

SCHEDULE = {"_target_": "tendency.trainers.schedules.WarmupCosine", "warmup_steps": 10, "final": 0.1}
ADAMW = {"_target_": "tendency.trainers.optimizers.adamw", "_partial_": True, "lr": 1e-3}


def problems(**config):
    with pytest.raises(ConfigError) as caught:
        check_nodes(config, {"optimizer": frozenset({"parameters"})})
    return caught.value.problems


def test_a_right_configuration_passes():
    check_nodes({"scheduler": SCHEDULE, "optimizer": ADAMW}, {"optimizer": frozenset({"parameters"})})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"warmup_steps": "lots"}, "scheduler.warmup_steps: input should be a valid integer, got 'lots'"),
        ({"warmup_steps": -1}, "scheduler.warmup_steps: input should be greater than or equal to 0, got -1"),
        ({"warmup_steps": 1.5}, "scheduler.warmup_steps: input should be a valid integer, got 1.5"),
        ({"final": 2.0}, "scheduler.final: input should be less than or equal to 1, got 2.0"),
        ({"final": float("nan")}, "scheduler.final: input should be a finite number, got nan"),
        ({"warmup": 3}, "scheduler.warmup: unknown argument of WarmupCosine; did you mean 'warmup_steps'?"),
        ({"final": "???"}, "scheduler.final: a value is required"),
        ({"_target_": "trainers.schedules.Warmup"}, "scheduler._target_: cannot import 'trainers.schedules.Warmup'"),
    ],
)
def test_each_problem_names_key_value_and_expectation(change, message):
    found = problems(scheduler=SCHEDULE | change)
    assert len(found) == 1
    assert found[0].startswith(message)


def test_all_problems_come_at_once():
    found = problems(scheduler=SCHEDULE | {"final": 3, "warmup_steps": "x"}, optimizer=ADAMW | {"lr": -1, "bet1": 0})
    assert len(found) == 4


def test_required_arguments_are_asked_for():
    found = problems(prediction={"_target_": "tendency.surrogates.predictions.derivative.DerivativePrediction"})
    assert found == [
        "prediction.difference: DerivativePrediction requires it",
        "prediction.integrator: DerivativePrediction requires it",
    ]


def test_a_node_of_the_wrong_kind_is_named():
    euler = {"_target_": "tendency.surrogates.integrators.runge_kutta.ForwardEuler"}
    found = problems(
        prediction={
            "_target_": "tendency.surrogates.predictions.derivative.DerivativePrediction",
            "difference": euler,
            "integrator": euler,
        }
    )
    assert found == ["prediction.difference: expected a Difference, got ForwardEuler"]


def test_nodes_inside_lists_and_mappings_are_checked():
    wrong = {"_target_": "tendency.simulation.parameters.Uniform", "low": "a", "high": 1.0}
    found = problems(pde={"extent": [wrong], "parameters": {"viscosity": wrong}})
    assert [problem.split(":")[0] for problem in found] == ["pde.extent[0].low", "pde.parameters.viscosity.low"]


def test_settings_are_checked_like_arguments():
    check_settings({"seed": 3, "resume": "auto"}, TrainSettings)
    with pytest.raises(ConfigError) as caught:
        check_settings({"seed": -1, "resume": "always", "nme": "a"}, TrainSettings)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["seed", "resume", "nme"]
