"""Trajectories that come to rest in the digits that are stored: kept and said, refused, or drawn anew."""

from pathlib import Path

import pytest
import torch

from tendency.data.certificate import Certificate
from tendency.data.dataset import TrajectoryDataset
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.metadata import DatasetError
from tendency.data.settled import settled_from

COUNTS = {"train": 6, "valid": 2, "test": 2}


class Resting:
    """The small problem, of which some draws change in digits alone that are not stored.

    Args:
        waves: module of the small solver.
        few: of the draws rest, by their phase; all of them otherwise.
    """

    def __init__(self, waves, few=True):
        self.maker, self.few = waves.Maker(), few

    def __call__(self):
        problem = self.maker()
        advance = problem.simulator.advance

        def rests(u, t, dt, conditions, memory):
            moved, memory = advance(u, t, dt, conditions, memory)
            still = (conditions.parameter("rate") > (0.17 if self.few else 0.0)).reshape(-1, 1, 1)
            return torch.where(still, u * (1 + 1e-13), moved), memory

        problem.simulator.advance = rests
        return problem


@pytest.fixture
def make(waves, tmp_path, monkeypatch):
    """``make("keep")``: a dataset of the problem whose trajectories rest at large rates."""
    # The solver is made to lie; what its certificate would say of that is another test's.
    certificate = Certificate.from_dict({"figures": [], "trajectories": 0})
    monkeypatch.setattr(Certificate, "require", lambda self: None)
    monkeypatch.setattr("tendency.data.generation.certify", lambda problem: certificate)

    def made(settled, few=True):
        return generate(GenerationJob(Resting(waves, few), tmp_path, 2, settled=settled), {}, COUNTS, workers=1)

    return made


def resting(waves, split="train"):
    problem = waves.Maker()()
    rates = [float(problem.draw(split, index).conditions.parameter("rate")) for index in range(COUNTS[split])]
    return {index for index, rate in enumerate(rates) if rate > 0.17}


def test_the_snapshot_from_which_nothing_changes_is_found():
    u = torch.arange(5.0).repeat(4, 1)[:, :, None, None].expand(4, 5, 1, 3).clone()
    u[1, 3:] = u[1, 3:4]
    u[2] = 1.0
    u[3, 1] = u[3, 0]  # a pause is no rest
    assert settled_from(u).tolist() == [4, 3, 0, 4]


def test_trajectories_that_rest_are_kept_and_said(make, waves, tmp_path):
    from tendency.app.problems.make_dataset import settled_lines

    expected = resting(waves)
    assert 0 < len(expected) < 6
    manifest = make("keep")
    assert manifest.settled()["train"] == dict.fromkeys(expected, 0)
    assert settled_lines(manifest)[0].startswith(f"settled: {len(expected)} of 6 train trajectories come to rest")
    u = TrajectoryDataset.whole(tmp_path, "train").windows(range(6)).u
    assert {i for i in range(6) if torch.equal(u[i, 0], u[i, -1])} == expected


def test_trajectories_that_rest_are_refused(make, waves):
    index = min(resting(waves))
    with pytest.raises(DatasetError, match=rf"train trajectory {index} \(pde.seed=0\) does not change from snapshot 0"):
        make("refuse")


def test_trajectories_that_rest_are_drawn_anew_and_the_others_stay(make, waves, tmp_path):
    assert make("redraw").settled() == {}
    problem, still = waves.Maker()(), resting(waves)
    params = TrajectoryDataset.whole(tmp_path, "train").windows(range(6)).conditions.params
    for index in range(6):
        same = torch.equal(params[index : index + 1], problem.draw("train", index).conditions.params)
        assert same == (index not in still)
    assert float(params.max()) <= 0.17
    again = problem.draw("train", 0, redraw=1)
    others = [
        problem.draw(split, index, redraw) for split in ("train", "valid") for index in (0, 1) for redraw in (0, 2)
    ]
    assert not any(torch.equal(again.u, other.u) for other in others)


def test_a_problem_that_always_rests_is_not_drawn_for_ever(make):
    with pytest.raises(DatasetError, match="does not change from snapshot 0 on, nor in 16 further draws"):
        make("redraw", few=False)


def test_a_choice_that_changes_data_changes_the_name_and_the_default_does_not(compose_config):
    from tendency.app.problems.data_source import build_data

    config = compose_config("generate", ["pde=heat"])
    kept, drawn = (
        build_data(config["data"] | {"settled": settled}, Path(), config["pde"]).description
        for settled in ("keep", "redraw")
    )
    assert drawn == kept | {"settled": "redraw"}
    assert "settled" not in kept


def test_an_empty_certificate_has_not_passed():
    empty = Certificate((), 0)
    assert not empty.passed
    assert empty.lines() == ["certificate: never certified; no error of these data was ever measured"]
    with pytest.raises(DatasetError, match="never certified"):
        empty.require()
    assert empty.to_dict()["passed"] is False


def test_a_dataset_that_was_never_certified_is_certified_when_it_grows(make_dataset, tmp_path):
    from dataclasses import replace

    counts = {"train": 2, "valid": 2, "test": 2}
    replace(make_dataset(tmp_path, counts), certificate=Certificate((), 0)).write(tmp_path)
    assert not make_dataset(tmp_path, counts).certificate.certified
    assert make_dataset(tmp_path, counts | {"train": 4}).certificate.passed


@pytest.mark.slow
def test_a_trajectory_of_kuramoto_and_sivashinsky_that_comes_to_rest_is_found_and_drawn_anew(compose_config, tmp_path):
    """Training trajectory 32 of seed 0 at L = 32: all ten terms of its initial state have the same wavenumber."""
    from tendency.app.configuration.build import build_problem
    from tendency.data.dataset_layout import Chunk
    from tendency.data.generation_job import ChunkSolver

    pde = compose_config("generate", ["pde=predicting_change_kuramoto_sivashinsky", "small=true"])["pde"]
    pde["times"] |= {"num_snapshots": 100, "burn_in": 200.0}
    rests = {}
    for settled in ("keep", "redraw"):
        solver = ChunkSolver(GenerationJob(lambda: build_problem(pde), tmp_path, 4, settled=settled))
        with torch.no_grad():
            rests[settled] = settled_from(solver.solve(Chunk("train", 8)).u).tolist()
    assert rests == {"keep": [0, 99, 99, 99], "redraw": [99, 99, 99, 99]}
