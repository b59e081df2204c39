"""Datasets that lie in data files: what these say is believed, what they do not say is asked for, all at once."""

import json
import os
import shutil

import numpy as np
import pytest

from tendency.app.problems.dataset_problem import problem_of
from tendency.app.problems.file_data import FileData
from tendency.app.problems.stored_dataset import verify_folder
from tendency.data import file_sample, trajectory_digests
from tendency.data.dataset import TrajectoryDataset, open_windows
from tendency.data.file_splits import SplitRule
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.readers import known_readers
from tendency.errors import ConfigError
from tests.support.array_files import ArrayReader, write_waves

PDE = ["pde=advection", "small=true"]


@pytest.fixture
def data_of(tmp_path):
    """``data_of(path, dt=0.1)``: the data of a run on these files."""

    def make(path, pde=None, **settings):
        return FileData(tmp_path / "datasets", pde, str(path), **{"batch_size": 2, "reader": ArrayReader()} | settings)

    return make


@pytest.fixture
def waves(tmp_path):
    """A file of ten waves that says all there is to say."""
    return write_waves(tmp_path / "there" / "Waves 1D.npz")


def waves_without_parameters(path):
    return write_waves(path, speed=None, times=None, extent=None, boundary=None)


def opened(read):
    """How many files are opened by a function, and what it returns."""
    before = ArrayReader.opened
    return read(), ArrayReader.opened - before


def test_what_files_say_is_the_dataset(data_of, waves):
    data = data_of(waves)
    metadata = data.metadata
    assert metadata.name == "waves_1d"
    assert data.folder.name.startswith("waves_1d-")
    assert (metadata.channel_names, metadata.param_names, metadata.num_snapshots) == (("u",), ("speed",), 9)
    assert (metadata.dt, data.steps, data.extent) == (0.1, (0.1, 0.1), ((2 * np.pi, 2 * np.pi),))
    assert data.counts == {"train": 8, "valid": 1, "test": 1}
    content, splits = np.load(waves), read_manifest(data.folder).files.splits
    assert sorted(np.concatenate(list(splits.values()))) == list(range(10))
    for split, numbers in splits.items():
        windows = TrajectoryDataset.whole(data.folder, split)
        for row, number in enumerate(numbers):
            window = windows[row]
            assert np.array_equal(window.u[0].numpy(), content["u"][number])
            assert window.conditions.params.item() == content["speed"][number]
            assert np.allclose(window.t[0].numpy(), content["times"])
    spread = read_manifest(data.folder).statistics["u"]
    chosen = content["u"][splits["train"]]
    assert np.allclose([spread["mean"][0], spread["std"][0]], [chosen.mean(), chosen.std()], atol=1e-3)


def test_what_nobody_says_is_asked_for_all_at_once(data_of, tmp_path, compose_config):
    bare = write_waves(tmp_path / "1D_Waves.npz", times=None, extent=None, boundary=None)
    found = r"data: 1D_Waves.npz \(array_files: u \(10, 9, 1, 16\) float32, params speed\) does not say: "
    with pytest.raises(ConfigError, match=f"{found}data.boundary=periodic, data.dt=0.01, data.extent=\\[1.0\\]$"):
        _ = data_of(bare).folder
    with pytest.raises(ConfigError, match=f"{found}data.extent=\\[1.0\\]$"):
        _ = data_of(bare, boundary="periodic", dt=0.1).folder
    assert not (tmp_path / "datasets").exists()
    said = data_of(bare, boundary="periodic", dt=0.1, extent=[2 * np.pi])
    assert (said.metadata.dt, said.steps, said.extent) == (0.1, (0.1, 0.1), ((2 * np.pi,) * 2,))
    assert np.allclose(open_windows(said.folder, "train")[0].t.numpy(), [[0, 0.1]])
    pde = compose_config("generate", ["pde=burgers"])["pde"]
    constants = r"data.constants=\{viscosity: 0.01\}"
    asked = f"data.boundary=periodic, data.dt=0.01, {constants} or data.params=\\{{viscosity: speed\\}}"
    with pytest.raises(ConfigError, match=f"does not say: {asked}$"):
        _ = data_of(bare, pde, extent=[1.0]).folder
    with pytest.raises(ConfigError, match=f"does not say: {constants}$"):
        _ = data_of(waves_without_parameters(bare), pde, extent=[1.0], dt=0.1, boundary="periodic").folder


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"path": ""}, "data.path: expected a file or a folder, got ''"),
        ({"only": ""}, "data.only: expected a pattern"),
        ({"axes": ["x", "x"]}, "data.axes: expected names among"),
        ({"arrays": ["u", "u"]}, r"data.arrays: expected each array once, got \['u', 'u'\]"),
        (
            {"arrays": ["u"], "given": ["u"]},
            r"data.given: expected other arrays than those of data.arrays, got \['u'\]",
        ),
        ({"boundary": ["periodic", "walls"]}, "data.boundary: boundary kind: expected one of .*, got 'walls'"),
        ({"num_snapshots": 1}, "data.num_snapshots: expected at least 2, .* got 1$"),
        ({"dt": 1e-320}, "data.dt: expected a number from 1e-18 to 1e.18, .* got 9.99989e-321"),
        ({"dt": 1e308}, "data.dt: expected a number from 1e-18 to 1e.18, .* got 1e.308"),
        ({"extent": [1e-320]}, "data.extent: expected a number from 1e-18 to 1e.18"),
        ({"constants": {"nu": 1e300}}, "data.constants.nu: expected numbers up to 1e.18, got 1e.300"),
    ],
)
def test_settings_that_fit_no_file_are_refused_before_one_is_opened(tmp_path, settings, expected):
    with pytest.raises(ConfigError, match=expected):
        FileData(tmp_path, None, **{"path": str(tmp_path / "nowhere"), "batch_size": 2} | settings)


