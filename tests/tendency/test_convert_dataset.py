"""Data files as a dataset in chunks of this program: the same trajectories, or on fewer points without aliasing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

import tendency
from tendency.app.problems.make_dataset import generate
from tendency.data.convert_trajectories import on_fewer_points
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.errors import ConfigError
from tendency.simulation.geometry import Boundary, Grid

N, T, POINTS = 10, 7, 16
U = np.random.default_rng(0).normal(size=(N, T, POINTS)).astype("f4")
X, TIMES = np.arange(POINTS) / POINTS, 0.5 * np.arange(T)


@pytest.fixture
def convert(compose_config, tmp_path):
    """``convert("convert_every=2")``: converts a file of arrays; returns the folder of the new dataset."""
    path, datasets = tmp_path / "own.npz", tmp_path / "datasets"
    if not path.exists():
        np.savez(path, u=U, t=TIMES, x=X, nu=np.arange(N) / 4)

    def run(*overrides):
        facts = ["data=files", f"data.path={path}", "data.boundary=periodic", f"paths.datasets={datasets}"]
        before = {folder.name for folder in datasets.glob("own-*")} if datasets.exists() else set()
        generate(OmegaConf.create(compose_config("generate", [*facts, "convert=true", *overrides])))
        made = [folder for folder in datasets.glob("own-*") if read_manifest(folder).files is None]
        return next((folder for folder in made if folder.name not in before), made[0])

    return run


def test_it_holds_the_trajectories_of_the_files_and_names_their_index(convert, capsys):
    folder = convert()
    shown = capsys.readouterr().out
    assert "verified:" in shown
    assert f"data.path={folder}" in shown
    (indexed,) = (each for each in folder.parent.iterdir() if read_manifest(each).files is not None)
    for split in ("train", "valid", "test"):
        one, other = tendency.open_dataset(folder, split), tendency.open_dataset(indexed, split)
        assert np.array_equal(one.u, other.u)
        assert np.array_equal(one.nu, other.nu)
        assert np.array_equal(one.time, other.time)
    assert read_manifest(folder).provenance["origin"] == f"converted from {indexed.name}"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.hdf5")}
    assert convert() == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.hdf5")} == before


def test_fewer_points_and_times_keep_the_waves_that_fit_and_nothing_of_the_others(convert):
    full, some = tendency.open_dataset(convert()), tendency.open_dataset(convert("convert_every=2", "convert_stride=3"))
    assert some.u.shape == (N, 3, 8)
    assert some.attrs["dt"] == 1.5
    assert np.allclose(some.x, X[::2])
    expected = np.fft.rfft(full.u.values[:, ::3], axis=-1)[..., :4] / 2
    found = np.fft.rfft(some.u.values, axis=-1)
    assert np.allclose(found[..., :4], expected, atol=1e-5)
    assert np.allclose(found[..., 4], 0, atol=1e-5)


def test_between_walls_a_value_is_the_mean_over_its_cell():
    grid = Grid([8, 12], Boundary([["open", "open"], ["periodic", "periodic"]]))
    x, y = (torch.arange(8) + 0.5) / 8, torch.arange(12) / 12
    wave = torch.sin(2 * math.pi * y)
    coarse = on_fewer_points((x[:, None] + wave)[None, None], grid, 2)
    assert torch.allclose(coarse[0, 0], ((torch.arange(4) + 0.5) / 4)[:, None] + wave[::2], atol=1e-6)
    fast = torch.cos(math.pi * torch.arange(12.0)).expand(1, 1, 8, 12)
    assert torch.allclose(on_fewer_points(fast, grid, 2), torch.zeros(1, 1, 4, 6), atol=1e-6)


def test_what_was_stopped_goes_on_and_what_is_damaged_is_written_anew(convert, monkeypatch):
    monkeypatch.setattr("tendency.data.store_trajectories.CHUNK_BYTES", 2 * U[0].nbytes)
    folder = convert()
    whole = {path: path.read_bytes() for path in folder.rglob("*.hdf5")}
    (folder / "manifest.json").unlink()
    first, second, *others = sorted(whole)
    first.unlink()
    second.write_bytes(whole[second][:-7])
    before = {path: path.stat().st_mtime_ns for path in others}
    assert convert() == folder
    assert {path: path.read_bytes() for path in folder.rglob("*.hdf5")} == whole
    assert {path: path.stat().st_mtime_ns for path in others} == before


def test_a_file_that_cannot_be_read_leaves_no_dataset(convert, tmp_path):
    damaged = U.copy()
    # In the midst of the trajectories: an index looks at the first and the last.
    damaged[4, 3, 2] = np.nan
    np.savez(tmp_path / "own.npz", u=damaged, t=TIMES, x=X)
    with pytest.raises(DatasetError, match="not finite"):
        convert()
    made = list((tmp_path / "datasets").glob("*/manifest.json"))
    assert all("files" in json.loads(path.read_text()) for path in made)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["convert_every=3"], r"convert_every: expected a divisor .*\[16\].*got 3"),
        (["convert_every=8"], "convert_every: expected a divisor .*got 8"),
        (["convert_stride=7"], "convert_stride: expected at most 6.*got 7"),
        (["convert=false", "convert_every=2"], "convert_every: expected convert=true beside it, got 2"),
    ],
)
def test_what_does_not_divide_is_refused(convert, overrides, expected):
    with pytest.raises((ValueError, ConfigError), match=expected):
        convert(*overrides)


@pytest.mark.slow
def test_a_converted_dataset_is_trained_on(convert, run_training, tmp_path):
    folder = convert("convert_every=2")
    places = [f"paths.datasets={tmp_path / 'datasets'}", f"paths.outputs={tmp_path / 'outputs'}"]
    tiny = ["model.width=8", "model.modes=2", "trainer.max_epochs=1", "trainer.accelerator=cpu"]
    config = run_training(
        ["data=files", f"data.path={folder}", "scheduler.warmup_steps=1", "data.batch_size=4", *tiny, *places]
    )
    assert (Path(config.paths.run) / "report" / "report.html").is_file()
