"""What a run logs of its validation is what a report finds on the validation trajectories."""

import json
from pathlib import Path

import pytest
import torch

from tendency.app.configuration.build import build
from tendency.app.problems.dataset_problem import training_pairs
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.reports.subject import subject_of
from tendency.app.runs.checkpoint_reader import load_stepper, read_checkpoint
from tendency.data.dataset import TrajectoryDataset
from tendency.data.streamed_trajectories import StreamedSplit
from tendency.evaluation.baselines.baseline import build_baselines
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.statistics.summary import summarise

TINY = ["model=unet", "model.width=8", "model.multipliers=[1]", "model.num_blocks=1", "pde.geometry.shape=[16]"]
PREDICTIONS = {
    "increment": ["prediction=increment"],
    "history": ["prediction=state", "prediction.history=3", "data.stride=2"],
    "multistep": ["prediction=derivative", "prediction/integrator=ab2"],
}


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_log_holds_the_figures_of_a_report(prediction, small_run, homes, compose_config, tmp_path):
    counts = ["data.num_valid=5", "pde.times.num_snapshots=13"]
    folder = small_run("heat", [*TINY, *counts, *PREDICTIONS[prediction], f"name=validated-{prediction}"])
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    logged = [line for line in lines if "valid/rollout_nrmse" in line]

    recipe = read_checkpoint(folder).recipe
    dataset = Path(homes["TENDENCY_DATASETS"]) / recipe.dataset
    valid = TrajectoryDataset.whole(dataset, "valid", 5, recipe.stride)
    report: RolloutReport = build(compose_config("evaluate", [f"runs=[{folder}]"])["evaluation"], "evaluation")
    subject, cpu = subject_of(valid), torch.device("cpu")
    baselines, _ = build_baselines(report.baselines, subject, training_pairs(valid, None, cpu))
    results = evaluate_rollouts(
        {"ours": load_stepper(folder), **baselines},
        StreamedSplit(valid, 5, cpu),
        valid.metadata.channel_names,
        tmp_path,
        description=ReportDescription(learned=["ours"]),
        measurement=MeasurementPlan(report.metrics, subject),
    )
    found = summarise(results)["ours"]
    best = min(logged, key=lambda line: line["valid/rollout_nrmse"])  # what best.ckpt holds
    for name in ("rollout_nrmse", "one_step_nrmse", "final_correlation"):
        assert best[f"valid/{name}"] == pytest.approx(found[name], rel=1e-5), name
    # The two are not one number by accident.
    assert found["one_step_nrmse"] < 0.9 * found["rollout_nrmse"]
