"""Evaluations: what is exact has no error, batches do not matter, and what blows up breaks nothing."""

import json
import os
import re
import socket
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from PIL import Image

from tendency.evaluation.baselines.linear_extrapolation import LinearExtrapolation
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.metrics.error_figures import error_figures
from tendency.evaluation.report.report import prepare_page, write_report
from tendency.evaluation.report.report_source import ReportSource
from tendency.evaluation.report.space import Space
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.rollouts.rollout_file import RolloutFile
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.rollouts.trajectory_errors import measure_trajectories
from tendency.evaluation.statistics.method_comparisons import compare_all
from tendency.evaluation.statistics.method_results import results_of_method
from tendency.evaluation.statistics.paired_comparison import compare_methods
from tendency.evaluation.statistics.ranking import ranked_trajectories, shown_trajectories
from tendency.evaluation.statistics.summary import summarise, summary_lines
from tendency.simulation.tree import map_tensors

DESCRIPTION = ReportDescription("rotation-1", "rotation", resolution="resolved", network_calls={"exact": 1})
CERTIFICATE = {
    "trajectories": 2,
    "figures": [{"name": "error", "value": 1e-9, "tolerance": 1e-6, "remedy": "", "binding": True}],
}


def judged(simulators, window, folder, batch=None):
    size = len(window.index)
    batch = batch or size
    batches = [map_tensors(lambda x, i=i: x[i : i + batch], window) for i in range(0, size, batch)]
    return evaluate_rollouts(simulators, batches, ["u"], folder, description=DESCRIPTION)


def test_an_exact_simulator_has_no_error_and_never_loses_correlation(rotation, trajectories, tmp_path):
    results = judged({"exact": rotation()}, trajectories(), tmp_path)
    assert results.nrmse.max() < 1e-12
    assert results.one_step_nrmse.max() < 1e-12
    assert results.correlation.min() == pytest.approx(1)
    assert results.correlation_time_censored.all()
    horizon = results.time.values[:, -1]
    assert np.array_equal(results.correlation_time.values[0, :, 0], horizon)


def test_one_step_errors_start_from_the_truth_and_rollouts_do_not(rotation, trajectories, tmp_path):
    window = trajectories()
    results = judged({"slow": rotation(speed=0.9), "persistence": Persistence()}, window, tmp_path)
    slow = results.sel({"simulator": "slow"})
    # The truth turns at the same rate everywhere: one step is as wrong as any other, the rollout ever more.
    one = slow.one_step_nrmse.values[:, 1:]
    assert np.allclose(one, one[:, :1])
    assert (np.diff(slow.nrmse.values, axis=1) > 0).all()
    assert np.allclose(slow.nrmse.values[:, 1], one[:, 0])
    still = results.sel({"simulator": "persistence"})
    step = window.at(1) - window.at(0)
    expected = step.flatten(1).norm(dim=1) / window.at(1).flatten(1).norm(dim=1)
    assert np.allclose(still.one_step_nrmse.values[:, 1], expected)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_the_batch_does_not_matter(rotation, trajectories, tmp_path, batch):
    simulators = {"slow": rotation(speed=0.9), "persistence": Persistence()}
    whole = judged(simulators, trajectories(16, dims=2), tmp_path / "whole")
    parts = judged(simulators, trajectories(16, dims=2), tmp_path / "parts", batch)
    for name in whole.data_vars:
        assert np.allclose(whole[name], parts[name], rtol=1e-10, atol=1e-12, equal_nan=True), name


def test_all_methods_start_where_the_longest_history_ends(rotation, trajectories, tmp_path):
    window = trajectories()
    results = judged({"exact": rotation(history=3), "persistence": Persistence()}, window, tmp_path)
    assert results.attrs["start_snapshot"] == 2
    assert results.sizes["snapshot"] == 5
    assert np.allclose(results.absolute_time.values[:, 0], window.t[:, 2])
    still = results.sel({"simulator": "persistence"})
    assert np.allclose(still.nrmse.values[:, 0], 0)


