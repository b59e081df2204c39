"""What a user finds in a report: baselines, metrics, seeds, and the same figures whatever the batch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

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

TINY = [
    "small=true",
    "model=fno",
    "model.width=8",
    "model.modes=4",
    "model.num_layers=2",
    "pde.times.num_snapshots=22",
    "data.num_test=3",
]


@pytest.fixture(scope="module")
def runs(small_run):
    return [
        small_run("kuramoto_sivashinsky", [*TINY, f"name=ks-seed{seed}", f"seed={seed}", "data.chunk_size=4"])
        for seed in (0, 1)
    ]


@pytest.fixture
def test_split(runs, homes):
    recipe = read_checkpoint(runs[0]).recipe
    return TrajectoryDataset.whole(Path(homes["TENDENCY_DATASETS"]) / recipe.dataset, "test", 3)


def test_figures_of_a_checkpoint_do_not_depend_on_the_batch(runs, test_split, compose_config, tmp_path):
    """Twenty steps in double precision, in batches of one and of three, with all metrics and baselines."""
    node = compose_config("evaluate", [f"runs=[{runs[0]}]"])["evaluation"]
    report: RolloutReport = build(node, "evaluation")
    stepper = load_stepper(runs[0])
    stepper.surrogate.double()
    subject, cpu = subject_of(test_split), torch.device("cpu")
    baselines, reasons = build_baselines(report.baselines, subject, training_pairs(test_split, None, cpu))
    assert not reasons
    found = []
    for size in (1, 3):
        recordings = [Doubled(recording) for recording in StreamedSplit(test_split, size, cpu)]
        found.append(
            evaluate_rollouts(
                {"fno": stepper, **baselines},
                recordings,
                test_split.metadata.channel_names,
                tmp_path / str(size),
                description=ReportDescription(),
                measurement=MeasurementPlan(report.metrics, subject),
            )
        )
    one, three = found
    assert one.sizes["snapshot"] == 21
    for name in one.data_vars:
        assert np.allclose(one[name], three[name], rtol=1e-10, atol=1e-12, equal_nan=True), name


class Doubled:
    """A recording in double precision."""

    def __init__(self, recording):
        self.recording = recording
        self.index, self.t, self.conditions = recording.index, recording.t, recording.conditions

    def snapshots(self):
        return (u.double() for u in self.recording.snapshots())


def test_a_comparison_of_two_seeds_says_all_that_was_measured(runs, run_evaluation, tmp_path):
    chosen = [f"runs=[{runs[0]},{runs[1]}]", "name=seeds"]
    cost = ["evaluation/cost=full", "evaluation.cost.trajectories=1", "evaluation.cost.coarsenings=[1,2]"]
    cost += ["evaluation.cost.step_factors=[1]", "evaluation.cost.precisions=[float64]", "evaluation.cost.repeats=1"]
    run_evaluation(tmp_path, *chosen, *cost, "evaluation.cost.batches=[1]")
    numbers = json.loads((tmp_path / "seeds" / "metrics.json").read_text())
    group = "ks (2 seeds)"
    assert numbers["description"]["seeds"] == {group: ["ks-seed0", "ks-seed1"]}
    assert numbers["description"]["characteristic_time"] == {"name": "Lyapunov time", "value": 20.0}
    assert numbers["description"]["missing_baselines"] == {}
    assert set(numbers["summary"]) == {
        "ks-seed0",
        "ks-seed1",
        "persistence",
        "linear extrapolation",
        "coarse solver",
        "linear Fourier model",
    }
    interval = numbers["seeds"][group]["rollout_nrmse"]
    assert interval["low"] < interval["mean"] < interval["high"]
    pairs = {(one["first"], one["second"]) for one in numbers["comparisons"]}
    assert (group, "persistence") in pairs
    # Half the points hold this flow: nothing that is learned in two epochs comes near.
    assert numbers["summary"]["coarse solver"]["final_nrmse"] < numbers["summary"]["ks-seed0"]["final_nrmse"]
    verdicts = numbers["break_even_verdict"]["verdicts"]
    assert {one["surrogate"] for one in verdicts} == {"ks-seed0", "ks-seed1"}
    assert not verdicts[0]["wins"]
    assert set(numbers["break_even_verdict"]["training_seconds"]) == {"ks-seed0", "ks-seed1"}
    with xr.open_dataset(tmp_path / "seeds" / "metrics.nc", engine="h5netcdf") as results:
        assert {"band_error", "conserved_drift", "wasserstein", "nrmse_time", "blow_up_time"} <= set(results.data_vars)
        assert results.threshold.values.tolist() == [0.8, 0.9, 0.95]
        # The surrogates see one snapshot: all but the extrapolation begin with the first.
        assert results.attrs["start_snapshot"] == 0
        starts = dict(zip(results.simulator.values.tolist(), results.first_snapshot.values.tolist(), strict=True))
        assert starts == dict.fromkeys(numbers["summary"], 0) | {"linear extrapolation": 1}


def test_a_time_of_its_own_makes_no_other_dataset_of_a_problem(compose_config):
    from tendency.app.problems.solved_data import SolvedData

    pde = compose_config("generate", ["pde=kuramoto_sivashinsky"])["pde"]
    plain = {key: value for key, value in pde.items() if key != "characteristic_time"}
    data = SolvedData(Path(), pde, 1, 1, 1, 1)
    problem = data.problem
    assert problem.characteristic_time.value == 12.0
    assert data.folder == SolvedData(Path(), plain, 1, 1, 1, 1).folder
