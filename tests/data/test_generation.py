"""Generation: the same bytes whatever the workers and the kills, certificates that refuse, right trajectories."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tendency.data.certificate import certify
from tendency.data.chunk_seconds import read_seconds
from tendency.data.dataset import TrajectoryDataset
from tendency.data.dataset_layout import dataset_folder, manifest_path, seconds_path
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError, TrajectoryMetadata, metadata_of
from tendency.data.repair import find_damage
from tendency.simulation.parameters import Uniform
from tendency.simulation.simulator import InstabilityError

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"train": 5, "valid": 2, "test": 3}


def contents(folder):
    """The bytes of a dataset's files, all but those in which it says what it took."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != seconds_path(folder)
    }


def test_any_number_of_workers_writes_the_same_bytes(make_dataset, tmp_path):
    make_dataset(tmp_path / "one", COUNTS, workers=1, burn_in=0.3)
    make_dataset(tmp_path / "two", COUNTS, workers=2, burn_in=0.3)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 3 + 1 + 2 + 1  # chunks and manifest


def test_a_killed_generation_goes_on_where_it_stood(make_dataset, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    make_dataset(whole, COUNTS)
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import decaying_waves as w\n"
        "from tendency.data.generation import generate\n"
        "from tendency.data.generation_job import GenerationJob\n"
        "if __name__ == '__main__':\n"
        "    job = GenerationJob(w.Maker(slowness=0.02), pathlib.Path(sys.argv[2]), chunk_size=2)\n"
        f"    generate(job, {{'chunk_size': 2}}, {COUNTS!r}, workers=int(sys.argv[3]))\n"
    )
    script = tmp_path / "job.py"
    script.write_text(code)
    delays = iter([0.0, 0.1, 0.25, 0.4])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for kill in range(4):
        command = [sys.executable, str(script), str(Path(__file__).parent), str(killed), str(1 + kill % 2)]
        process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
        before = len(list(killed.rglob("*")))
        deadline = time.monotonic() + 60
        # Kill soon after it has begun to write, at another moment each time.
        while len(list(killed.rglob("*"))) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(next(delays))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    make_dataset(killed, COUNTS)
    assert contents(killed) == contents(whole)
    # Each of five chunks waited 20 ms for each of ten snapshots, whichever process solved it.
    took = read_seconds(killed, read_manifest(killed).chunks)
    assert took.wall > 5 * 10 * 0.02


def test_a_finished_dataset_is_returned_at_once_and_grows_by_chunks(make_dataset, tmp_path):
    folder = tmp_path / "waves"
    first = make_dataset(folder, COUNTS)
    steps = []
    assert make_dataset(folder, COUNTS, progress=lambda *a: steps.append(a)) == first
    assert steps == []
    before = contents(folder)
    grown = make_dataset(folder, COUNTS | {"train": 9}, progress=lambda *a: steps.append(a))
    assert steps == [(6, 8), (7, 8), (8, 8)]
    assert grown.counts == COUNTS | {"train": 9}
    after = contents(folder)
    assert all(after[name] == digest for name, digest in before.items() if name.endswith("hdf5"))
    assert make_dataset(folder, {"train": 3, "valid": 1, "test": 1}).counts["train"] == 9


def test_a_damaged_chunk_alone_is_made_anew(make_dataset, tmp_path):
    folder = tmp_path / "waves"
    make_dataset(folder, COUNTS)
    before = contents(folder)
    (folder / "valid" / "chunk-00000.hdf5").unlink()
    manifest = read_manifest(folder)
    assert [each.reason for each in find_damage(folder, manifest)] == [
        f"chunk {folder}/valid/chunk-00000.hdf5 is missing"
    ]
    make_dataset(folder, COUNTS)
    assert contents(folder) == before
    assert find_damage(folder, manifest) == []


def test_trajectories_are_what_the_solver_says(make_dataset, waves, tmp_path):
    make_dataset(tmp_path / "waves", COUNTS, burn_in=0.7, dims=2)
    problem = waves.Maker(burn_in=0.7, dims=2)()
    draw = problem.draw("valid", 1)
    zero = torch.zeros(1, dtype=torch.float64)
    data = TrajectoryDataset(tmp_path / "waves", "valid", (0, 10))
    window = data[1]
    assert torch.equal(window.t, draw.times)
    assert window.t[0, 0] == 0.7
    assert torch.equal(window.conditions.params, draw.conditions.params)
    assert torch.equal(window.conditions.extent, draw.conditions.extent)
    for snapshot in (0, 4, 10):
        exact, _ = problem.simulator.advance(draw.u, zero, draw.times[:, snapshot], draw.conditions, {})
        assert torch.allclose(window.at(snapshot), exact.float(), atol=1e-6)


def test_splits_and_seeds_share_no_trajectory(make_dataset, tmp_path):
    make_dataset(tmp_path / "a", COUNTS)
    make_dataset(tmp_path / "b", COUNTS, seed=1)
    states = []
    for name in ("a", "b"):
        for split, count in COUNTS.items():
            data = TrajectoryDataset(tmp_path / name, split, (0, 10))
            states += [data[i].u.numpy().tobytes() for i in range(count)]
    assert len(set(states)) == 2 * sum(COUNTS.values())