def test_shares_that_leave_none_to_train_on_are_refused_before_a_file_is_opened():
    with pytest.raises(ValueError, match=r"data.split: expected .* a share to train on, got 0.5 \+ 0.5"):
        SplitRule(0.5, 0.5)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"times": 1e300 * np.arange(9)}, "times of w.npz: expected numbers up to 1e.18, got 8e.300"),
        ({"times": 1e-30 * np.arange(9)}, "time between snapshots of w.npz: expected a number from 1e-18"),
        (
            {"times": np.array([0, 1, 1 + 1e-15, 2, 3, 4, 5, 6, 7])},
            "differ by more than their rounding, got steps from",
        ),
        ({"extent": np.array([1e-320])}, "side length of w.npz: expected a number from 1e-18"),
        ({"speed": np.linspace(1, 1e300, 10)}, "data.params: speed: expected numbers up to 1e.18, got 1e.300"),
    ],
)
def test_numbers_that_single_precision_cannot_calculate_with_are_refused(data_of, tmp_path, arrays, expected):
    path = write_waves(tmp_path / "w.npz", **arrays)
    with pytest.raises(ValueError, match=expected):
        _ = data_of(path).folder
    if "times" in arrays:
        assert data_of(path, dt=0.1).metadata.dt == 0.1


def test_the_range_of_parameters_is_that_of_the_trajectories_that_are_trained_on(data_of, waves):
    data = data_of(waves, num_train=3)
    speeds = np.load(waves)["speed"][data.index.splits["train"][:3]]
    assert data.trained_params == {"speed": [speeds.min(), speeds.max()]}
    assert data_of(waves).trained_params != data.trained_params


@pytest.mark.parametrize(("setting", "value"), [("num_test", 5), ("stride", 9)])
def test_what_train_would_refuse_is_refused_when_data_are_prepared(data_of, waves, setting, value):
    with pytest.raises(ConfigError, match=f"data.{setting}: expected at most .*got {value}$"):
        data_of(waves, **{setting: value}).prepare()
    data_of(waves, stride=8).prepare()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"boundary": ["periodic", "open"]}, r"data.boundary: expected 1 entries, one for each axis, got \['periodic'"),
        ({"extent": [1.0, 1.0]}, r"data.extent: expected 1 side lengths, got \[1.0, 1.0\]"),
        ({"params": {"c": "nu"}}, r"data.params.c: expected one of \['speed'\], those of Waves 1D.npz, got 'nu'"),
        (
            {"constants": {"speed": 1.0}},
            r"data.constants: expected parameters that the files do not hold, got \['speed",
        ),
        ({"num_snapshots": 10}, r"data.num_snapshots: expected 2 to 9, the snapshots of .* Waves 1D.npz, got 10"),
        ({"only": "*.h5"}, r"data.only: expected a pattern .* such as \['Waves 1D.npz'\], got '\*.h5'"),
        ({"leave_out": [10]}, "data.leave_out: expected numbers of the 10 trajectories from 0 on, got 10"),
        ({"leave_out": list(range(8))}, "data.split: expected at least one trajectory to train on, got 2 of which 2"),
    ],
)
def test_settings_that_do_not_fit_the_files_are_refused_by_name(data_of, waves, settings, expected):
    with pytest.raises(ValueError, match=expected):
        _ = data_of(waves, **settings).folder


