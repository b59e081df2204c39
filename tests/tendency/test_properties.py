"""Whatever a file or a command line says: it is read as it stands, or refused in one sentence; nothing else happens."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tendency.app.configuration.signatures import check_settings
from tendency.app.problems.solved_data import SolvedData
from tendency.app.runs.recipe import Recipe
from tendency.data.certificate import Certificate
from tendency.data.chunk_seconds import SolvingSeconds, read_checksums, read_seconds
from tendency.data.dataset_layout import manifest_path, seconds_path
from tendency.data.generation_job import ChunkSolver, GenerationJob
from tendency.data.manifest import Manifest, file_entry, read_manifest
from tendency.data.manifest_schema import content_digest
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.trajectory_reader import read_trajectories, stated_problem
from tendency.errors import MOST_LINES, ArtefactError, ConfigError, describe
from tendency.trainers.losses import RelativeL2

LETTERS = st.text("a0._é\n$", max_size=6)
NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0, 1, -1, 2**63, 2**63 - 1, 1e308, -0.0, math.nan, math.inf, 10**400]),
)
SCALARS = st.one_of(st.none(), NUMBERS, LETTERS)
JUNK = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3))
EXAMPLES = pytest.mark.parametrize("examples", [25, pytest.param(1000, marks=pytest.mark.slow)])


def explore(strategy, claim, examples):
    """Tries a claim on so many cases, the same ones every time."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    chosen = settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=quiet
    )
    chosen(given(strategy)(lambda case: claim(case)))()