def test_a_baseline_that_needs_a_second_snapshot_takes_the_first_step_from_nobody(rotation, trajectories, tmp_path):
    window = trajectories()
    simulators = {"line": LinearExtrapolation(), "slow": rotation(0.9), "persistence": Persistence()}
    known = replace(DESCRIPTION, learned=["slow"])
    results = evaluate_rollouts(simulators, [window], ["u"], tmp_path / "all", description=known)
    assert results.attrs["start_snapshot"] == 0
    assert results.sizes["snapshot"] == 7
    assert results.first_snapshot.values.tolist() == [1, 0, 0]
    late = results.sel({"simulator": "line"})
    assert np.isnan(late.nrmse.values[:, 0]).all()
    assert np.isfinite(late.nrmse.values[:, 1:]).all()
    with xr.open_dataset(tmp_path / "all" / "rollouts.nc", engine="h5netcdf") as file:
        assert np.isnan(file.prediction.values[0, :, 0]).all()
        assert np.array_equal(file.prediction.values[0, :, 1], file.truth.values[:, 1])

    # From its start on it is what it is alone, where all start at the second snapshot.
    alone = judged({"line": LinearExtrapolation()}, window, tmp_path / "alone")
    assert alone.attrs["start_snapshot"] == 1
    own = results_of_method(results, "line")
    for name in set(alone.data_vars) - {"spectrum", "true_spectrum", "first_snapshot", "time"}:
        expected = alone[name].sel({"simulator": "line"}) if "simulator" in alone[name].dims else alone[name]
        assert np.allclose(own[name].values, expected.values, rtol=1e-12, equal_nan=True), name
    summary = summarise(results)
    assert summary["line"]["stable_share"] == 1
    ours = {key: value for key, value in summary["line"].items() if key != "horizon"}
    assert ours == pytest.approx({key: summarise(alone)["line"][key] for key in ours}, rel=1e-12)
    # Spectra are those of the same three snapshots as everybody's.
    assert np.isnan(late.spectrum.sel(moment="start").values).all()
    assert np.allclose(results.true_spectrum.sel(moment="end"), alone.true_spectrum.sel(moment="end"))
    assert np.isfinite(results.true_spectrum.sel(moment="start").values[..., 1:]).all()

    errors = results.nrmse.values[:, :, 2:]
    pairs = {(one["first"], one["second"]): one["ratio"] for one in compare_all(results, {})}
    for a, b in (("line", "slow"), ("line", "persistence")):
        first, second = (np.exp(np.log(errors[list(simulators).index(name)]).mean(1))[None] for name in (a, b))
        assert pairs[a, b] == pytest.approx(compare_methods(first, second).ratio, rel=1e-12)
    page = write(results, window, tmp_path / "all")
    text = page.read_text()
    assert "line needs more snapshots than the surrogates and starts 1 later" in text
    assert "blew up" not in (tmp_path / "all" / "report.md").read_text()


@pytest.mark.parametrize("simulator", [{"speed": 0.9}, {"speed": 0.9, "history": 3}, {"breaks_at": 3.5}])
def test_a_validation_measures_what_a_report_does(rotation, trajectories, tmp_path, simulator):
    window = trajectories()
    errors = measure_trajectories(rotation(**simulator), window)
    results = judged({"one": rotation(**simulator)}, window, tmp_path).isel(simulator=0)
    assert np.array_equal(errors.rollout_nrmse.numpy(), results.rollout_nrmse.values, equal_nan=True)
    assert np.array_equal(errors.final_correlation.numpy(), results.correlation.values[:, -1], equal_nan=True)
    figures = error_figures(
        errors.rollout_nrmse.numpy(), errors.one_step_nrmse.numpy(), errors.final_correlation.numpy()
    )
    summary = summarise(results.expand_dims("simulator"))["one"]
    assert figures == {name: summary[name] for name in figures}
    if "breaks_at" in simulator:
        # What blew up is infinite, and one step is still judged where the last step is lost.
        assert figures["rollout_nrmse"] == np.inf
        assert figures["final_correlation"] == -np.inf


