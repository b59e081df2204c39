"""Runs are compared on the trajectories that they were judged on, or not at all."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.data.manifest import read_manifest
from tendency.errors import ArtefactError

TINY = ["model=fno", "model.width=8", "model.modes=4", "model.num_layers=2", "pde.geometry.shape=[16]"]


@pytest.fixture(scope="module")
def run(small_run):
    return small_run("heat", [*TINY, "name=judged"])


@pytest.fixture(scope="module")
def judge(run_evaluation, tmp_path_factory):
    """``judge("runs=[a]")``: evaluates in this process."""
    outputs = tmp_path_factory.mktemp("reports")

    def judged(*overrides):
        run_evaluation(outputs, *overrides)
        return outputs

    return judged


@pytest.fixture
def other_root(run, homes, tmp_path):
    """A copy of the datasets in which one test chunk has other bytes."""
    name = read_checkpoint(run).recipe.dataset
    shutil.copytree(Path(homes["TENDENCY_DATASETS"]) / name, tmp_path / name)
    manifest, chunk = read_manifest(tmp_path / name), "test/chunk-00000.hdf5"
    other = manifest.chunks | {chunk: manifest.chunks[chunk] | {"sha256": "0" * 64}}
    replace(manifest, chunks=other).write(tmp_path / name)
    return tmp_path


def test_a_checkpoint_records_the_chunks_that_it_was_made_with(run, homes):
    recipe = read_checkpoint(run).recipe
    manifest = read_manifest(Path(homes["TENDENCY_DATASETS"]) / recipe.dataset)
    assert sorted(recipe.chunks) == [
        f"{s}/chunk-0000{i}.hdf5" for s, i in (("test", 0), ("train", 0), ("train", 1), ("valid", 0))
    ]
    assert all(manifest.chunks[name]["sha256"] == checksum for name, checksum in recipe.chunks.items())


def test_other_test_trajectories_under_the_same_name_are_refused(run, other_root, judge):
    with pytest.raises(
        ArtefactError, match=r"(?s)judged was judged on other test trajectories.*test/chunk-00000.*now 0{16}"
    ):
        judge(f"runs=[{run}]", f"paths.datasets={other_root}")
    (dataset,) = other_root.iterdir()
    assert (judge(f"runs=[{run}]", f"dataset={dataset}", "name=elsewhere") / "elsewhere" / "report.html").exists()


def test_a_checkpoint_that_records_none_is_judged_as_before(run, other_root, judge):
    old = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    del old["recipe"]["chunks"]
    torch.save(old, other_root.parent / "old.ckpt")
    path = other_root.parent / "old.ckpt"
    assert (judge(f"runs=[{path}]", f"paths.datasets={other_root}", "name=old") / "old" / "report.html").exists()


def test_runs_that_were_judged_on_more_and_on_fewer_are_not_compared(run, judge, tmp_path):
    fewer = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    fewer["recipe"]["num_test"] = 1
    torch.save(fewer, tmp_path / "fewer.ckpt")
    runs = f"runs=[{run},{tmp_path / 'fewer.ckpt'}]"
    with pytest.raises(ArtefactError, match=r"(?s)say num_test=\.\.\..*judged: the first 2\nfewer: the first 1"):
        judge(runs)
    assert (judge(runs, "num_test=1", "name=one") / "one" / "report.html").exists()


def test_a_missing_chunk_is_noticed_before_the_folder_is_taken(run, homes, small_run, tmp_path):
    name = read_checkpoint(run).recipe.dataset
    shutil.copytree(Path(homes["TENDENCY_DATASETS"]) / name, tmp_path / name)
    (tmp_path / name / "valid" / "chunk-00000.hdf5").unlink()
    with pytest.raises(ArtefactError, match=r"lacks 1 of its chunks, the first of them valid/chunk-00000.hdf5"):
        small_run("heat", [*TINY, "name=lacking", f"paths.datasets={tmp_path}", "data.generate=false"])
    assert not (Path(homes["TENDENCY_OUTPUTS"]) / "lacking").exists()
