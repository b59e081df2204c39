"""An ensemble of a trained PDE-Refiner in a report: the figures of members that a user draws one by one."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import tendency
from tendency.data.dataset import TrajectoryDataset
from tendency.simulation.random import mix

pytestmark = pytest.mark.slow

MEMBERS, ROWS = 4, 3
TINY = ["small=true", "model=fno", "model.width=8", "model.modes=6", "model.num_layers=1"]


@pytest.fixture(scope="module")
def run(small_run):
    changes = ["pde.times.num_snapshots=12", f"data.num_test={ROWS}", "prediction=refiner", "name=refined"]
    return small_run("kuramoto_sivashinsky", [*TINY, *changes])


@pytest.fixture(scope="module")
def reports(run, run_evaluation, tmp_path_factory):
    """The report in batches of one, and of all trajectories: its summary, and its values."""
    home, found = tmp_path_factory.mktemp("reports"), {}
    for size in (1, ROWS):
        name = f"ensemble-{size}"
        chosen = [f"runs=[{run}]", f"name={name}"]
        run_evaluation(home, *chosen, f"evaluation.ensemble={MEMBERS}", f"evaluation.batch_size={size}")
        with xr.open_dataset(home / name / "metrics.nc", engine="h5netcdf") as results:
            values = results.load()
        found[size] = json.loads((home / name / "metrics.json").read_text())["summary"], values
    return found


@pytest.fixture(scope="module")
def drawn(run, homes, reports):
    """Members (M, B, T, C, N) from ``predict``, each with seeds of its own, and the truth (B, T, C, N)."""
    surrogate = tendency.load_surrogate(run)
    data = TrajectoryDataset.whole(Path(homes["TENDENCY_DATASETS"]) / surrogate.recipe.dataset, "test", ROWS)
    window = data.windows(list(range(ROWS)))
    start = int(reports[1][1].attrs["start_snapshot"])
    u, t, times = window.u[:, start : start + 1], window.t[:, start : start + 1], window.t[:, start + 1 :]
    index = torch.arange(ROWS)
    seeds = [index, *(mix(index, member) for member in range(1, MEMBERS))]
    members = [surrogate.predict(u, t, times, window.conditions, seed) for seed in seeds]
    return torch.stack(members).double().numpy(), window.u[:, start + 1 :].double().numpy()


def test_the_figures_of_a_report_are_those_of_members_drawn_one_by_one(run, reports, drawn):
    x, y = drawn
    assert np.abs(x[1:] - x[0]).max() > 1e-3 * np.abs(y).max()
    pairs = sum(np.abs(a - b) for a, b in itertools.combinations(x, 2)) / (MEMBERS * (MEMBERS - 1))
    crps = (np.abs(x - y).mean(0) - pairs).mean(-1)
    variance = x.var(0, ddof=1).mean(-1)
    square = ((x.mean(0) - y) ** 2).mean(-1)
    coverage = ((x.min(0) <= y) & (y <= x.max(0))).mean(-1)
    summary, values = reports[ROWS]
    one = values.sel({"simulator": run.name}).isel(snapshot=slice(1, None))
    expected = {"crps": crps, "ensemble_variance": variance, "ensemble_mse": square}
    for name, by_hand in expected.items():
        assert one[name].values == pytest.approx(by_hand, rel=1e-4), name
    # One point of 64 may lie so close to the outermost member that rounding puts it on the other side.
    assert one.coverage.values == pytest.approx(coverage, abs=1.01 / 64)
    figures = summary[run.name]
    assert figures["crps_u"] == pytest.approx(crps.mean(), rel=1e-4)
    spread = np.sqrt((MEMBERS + 1) / MEMBERS * variance.mean() / square.mean())
    assert figures["spread_skill_u"] == pytest.approx(spread, rel=1e-4)
    assert figures["coverage_u"] == pytest.approx(coverage.mean(), abs=1e-3)
    # Members that are further apart than nothing are a better forecast than any one of them.
    assert crps.mean() < np.abs(x[0] - y).mean()
    assert "crps_u" not in summary["persistence"]


def test_they_do_not_depend_on_how_many_trajectories_are_rolled_out_together(run, reports):
    (one_by_one, few), (together, many) = reports[1], reports[ROWS]
    for name in ("crps", "ensemble_variance", "ensemble_mse"):
        a, b = (values[name].sel({"simulator": run.name}).values[:, 1:] for values in (few, many))
        assert a == pytest.approx(b, rel=1e-4), name
    for name in ("crps_u", "spread_skill_u"):
        assert one_by_one[run.name][name] == pytest.approx(together[run.name][name], rel=1e-4)
    assert one_by_one[run.name]["coverage_u"] == pytest.approx(together[run.name]["coverage_u"], abs=1e-3)