@pytest.mark.parametrize(
    ("spoiled", "figure"),
    [
        ({"step_error": 1e-4}, "error against a 2x refined run"),
        ({"slope_error": 1e-2}, "u_t against a difference of the trajectory"),
        ({"frozen": True}, "fields that never vary"),
    ],
)
def test_a_certificate_that_fails_refuses_the_dataset(make_dataset, tmp_path, spoiled, figure):
    with pytest.raises(DatasetError, match=f"(?s)certificate fails.*{figure}.*FAILS.*pde"):
        make_dataset(tmp_path / "waves", COUNTS, **spoiled)
    assert not list(tmp_path.rglob("*.hdf5"))


def test_a_published_setting_is_labelled_and_not_refused(waves):
    certificate = certify(waves.Maker(step_error=1e-4, resolution="as_published")())
    assert not certificate.figures[0].holds
    assert "as published" in certificate.lines()[1]
    assert certificate.figures[0].binding is False


def test_a_drift_is_relative_to_its_own_quantity_in_whatever_unit(waves, monkeypatch):
    """The energy of waves that decay as e^(-rate k² t) falls to a share of itself; the mean of a wave stays zero."""
    problem = waves.Maker()()
    problem.simulator.conserved = lambda u, c: {"energy": u.square().sum(1, keepdim=True), "mean": u}
    start = problem.initial_condition
    shares = []
    for unit in (1.0, 1e-3, 1e6):
        problem.initial_condition = lambda generator, conditions, unit=unit: unit * start(generator, conditions)
        drifts = {figure.name: figure.value for figure in certify(problem).figures}
        shares.append(drifts["drift of energy"])
        assert drifts["drift of mean"] < 1e-13
    assert shares == [pytest.approx(shares[0], rel=1e-9)] * 3
    assert 0.3 < shares[0] < 1


def test_a_density_of_no_points_is_refused(waves):
    problem = waves.Maker()()
    problem.simulator.conserved = lambda u, c: {"mean": u.mean((1, 2))}
    with pytest.raises(ValueError, match=r"conserved: expected a density of 'mean' .* got \(\d,\)"):
        certify(problem)


def test_a_parameter_that_was_to_vary_must_vary(waves, monkeypatch):
    problem = waves.Maker(rate=Uniform(0.1, 0.2))()
    assert certify(problem).passed
    monkeypatch.setattr(problem.parameters["rate"], "draw", lambda generator: 0.15)
    assert not certify(problem).passed


def test_an_unstable_solver_is_named_with_its_trajectory(make_dataset, tmp_path):
    # The certificate runs on trajectories 0 and 1 of train, and meets it first.
    with pytest.raises(InstabilityError, match="became unstable by t = 1"):
        make_dataset(tmp_path / "waves", COUNTS, blow_up=True)
    assert not list(tmp_path.rglob("*.hdf5"))


def test_statistics_are_those_of_numpy(dataset):
    data = TrajectoryDataset(dataset, "train", (0, 10))
    u = torch.cat([data[i].u for i in range(5)]).double().numpy()
    stored = read_manifest(dataset).statistics
    assert set(stored) == {"channels", "u"}
    assert stored["u"]["mean"] == pytest.approx(u.mean((0, 1, 3)), abs=1e-12)
    assert stored["u"]["std"] == pytest.approx(u.std((0, 1, 3)), rel=1e-9)


def test_an_older_manifest_with_statistics_of_more_than_u_is_still_read(dataset, tmp_path):
    content = json.loads(manifest_path(dataset).read_text())
    older = content["statistics"] | {"increment": {"mean": [0.0], "std": [1.0]}}
    del content["sha256"]
    manifest_path(tmp_path).write_text(json.dumps(content | {"statistics": older, "schema": 1}))
    assert read_manifest(tmp_path).statistics == older
    assert read_manifest(tmp_path).statistics["u"] == read_manifest(dataset).statistics["u"]


def test_metadata_survives_its_file(waves):
    metadata = metadata_of(waves.Maker(dims=2)())
    assert TrajectoryMetadata.from_dict(metadata.to_dict()) == metadata
    assert metadata.channel_names == ("u", "flow_x", "flow_y")
    assert metadata.dt == metadata_of(waves.Maker(burn_in=77.7)()).dt == 0.1
    with pytest.raises(DatasetError, match="another version"):
        TrajectoryMetadata.from_dict(metadata.to_dict() | {"colour": 1})


def test_names_are_hashes_that_stay_in_their_root(tmp_path):
    a, b = (dataset_folder(tmp_path, "waves", {"seed": seed}) for seed in (0, 1))
    assert a != b
    assert a == dataset_folder(tmp_path, "waves", {"seed": 0})
    with pytest.raises(ValueError, match=r"pde.name: expected"):
        dataset_folder(tmp_path, "../up", {})


def test_the_certificate_looks_at_the_ends_of_each_range(waves):
    """Its trajectories: the first two, and those of many with the smallest and the largest rate."""
    problem = waves.Maker()()
    rates = [float(problem.draw("train", index).conditions.parameter("rate")) for index in range(64)]
    ends = {rates.index(min(rates)), rates.index(max(rates))}
    assert certify(problem).trajectories == len({0, 1} | ends) > 2
    exact = problem.simulator.time_derivative
    fastest = max(rates)

    def wrong_where_it_is_fastest(u, t, conditions):
        wrong = conditions.parameter("rate") >= fastest
        return exact(u, t, conditions) * (1 + 0.1 * wrong.reshape(-1, *[1] * (u.ndim - 1)))

    problem.simulator.time_derivative = wrong_where_it_is_fastest
    assert not certify(problem).passed
