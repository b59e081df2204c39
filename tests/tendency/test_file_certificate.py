"""What is found in data files when they are indexed, without a solver: each fault by a figure that names it."""

import re

import numpy as np
import pytest

from tendency.app.problems.file_data import FileData
from tendency.data.file_certificate import OUTLIER, RESOLVED
from tendency.data.file_splits import SplitRule
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tests.support.array_files import ArrayReader, write_waves

COUNTS = {
    "values that are not finite",
    "snapshots that repeat the one before",
    "trajectories in which nothing changes",
    "trajectories that end at rest",
    "fields that never vary",
    "snapshots in which all fields are constant",
    "trajectories stored twice",
    "trajectories in two splits",
}


def waves(seed=0, count=10, snapshots=9, points=16):
    """u (R, T, 1, N) of travelling waves, smooth and never alike."""
    generator = np.random.default_rng(seed)
    speed, phase = (generator.uniform(*ends, (count, 1, 1)) for ends in ((0.5, 1.5), (0, 6)))
    x, t = 2 * np.pi * np.arange(points) / points, 0.1 * np.arange(snapshots)
    return np.sin(x - speed * t[:, None] + phase)[:, :, None].astype(np.float32)


@pytest.fixture
def certificate(tmp_path):
    """``certificate(u, dt=0.2)``: of a file that holds u; its figures by name beside it."""

    def make(u, times=None, split=None, **settings):
        arrays = {} if times is None else {"times": times}
        write_waves(tmp_path / "files" / "a.npz", u=u, speed=np.arange(len(u)), **arrays)
        settings = {"batch_size": 1, "reader": ArrayReader(), "split": split or SplitRule(0.2, 0.2)} | settings
        data = FileData(tmp_path / "datasets", None, str(tmp_path / "files"), **settings)
        found = data.certify()
        assert found == read_manifest(data.folder).certificate
        return found, {figure.name: figure for figure in found.figures}

    return make


def test_a_right_file_holds_all_figures_and_says_that_no_solver_was_asked(certificate):
    found, figures = certificate(waves())
    assert set(figures) >= COUNTS
    assert all(figure.holds for figure in found.figures)
    assert found.passed
    assert found.trajectories == 10
    assert found.told() == ["data files, not certified against a solver"]
    assert figures["drift of the mean of u"].value < 1e-6
    assert 0.9 < figures["largest change beside those around it"].value < 1.1


def repeat_a_snapshot(u):
    u[3, 5] = u[3, 4]


def blank_a_snapshot(u):
    u[3, 5] = 0.0


def stop_one(u):
    u[3, 6:] = u[3, 6:7]


def hold_one(u):
    u[3] = u[3, :1]


def store_one_twice(u):
    u[3] = u[5]


@pytest.mark.parametrize(
    ("spoil", "name", "words"),
    [
        (repeat_a_snapshot, "snapshots that repeat the one before", "snapshot 5 of trajectory 3; .*leave_out=\\[3\\]"),
        (blank_a_snapshot, "snapshots in which all fields are constant", "snapshot 5 of trajectory 3; .*_out=\\[3\\]"),
        (stop_one, "trajectories that end at rest", "trajectory 3; .*num_snapshots"),
        (hold_one, "trajectories in which nothing changes", "trajectory 3; leave out by data.leave_out=\\[3\\]"),
        (store_one_twice, "trajectories", "3 = 5|5 = 3"),
    ],
)
def test_what_repeats_or_is_still_is_counted_and_named(certificate, spoil, name, words):
    u = waves()
    spoil(u)
    found, _ = certificate(u)
    (above,) = [figure for figure in found.figures if not figure.holds and figure.name in COUNTS]
    assert above.name.startswith(name)
    assert above.value == 1
    assert found.passed
    assert found.told()[1].startswith(f"{above.name}, 1: ")
    assert not any("FAILS" in line for line in found.lines())
    assert re.search(words, above.remedy)


def test_a_test_trajectory_that_is_trained_on_is_told_apart_from_one_stored_twice(certificate):
    u = waves(count=20)
    u[10:] = u[:10]
    found, figures = certificate(u, split=SplitRule(0.25, 0.25))
    assert figures["trajectories stored twice"].value + figures["trajectories in two splits"].value == 10
    assert figures["trajectories in two splits"].value > 0
    assert found.told()[-1].endswith("]")


def test_one_start_of_several_trajectories_is_no_repetition(certificate):
    u = waves()
    u[:, 0] = u[0, 0]
    _, figures = certificate(u)
    assert figures["trajectories stored twice"].value == figures["trajectories in two splits"].value == 0


def test_data_in_which_nothing_changes_are_refused_and_no_index_is_left(certificate, tmp_path):
    with pytest.raises(DatasetError, match="the certificate fails.*\n(.*\n)*.*nothing changes in them, .*data.axes"):
        certificate(np.broadcast_to(waves()[:, :1], (10, 9, 1, 16)).copy())
    assert not list((tmp_path / "datasets").glob("*/manifest.json"))


def test_times_are_compared_with_one_another_and_with_what_is_stated(certificate):
    times = 0.1 * np.arange(9)
    times[5:] += 0.05
    _, figures = certificate(waves(), times=times)
    assert figures["times between snapshots, largest deviation"].value > 0.4
    _, figures = certificate(waves(), dt=0.2)
    stated = figures["data.dt against the files' own times"]
    assert stated.value == pytest.approx(0.5)
    assert stated.remedy == "data.dt=0.2, the files say 0.1"
    assert certificate(waves(), dt=0.1)[1]["data.dt against the files' own times"].holds


def test_a_field_that_the_grid_does_not_resolve_is_named_with_its_share(certificate):
    smooth = certificate(waves())[1]["energy in the highest third of wavenumbers, u"]
    steps = certificate(np.sign(waves() + 0.1))[1]["energy in the highest third of wavenumbers, u"]
    assert smooth.value < 1e-12
    assert steps.value > 10 * RESOLVED
    # Between walls the field is mirrored, where a wave has a kink and no jump.
    walls = certificate(waves(points=64), boundary="neumann")[1]["energy in the highest third of wavenumbers, u"]
    assert 1e-8 < walls.value < RESOLVED


def test_a_mean_that_all_but_some_keep_is_named_with_those(certificate):
    u = waves()
    u[7] += 0.01 * np.arange(9, dtype=np.float32)[:, None, None]
    _, figures = certificate(u)
    drift = figures["drift of the mean of u"]
    assert drift.value == pytest.approx(0.08 / np.sqrt(np.mean(u[7] ** 2)), rel=1e-3)
    assert "trajectory 7; leave out by data.leave_out=[7]" in drift.remedy
    assert "drift of the mean of u" not in certificate(u + 0.01 * np.arange(9, dtype=np.float32)[:, None, None])[1]


def test_a_snapshot_that_was_dropped_is_found_by_the_change_around_it(certificate):
    u = waves(snapshots=10)
    dropped = np.delete(u[4], 6, axis=0)
    u = u[:, :9].copy()
    u[4] = dropped
    _, figures = certificate(u)
    jump = figures["largest change beside those around it"]
    assert OUTLIER < jump.value < 2.01
    assert jump.remedy.startswith("trajectory 4 between snapshots 5 and 6: a snapshot was dropped or damaged")