def test_one_parameter_that_is_not_finite_is_named_and_its_trajectory_can_be_left_out(data_of, tmp_path):
    drag, speed = np.linspace(1, 2, 10), np.linspace(1, 2, 10)
    drag[4] = np.nan
    path = write_waves(tmp_path / "drag.npz", speed=speed, drag=drag)
    named = r"finite values of drag, got nan in trajectory 4: leave out by data.leave_out=\[4\], or .*={speed: speed}"
    for settings in ({}, {"params": {"d": "drag"}}, {"leave_out": [3]}):
        with pytest.raises(ValueError, match=named):
            _ = data_of(path, **settings).folder
    assert data_of(path, leave_out=[4]).metadata.param_names == ("speed", "drag")
    assert data_of(path, params={"speed": "speed"}).metadata.param_names == ("speed",)


def test_more_trajectories_than_there_are_and_no_files_are_refused_by_name(data_of, waves, tmp_path):
    with pytest.raises(ConfigError, match=r"data.num_train: expected at most 8, the train trajectories of .*, got 9"):
        _ = data_of(waves, num_train=9).counts
    with pytest.raises(
        ConfigError, match="data.path: expected a file or a folder, got '.*nothing', which is not there"
    ):
        _ = data_of(tmp_path / "nothing").folder
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="data.path: expected a file or a folder of files of array_files, got"):
        _ = data_of(tmp_path / "empty").folder
    with pytest.raises(ValueError, match="data.path=.*empty: expected files that end in .*, found nothing"):
        _ = data_of(tmp_path / "empty", reader=None).folder


def test_parameters_of_one_value_are_hidden_and_steps_may_vary(data_of, tmp_path):
    times = np.linspace(0.1, 0.2, 10)[:, None] * np.arange(9)
    path = write_waves(tmp_path / "waves.npz", speed=np.full(10, 2.0), drag=np.arange(10.0), times=times)
    data = data_of(path, params={"c": "speed", "k": "drag"}, constants={"density": 3.0}, stride=2)
    metadata = data.metadata
    assert (metadata.param_names, metadata.hidden_names) == (("k",), ("c", "density"))
    assert metadata.dt is None
    assert np.allclose(data.steps, (0.1, 0.2))
    assert data.seen.num_snapshots == 5
    window = open_windows(data.folder, "train")[0]
    assert window.conditions.hidden.tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize(
    ("said", "counts", "origin"),
    [
        (("train", "valid", "test"), (4, 5, 6), "train and valid and test as the files say"),
        (
            ("train", "train", "test"),
            (8, 1, 6),
            "train and test as the files say; drawn from train, data.split.valid=0.1",
        ),
        (
            (None, None, None),
            (11, 2, 2),
            "drawn from all 15 trajectories, data.split.valid=0.1, data.split.test=0.1",
        ),
    ],
)
def test_splits_are_the_files_own_or_drawn_by_a_stated_rule(data_of, tmp_path, said, counts, origin):
    for number, split in enumerate(said):
        write_waves(tmp_path / "waves" / f"{number}.npz", 4 + number, number, split=split)
    data = data_of(tmp_path / "waves")
    assert data.counts == dict(zip(("train", "valid", "test"), counts, strict=True))
    assert data.lines()[1].startswith(f"split    {origin}")
    splits = read_manifest(data.folder).files.splits
    assert sorted(np.concatenate(list(splits.values()))) == list(range(15))
    if said[2] == "test":
        assert splits["test"].tolist() == list(range(9, 15))


def test_a_draw_is_the_same_each_time_and_its_beginning_is_a_sample_of_it():
    numbers = np.arange(1000)
    first, again, other = (SplitRule(seed=seed).cut(numbers, ("valid", "test")) for seed in (0, 0, 1))
    assert all(np.array_equal(first[split], again[split]) for split in first)
    assert not np.array_equal(first["test"], other["test"])
    assert abs(first["train"][:100].mean() - 500) < 100