def places(document, path=()):
    """The paths of all entries of a document."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [place for key, value in items for place in ((*path, key), *places(value, (*path, key)))]


@st.composite
def edited(draw, document):
    """A document in which some entries were replaced, left out, or added."""
    edit = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 2))):
        *path, last = draw(st.sampled_from(places(edit)))
        parent: Any = edit
        for key in path:
            parent = parent[key]
        what = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if what == "remove":
            del parent[last]
        elif what == "add" and isinstance(parent, dict):
            parent[draw(LETTERS)] = draw(JUNK)
        else:
            parent[last] = draw(JUNK)
        if not places(edit):
            break
    return edit


def as_given(read, document):
    """Whether all that a document says is what was read; what it leaves out has a default."""
    return {name: read.get(name, "(lost)") for name in document} == document


def read_or_refused(read, errors):
    """What is read; None where it was refused in a few lines."""
    try:
        return read()
    except errors as error:
        lines = describe(error).splitlines()
    assert len(lines) <= 8
    assert lines[0] != "error: "
    return None


def problems_of(check):
    """What a check of a configuration says."""
    try:
        check()
    except ConfigError as error:
        return error.problems
    return []


@pytest.fixture(scope="module")
def solver(compose_config, tmp_path_factory):
    """Of a small problem with an observed parameter."""
    from tendency.app.configuration.build import build_problem

    pde = compose_config("generate", ["pde=heat", "pde.geometry.shape=[4]", "pde.times.num_snapshots=3"])["pde"]
    job = GenerationJob(lambda: build_problem(pde), tmp_path_factory.mktemp("waves"), 1, problem="a" * 64)
    made = ChunkSolver(job)
    return made


@pytest.fixture(scope="module")
def folder(solver):
    """A dataset of one chunk."""
    from tendency.data.dataset_layout import chunks_of

    (chunk,) = chunks_of({"train": 1}, 1)
    solver.write(chunk)
    entry = file_entry(chunk.path(solver.job.folder), solver.metadata)
    manifest = Manifest({}, solver.metadata, {"train": 1}, 1, {chunk.name: entry}, Certificate((), 0), {}, {})
    manifest.write(solver.job.folder)
    return solver.job.folder


@EXAMPLES
def test_metadata(solver, examples):
    def claim(plain):
        before = copy.deepcopy(plain)
        found = read_or_refused(lambda: TrajectoryMetadata.from_dict(plain), DatasetError)
        assert found is None or as_given(found.to_dict(), before)

    explore(st.one_of(edited(solver.metadata.to_dict()), JUNK), claim, examples)


@EXAMPLES
def test_a_recipe(solver, examples):
    model = {"_target_": "tendency.surrogates.models.fno.FNO", "width": 8, "modes": 2}
    prediction = {"_target_": "tendency.surrogates.predictions.increment.IncrementPrediction", "history": 1}
    recipe = Recipe(model, prediction, solver.metadata, "heat-0", {"seed": 0}, 2, learned_steps=[0.1, 0.2])

    def claim(content):
        found = read_or_refused(lambda: Recipe.from_dict(content), ArtefactError)
        if found is not None:
            there = found.to_dict()
            assert as_given(there.pop("metadata"), content["metadata"])
            assert as_given(there, {name: value for name, value in content.items() if name in there})

    explore(st.one_of(edited(recipe.to_dict()), st.dictionaries(LETTERS, JUNK)), claim, examples)


@EXAMPLES
def test_a_manifest_whose_checksum_is_right(folder, tmp_path, examples):
    document = json.loads(manifest_path(folder).read_text())

    def claim(content):
        content["sha256"] = content_digest(content)
        manifest_path(tmp_path).write_text(json.dumps(content))
        found = read_or_refused(lambda: read_manifest(tmp_path), DatasetError)
        if found is not None:
            (tmp_path / "again").mkdir(exist_ok=True)
            found.write(tmp_path / "again")
            again = json.loads(manifest_path(tmp_path / "again").read_text())
            assert again["counts"] == content["counts"]
            assert as_given(again["metadata"], content["metadata"])
            assert found.checksums(found.counts) == {name: entry["sha256"] for name, entry in content["chunks"].items()}

    explore(edited(document), claim, examples)


@EXAMPLES
def test_the_head_of_a_chunk(solver, folder, tmp_path, examples):
    whole = (folder / "train" / "chunk-00000.hdf5").read_bytes()
    expected = read_trajectories(folder / "train" / "chunk-00000.hdf5", solver.metadata)
    path = tmp_path / "train" / "chunk-00000.hdf5"
    path.parent.mkdir()
    names = st.sampled_from(["chunk", "problem", "settled_from", "sha256_of_fields", "param_names", "times", "params"])

    def claim(case):
        name, value, removed = case
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            own = file["tendency"]
            if name in own:
                del own[name]
            try:
                if name in ("times", "params") and not removed:
                    own[name] = value
                elif removed:
                    own.attrs.pop(name, None)
                else:
                    own.attrs[name] = value
            except (TypeError, ValueError, OverflowError, OSError):
                return
        found = read_or_refused(lambda: read_trajectories(path, solver.metadata), DatasetError)
        assert found is None or torch.equal(found.u, expected.u)
        read_or_refused(lambda: file_entry(path, solver.metadata), DatasetError)
        problem = read_or_refused(lambda: stated_problem(path), DatasetError)
        assert problem is None or isinstance(problem, str)

    explore(st.tuples(names, st.one_of(SCALARS, st.lists(st.floats(), max_size=3)), st.booleans()), claim, examples)


@EXAMPLES
def test_the_record_of_seconds(tmp_path, examples):
    line = {"chunk": "a", "processor_seconds": 1.0, "wall_seconds": 1.0, "machine": "m", "sha256": "b"}

    def claim(entry):
        seconds_path(tmp_path).write_text(json.dumps(entry) + "\n")
        took = read_seconds(tmp_path, ["a"])
        assert took is None or isinstance(took, SolvingSeconds)
        assert all(isinstance(value, str) for value in read_checksums(tmp_path).values())

    explore(st.one_of(edited(line), JUNK), claim, examples)


DATA = {"num_train": 1, "num_valid": 1, "num_test": 1, "batch_size": 1, "root": Path(), "pde": {}}


@EXAMPLES
@pytest.mark.parametrize(
    ("target", "name", "valid"),
    [
        (SolvedData, "num_train", lambda v: type(v) is int and 1 <= v < 2**63),
        (SolvedData, "workers", lambda v: type(v) is int and 0 <= v < 2**63),
        (SolvedData, "store_u_t", lambda v: isinstance(v, bool)),
        (SolvedData, "settled", lambda v: v in ("keep", "refuse", "redraw") and isinstance(v, str)),
        (RelativeL2, "label_floor", lambda v: type(v) in (int, float) and 0 < v < math.inf and v < 10**300),
    ],
)
def test_numbers_of_a_configuration(target, name, valid, examples):
    given_values = DATA if target is SolvedData else {}

    def claim(value):
        found = problems_of(lambda: check_settings(given_values | {name: value}, target, "part"))
        assert bool(found) is not valid(value)
        assert len(found) <= 1
        assert all(problem.startswith(f"part.{name}") for problem in found)
        assert len(describe(ConfigError(found or ["-"])).splitlines()) <= MOST_LINES

    explore(JUNK, claim, examples)
