"""What a report tells of the trainings and the data behind it."""

import json

import pytest

from tendency.app.reports.told_training import ToldTraining, duration, trainings_of

CONFIGURATION = {
    "model": {"_target_": "tendency.surrogates.models.fno.FNO"},
    "prediction": {
        "_target_": "tendency.surrogates.predictions.derivative.DerivativePrediction",
        "integrator": {"_target_": "tendency.surrogates.integrators.runge_kutta.Heun"},
    },
    "data": {"num_train": 16, "batch_size": 8},
    "optimizer": {"lr": 0.003},
    "seed": 3,
}
RECORDS = [
    {"step": 0, "epoch": 0, "train/loss": 1.0},
    {"step": 79, "epoch": 0, "valid/rollout_nrmse": 0.5, "valid/final_correlation": 0.9},
    {"step": 159, "epoch": 1, "valid/rollout_nrmse": None},
]


def test_a_training_is_told_by_its_configuration_and_its_log():
    told = ToldTraining(CONFIGURATION, 1234, RECORDS, {"training_seconds": 7500.0, "device": "a machine"})
    assert told.effort == "for 2 epochs on 16 trajectories"
    facts = told.facts()
    assert facts["network"] == "FNO, 1,234 parameters"
    assert facts["prediction"] == "derivative, stepped by Heun"
    assert (facts["epochs"], facts["steps"], facts["learning rate"]) == ("2", "160", "0.003")
    assert (facts["training time"], facts["device"]) == ("2.1 h", "a machine")
    assert "date" not in facts
    history = told.history()
    assert list(history.loss) == [(0, 1.0)]
    assert {name: list(curve) for name, curve in history.validations.items()} == {
        "validation, rollout nRMSE": [(79, 0.5)]
    }


def test_of_a_checkpoint_by_itself_is_told_what_it_says():
    told = trainings_of({"a": ToldTraining(CONFIGURATION, 10), "b": ToldTraining(CONFIGURATION, 20)})
    assert told.networks == ["FNO"]
    assert told.effort == ""
    assert told.histories == {}
    assert told.differing == ["network"]
    assert told.shared["seed"] == "3"


@pytest.mark.parametrize(("seconds", "text"), [(12.345, "12.3 s"), (119, "119 s"), (300, "5.0 min"), (9000, "2.5 h")])
def test_durations_come_in_the_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.slow
def test_a_run_ends_with_a_page_that_says_what_was_done(small_run, run_evaluation, tmp_path):
    folder = small_run("heat", ["small=true", "model=fno_small", "data.num_test=5", "name=told"], evaluate=True)
    page = (folder / "report" / "report.html").read_text()
    assert "<h1>FNO on 1D heat conduction</h1>" in page
    assert "FNO, trained for 2 epochs on 4 trajectories of 1D heat conduction, predicts 5 test trajectories" in page
    for text in (
        "<math",
        "figures hold, measured on",
        "parameters",
        "training time",
        "device",
        "diffusivity 0.1 to 0.8",
    ):
        assert text in page, text
    ended = json.loads((folder / "finished.json").read_text())
    assert ended["device"] in page
    assert ended["date"] in page
    run_evaluation(tmp_path, f"runs=[{folder}]", "name=again", "evaluation.keep_all_rollouts=true")
    again = (tmp_path / "again" / "report.html").read_text()
    assert "<h1>FNO on 1D heat conduction</h1>" in again
    assert ended["device"] in again
    sizes = [(path / "rollouts.nc").stat().st_size for path in (folder / "report", tmp_path / "again")]
    assert sizes[0] < 0.8 * sizes[1]
