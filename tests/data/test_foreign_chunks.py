"""Chunks of another problem are found out, and nothing good is lost to a manifest that was changed."""

import shutil
from dataclasses import replace

import pytest

from tendency.data.dataset_layout import chunks_of, manifest_path, stored_chunk_paths
from tendency.data.generation import generate
from tendency.data.generation_job import ChunkSolver, GenerationJob
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.repair import find_damage, repair
from tendency.data.trajectory_reader import stated_problem

COUNTS = {"train": 2, "valid": 2, "test": 2}
OURS, OTHER = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def made(waves, tmp_path_factory):
    """``made(OURS, seed=0)``: a job whose dataset is there."""
    jobs = {}

    def make(problem, seed=0):
        if (problem, seed) not in jobs:
            folder = tmp_path_factory.mktemp("made") / "waves"
            job = jobs[problem, seed] = GenerationJob(waves.Maker(seed=seed), folder, 2, problem=problem)
            generate(job, {"seed": seed}, COUNTS, workers=1)
        return jobs[problem, seed]

    return make


@pytest.fixture
def copied(made, tmp_path):
    """``copied(OURS)``: such a job, its dataset a copy."""

    def copy(*arguments):
        job = made(*arguments)
        shutil.copytree(job.folder, tmp_path / "waves")
        return replace(job, folder=tmp_path / "waves")

    return copy


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()}


@pytest.mark.parametrize("stated", [OURS, None])
def test_a_chunk_says_which_problem_it_is_of(made, stated):
    assert {stated_problem(path) for path in stored_chunk_paths(made(stated).folder)} == {stated}


def test_chunks_of_another_problem_are_not_completed_into_a_dataset(copied, made, tmp_path):
    foreign = copied(OTHER, 1)
    manifest_path(foreign.folder).unlink()
    ours, lines = replace(made(OURS), folder=foreign.folder), []
    generate(ours, {"seed": 0}, COUNTS, workers=1, notice=lines.append)
    said = "is of another problem than this dataset; it is solved anew"
    assert lines == [f"{chunk.path(ours.folder)} {said}" for chunk in chunks_of(COUNTS, 2)]
    there, expected = files(ours.folder), files(made(OURS).folder)
    assert {name: there[name] for name in there if name.suffix == ".hdf5"} == {
        name: expected[name] for name in expected if name.suffix == ".hdf5"
    }


def test_older_chunks_that_say_nothing_are_kept_by_a_generation_that_goes_on(copied):
    job, lines = copied(None), []
    before = files(job.folder / "train")
    manifest_path(job.folder).unlink()
    generate(replace(job, problem=OURS), {"seed": 0}, COUNTS, workers=1, notice=lines.append)
    assert lines == []
    assert files(job.folder / "train") == before


def test_a_dataset_is_not_extended_where_its_manifest_names_chunks_of_another(copied):
    job = copied(OTHER, 1)
    before = files(job.folder)
    with pytest.raises(DatasetError, match=r"chunk-00000.hdf5 is of another problem .*: the manifest was changed; put"):
        generate(replace(job, problem=OURS), {}, COUNTS | {"test": 3}, workers=1)
    assert files(job.folder) == before


@pytest.mark.parametrize("stated", [OURS, None])
def test_a_repair_asks_a_whole_chunk_before_it_writes_any(copied, made, waves, monkeypatch, stated):
    job = copied(stated)
    (job.folder / "test" / "chunk-00000.hdf5").unlink()
    before = files(job.folder)
    wrong = replace(job, make_problem=waves.Maker(seed=1), problem=OTHER)
    if stated is not None:
        monkeypatch.setattr(ChunkSolver, "solve", None)
    said = "of problem aaaaaaaaaa, the manifest of bbbbbbbbbb" if stated else "its (parameters|states) are others"
    with pytest.raises(DatasetError, match=f"train/chunk-00000.hdf5 is whole, and not what .*{said}.*nothing was"):
        repair(wrong, workers=1)
    assert files(job.folder) == before


@pytest.mark.parametrize("stated", [OURS, None])
def test_a_repair_of_the_right_problem_gives_the_bytes_on_record(copied, made, stated):
    job = replace(copied(stated), problem=OURS)
    (job.folder / "test" / "chunk-00000.hdf5").unlink()
    lines = []
    repair(job, workers=1, notice=lines.append)
    assert "it has the checksum that the manifest says" in lines[-1]
    assert files(job.folder / "test") == files(made(stated).folder / "test")


def test_a_whole_chunk_that_the_manifest_does_not_name_is_kept(copied, made):
    job, lines = copied(OURS), []
    path = job.folder / "valid" / "chunk-00000.hdf5"
    foreign = (made(OTHER, 1).folder / "valid" / "chunk-00000.hdf5").read_bytes()
    path.write_bytes(foreign)
    repair(job, workers=1, notice=lines.append)
    assert f"is kept as {path}.replaced" in "".join(lines)
    assert path.with_name("chunk-00000.hdf5.replaced").read_bytes() == foreign
    assert path.read_bytes() == (made(OURS).folder / "valid" / "chunk-00000.hdf5").read_bytes()
    assert find_damage(job.folder, read_manifest(job.folder)) == []
    # What is a chunk of the dataset anyway is not kept twice.
    shutil.copy(job.folder / "train" / "chunk-00000.hdf5", path)
    repair(job, workers=1)
    assert len(list(path.parent.iterdir())) == 2