def test_files_that_do_not_belong_together_are_named_with_a_remedy(data_of, tmp_path):
    folder, noise = tmp_path / "waves", np.random.default_rng(0).normal(size=(4, 9, 1, 16)).astype(np.float32)
    write_waves(folder / "a.npz")
    write_waves(folder / "b.npz", u=noise[..., :8], speed=np.arange(4.0))
    with pytest.raises(ValueError, match="a.npz holds u on 16 points, b.npz holds u on 8 points; .*data.only=<pattern"):
        _ = data_of(folder).folder
    assert data_of(folder, only="b*").metadata.geometry.shape == (8,)
    write_waves(folder / "b.npz", u=noise[:, :5], speed=np.arange(4.0), times=0.1 * np.arange(5))
    with pytest.raises(ValueError, match=r"those of b.npz 5; .* take the first of each by data.num_snapshots=5, or"):
        _ = data_of(folder).folder
    cut = data_of(folder, num_snapshots=5)
    assert cut.metadata.num_snapshots == 5
    whole = TrajectoryDataset.whole(cut.folder, "train").windows(range(cut.counts["train"]))
    assert whole.t.shape == (12, 5)
    write_waves(folder / "b.npz", boundary=np.array([["open", "open"]]))
    with pytest.raises(ValueError, match="boundaries of a.npz are .* those of b.npz .*data.only=..., or data.boundary"):
        _ = data_of(folder).folder
    write_waves(folder / "b.npz", speed=None, drag=np.arange(10.0))
    with pytest.raises(ValueError, match=r"a.npz has the parameters \['speed'\], b.npz has \['drag'\]; .*data.params="):
        _ = data_of(folder).folder
    write_waves(folder / "b.npz", u=np.ones((4, 1, 1, 16), np.float32), speed=np.arange(4.0), times=np.zeros(1))
    with pytest.raises(ValueError, match=r"b.npz holds one snapshot of each trajectory .*: a steady problem, in which"):
        _ = data_of(folder).folder


@pytest.mark.parametrize("number", [0, 9])
def test_values_that_are_not_finite_are_named_when_files_are_indexed(data_of, waves, number):
    content = dict(np.load(waves))
    content["u"][number, 3] = np.nan
    np.savez(waves, **content)
    with pytest.raises(DatasetError, match=rf"not finite: trajectory {number}, snapshot 3; .*leave_out=\[{number}\]"):
        _ = data_of(waves).folder
    data = data_of(waves, leave_out=[number])
    assert sum(data.counts.values()) == 9
    assert number not in np.concatenate(list(read_manifest(data.folder).files.splits.values()))


def test_what_is_not_finite_in_the_middle_is_named_when_it_is_read(data_of, waves, capsys, monkeypatch):
    content = dict(np.load(waves))
    content["u"][4, 3] = np.nan
    np.savez(waves, **content)
    settings = {"split": SplitRule(valid=0.3, test=0.3, seed=1)}
    with pytest.raises(DatasetError, match=r"not finite: trajectory 4, snapshot 3; .* data.leave_out=\[4\]"):
        _ = data_of(waves, **settings).folder
    # Of many trajectories a sample is looked at.
    monkeypatch.setattr(file_sample, "SAMPLED", dict.fromkeys(("train", "valid", "test"), 1))
    monkeypatch.setattr(trajectory_digests, "DIGESTED_VALUES", 0)
    data = data_of(waves, **settings)
    (split,) = (name for name, numbers in data.index.splits.items() if 4 in numbers)
    with pytest.raises(
        DatasetError, match=r"not finite: trajectory 4, snapshot 3; leave it out by data.leave_out=\[4\]"
    ):
        TrajectoryDataset.whole(data.folder, split).windows(range(data.counts[split]))
    with pytest.raises(DatasetError, match="1 of its data files are not what was indexed"):
        data.verify()
    assert "data.leave_out=[4]" in capsys.readouterr().out