def test_the_first_step_is_judged_and_one_step_is_the_median_of_all(rotation, trajectories):
    window = trajectories()

    class Improves(rotation):
        """Wrong by a factor in the first step from the first snapshot alone."""

        def advance(self, u, t, dt, conditions, memory):
            after, memory = super().advance(u, t, dt, conditions, memory)
            return torch.where((t == 3).reshape(-1, 1, 1), 2 * after, after), memory

    errors = measure_trajectories(Improves(), window)
    assert errors.one_step_nrmse.max() < 1e-12
    # The rollout stays twice as large as the truth, from its first step on: every snapshot has an error of 1.
    assert np.allclose(errors.rollout_nrmse, 1)


def test_a_method_that_blows_up_is_reported_as_such(rotation, trajectories, tmp_path):
    simulators = {"broken": rotation(breaks_at=3.35), "exact": rotation(), "persistence": Persistence()}
    window = trajectories()
    results = judged(simulators, window, tmp_path)
    summary = summarise(results)
    assert summary["broken"]["stable_share"] == 0
    assert summary["exact"]["stable_share"] == 1
    assert summary["broken"]["final_nrmse"] == np.inf
    assert 0 < summary["broken"]["correlation_time_0.8"] <= 0.35
    assert "blew up" in "\n".join(summary_lines(results))
    page = write(results, window, tmp_path)
    assert "blew up" in page.read_text()
    numbers = json.loads((tmp_path / "metrics.json").read_text())
    assert numbers["summary"]["broken"]["final_nrmse"] is None


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_files_hold_what_was_computed(rotation, trajectories, tmp_path, dims):
    window = trajectories(5, dims=dims, dtype=torch.float32)
    results = judged({"slow": rotation(0.9), "persistence": Persistence()}, window, tmp_path, batch=2)
    with xr.open_dataset(tmp_path / "rollouts.nc", engine="h5netcdf") as file:
        assert file.truth.dims == ("trajectory", "snapshot", "channel", *"xyz"[:dims])
        assert file.prediction.shape == (2, 5, 7, 1, *[16] * dims)
        assert np.array_equal(file.truth.values, window.u.numpy())
        assert np.array_equal(file.prediction.values[1], np.broadcast_to(window.u.numpy()[:, :1], window.u.shape))
        assert np.array_equal(file.time.values, window.t.numpy())
    with xr.open_dataset(tmp_path / "metrics.nc", engine="h5netcdf") as file:
        xr.testing.assert_allclose(file.load(), results)
    assert not list(tmp_path.glob(".*.tmp"))


def test_of_the_trajectories_those_that_are_kept_stay_as_they_were(rotation, trajectories, tmp_path):
    window = trajectories(5, dims=2, dtype=torch.float32)
    plan = MeasurementPlan(kept=shown_trajectories)
    simulators = {"slow": rotation(0.9), "persistence": Persistence()}
    results = evaluate_rollouts(
        simulators, [window], ["u"], tmp_path / "some", description=DESCRIPTION, measurement=plan
    )
    judged(simulators, window, tmp_path / "all")
    ranked = ranked_trajectories(results, "slow")
    assert results.sizes["trajectory"] == 5
    with (
        xr.open_dataset(tmp_path / "some" / "rollouts.nc", engine="h5netcdf") as some,
        xr.open_dataset(tmp_path / "all" / "rollouts.nc", engine="h5netcdf") as everything,
    ):
        assert some.trajectory.values.tolist() == sorted(ranked.values())
        xr.testing.assert_identical(some.load(), everything.isel(trajectory=sorted(ranked.values())).load())
        assert some.truth.dtype == np.float32
    with RolloutReader(tmp_path / "some" / "rollouts.nc", results.trajectory.values) as reader:
        shown = reader.truth(ranked["worst"], [0, 6], 0)
        assert np.array_equal(shown, window.u[ranked["worst"], [0, 6], 0].numpy())