def test_files_are_opened_again_only_where_something_has_changed(data_of, waves):
    folder, first = opened(lambda: data_of(waves).folder)
    assert first > 0
    again, count = opened(lambda: data_of(waves).folder)
    assert (again, count) == (folder, 0)
    os.utime(waves, (1, 1))
    touched, count = opened(lambda: data_of(waves).folder)
    assert touched == folder
    assert count > 0
    assert opened(lambda: data_of(waves).folder) == (folder, 0)
    assert data_of(waves, stride=2, num_train=3).folder == folder
    assert data_of(waves, num_snapshots=5).folder != folder


def test_moved_files_are_the_same_dataset_and_changed_ones_another(data_of, waves, tmp_path):
    data = data_of(waves)
    folder, identity = data.folder, data.identity({"data": {}})
    manifest = (folder / "manifest.json").read_bytes()
    elsewhere = tmp_path / "elsewhere" / waves.name
    elsewhere.parent.mkdir()
    shutil.move(waves, elsewhere)
    with pytest.raises(DatasetError, match=r"is missing: .* where the files were moved, run the same .* data.path=<"):
        open_windows(folder, "test")[0]
    moved = data_of(elsewhere)
    assert (moved.folder, moved.identity({"data": {}})) == (folder, identity)
    assert str(waves.parent) not in json.dumps(identity)
    assert (folder / "manifest.json").read_bytes() == manifest
    assert open_windows(folder, "test")[0].u.shape == (1, 2, 1, 16)
    write_waves(elsewhere, seed=1)
    with pytest.raises(DatasetError, match="was changed since it was indexed: its structure or its parameters differ"):
        open_windows(folder, "test")[0]
    assert data_of(elsewhere).folder != folder


def test_other_values_in_files_of_the_same_form_are_another_dataset(data_of, waves, capsys):
    data = data_of(waves)
    folder, content = data.folder, dict(np.load(waves))
    np.savez(waves, **content | {"u": -content["u"]})
    assert data_of(waves).folder != folder
    with pytest.raises(DatasetError, match="1 of its data files are not what was indexed"):
        verify_folder(data.folder, data.manifest)
    assert "was changed since it was indexed: 10 trajectories (0, 1, 2, 3, 4, ...) have" in capsys.readouterr().out


def test_an_index_is_whole_or_made_anew(data_of, waves):
    folder = data_of(waves).folder
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(manifest[:-20])
    assert data_of(waves).folder == folder
    assert json.loads((folder / "manifest.json").read_text())["files"] == json.loads(manifest)["files"]
    data_of(waves).verify()


def test_a_problem_beside_the_files_takes_their_points_times_and_parameters(data_of, waves, compose_config):
    pde = compose_config("generate", PDE)["pde"]
    data = data_of(waves, pde)
    problem, content = data.problem, np.load(waves)
    assert problem.geometry == data.metadata.geometry
    assert (problem.times.dt.lowest, problem.times.num_snapshots, problem.times.burn_in) == (0.1, 9, 0.0)
    assert (problem.parameters["speed"].lowest, problem.parameters["speed"].highest) == (
        content["speed"].min(),
        content["speed"].max(),
    )
    found = problem_of(TrajectoryDataset.whole(data.folder, "test"))
    assert repr(found) == repr(problem)
    assert data.folder != data_of(waves).folder
    node = data.identity({"data": {}})["pde"]
    assert node["extent"] == [{"_target_": "tendency.simulation.parameters.Constant", "value": 2 * np.pi}]
    two = compose_config("generate", ["pde=burgers_vector"])["pde"]
    with pytest.raises(ValueError, match="data files"):
        _ = data_of(waves, two, constants={"viscosity": 0.1}).folder


def test_a_reader_of_others_is_admitted_where_the_command_line_names_it(data_of, waves, monkeypatch):
    folder = data_of(waves).folder
    monkeypatch.setattr(known_readers, "ADMITTED", {})
    with pytest.raises(
        DatasetError, match=r"ArrayReader' is not one of this project; name it on .*\(data/reader=\), or"
    ):
        open_windows(folder, "test")
    known_readers.admit_named("tests.support.array_files.ArrayReader")
    assert len(open_windows(folder, "test")) == 8
    for path in ("os.path.join", "nothing.at.all", "tests.support.array_files.OpenedArrays"):
        with pytest.raises(DatasetError, match="the reader"):
            known_readers.admit_named(path)


def test_data_files_are_not_repaired(data_of, waves):
    with pytest.raises(Exception, match="data files are not made here, and are not repaired") as refused:
        data_of(waves).repair()
    assert refused.value.exit_code == 3