def test_what_a_killed_evaluation_left_is_swept_and_the_living_are_spared(rotation, trajectories, tmp_path):
    host = socket.gethostname()
    dead, living = (tmp_path / f".rollouts.nc.{host}.{pid}.tmp" for pid in (2**22 + 1, os.getppid()))
    dead.touch()
    living.touch()
    judged({"exact": rotation()}, trajectories(2), tmp_path)
    assert not dead.exists()
    assert living.exists()


def test_two_evaluations_write_beside_one_another(tmp_path):
    path = tmp_path / "rollouts.nc"
    with RolloutFile(path, ["exact"], ["u"]):
        assert all(str(os.getpid()) in temporary.name for temporary in tmp_path.iterdir())
    assert [file.name for file in tmp_path.iterdir()] == ["rollouts.nc"]


def test_too_short_trajectories_are_refused(rotation, trajectories, tmp_path):
    with pytest.raises(ValueError, match="trajectories of 3 snapshots are too short for a history of 3"):
        judged({"exact": rotation(history=3)}, trajectories(snapshots=3), tmp_path)
    assert not list(tmp_path.iterdir())


SOURCE = ReportSource("A report", {"model": "fno"}, CERTIFICATE, {"torch": "2"})


def write(results, window, folder):
    return write_report(results, folder, SOURCE, Space(window.conditions.geometry, window.conditions.extent.numpy()))


@pytest.mark.parametrize("dims", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_report_is_written_as_page_text_table_figures_and_film(rotation, trajectories, tmp_path, dims):
    window = trajectories(dims=dims)
    results = judged({"slow": rotation(0.9), "persistence": Persistence()}, window, tmp_path)
    page = write(results, window, tmp_path)
    assert page.stat().st_size < 25_000_000
    names = ("nrmse", "correlation", "spectra", "rollout_0_median", "rollout_0_worst")
    expected = {f"{name}.{ending}" for name in names for ending in ("png", "svg")}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {*expected, "animation.gif"}
    text = (tmp_path / "report.md").read_text()
    assert all(f"(figures/{name}.png)" in text for name in names)
    assert re.search(r"^\| slow +\|", text, re.MULTILINE)
    with Image.open(tmp_path / "figures" / "animation.gif") as film:
        assert film.n_frames == 7
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert len(table) == 2 * 5 * 7
    one = table[(table.simulator == "slow") & (table.trajectory == 3)]
    assert np.allclose(one.nrmse, results.nrmse.sel({"simulator": "slow", "trajectory": 3}), rtol=1e-6, equal_nan=True)
    assert np.allclose(one.time, results.time.sel(trajectory=3))


def test_a_baseline_that_is_ahead_is_said_at_the_top(rotation, trajectories, tmp_path):
    window = trajectories()
    simulators = {"slow": rotation(0.9), "coarse solver": rotation(0.95), "persistence": Persistence()}
    known = replace(DESCRIPTION, learned=["slow"])
    results = evaluate_rollouts(simulators, [window], ["u"], tmp_path, description=known)
    headline = prepare_page(results, tmp_path, SOURCE).headline
    assert headline.startswith("slow has a one-step error")
    assert headline.endswith(
        " Over the rollout the coarse solver, which is not trained, has a smaller error than the trained network."
    )
    alone = evaluate_rollouts(
        {"slow": rotation(0.9), "persistence": Persistence()}, [window], ["u"], tmp_path, description=known
    )
    assert "not trained" not in prepare_page(alone, tmp_path, SOURCE).headline
