"""The whole break-even study on a small problem, with surrogates whose worth is known beforehand."""

import json
from pathlib import Path

import pytest
import torch

from tendency.app.break_even.full_cost import FullCost
from tendency.app.break_even.generation_seconds import generation_of
from tendency.app.problems.dataset_problem import problem_of, training_pairs
from tendency.app.reports.subject import subject_of
from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.data.chunk_seconds import read_seconds
from tendency.data.dataset import TrajectoryDataset
from tendency.data.dataset_layout import seconds_path
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.cost.break_even import CostPoint
from tendency.solvers.etdrk import ETDRK2, ETDRK4
from tendency.solvers.explicit_runge_kutta import ExplicitSSPRK3
from tendency.solvers.exponential_adams import ExponentialAdams
from tendency.surrogates.predictions.coarse_solver import CoarseSolver

TINY = ["model=fno", "model.width=4", "model.modes=4", "model.num_layers=1", "pde.geometry.shape=[64]"]


@pytest.fixture(scope="module")
def test_trajectories(small_run, homes):
    run = small_run("burgers", [*TINY, "small=true", "name=break-even", "trainer.max_epochs=1"])
    recipe = read_checkpoint(run).recipe
    return TrajectoryDataset.whole(Path(homes["TENDENCY_DATASETS"]) / recipe.dataset, "test", 2)


def study(**changes):
    return FullCost(
        **{
            "trajectories": 2,
            "coarsenings": [1, 2],
            "step_factors": [1, 4],
            "integrators": {
                "ETDRK2": ETDRK2(),
                "ETDRK4": ETDRK4(),
                "Adams": ExponentialAdams(3),
                "SSPRK3": ExplicitSSPRK3(),
            },
            "batches": [1, 2],
            "repeats": 1,
        }
        | changes
    )


def test_the_solver_itself_never_wins_against_itself_and_its_costs_are_remembered(test_trajectories, capsys):
    problem = problem_of(test_trajectories)
    surrogates = {"the solver in disguise": CoarseSolver(problem.simulator.refined(), 1), "persistence": Persistence()}
    cpu = torch.device("cpu")
    found = study().measure(surrogates, test_trajectories, cpu, {"persistence": 100.0})
    shown = capsys.readouterr().out
    assert "timing settings of the solver  24/24" in shown
    assert "timing surrogates  2/2" in shown
    solver = [point for point in found.points if point.method == "solver"]
    # Half the points hold half as much, coefficients included.
    held = {point.label: point.peak_bytes for point in solver}
    assert held["64, ETDRK2, 1 x the step, float64"] / held["32, ETDRK2, 1 x the step, float64"] == pytest.approx(
        2, rel=0.1
    )
    # Its own scheme and two that are interchangeable with it, two grids, two steps, two precisions.
    assert len(solver) == 24
    assert not any("SSPRK3" in point.label or "ETDRK4" in point.label for point in solver)
    errors = {point.label: point.error for point in solver}
    own = "64, its own integrator, {} x the step, float64"
    # Half the step of the finest setting: closer to the truth than any, but none of its settings is cheaper by magic.
    assert errors[own.format(1)] <= errors["32, its own integrator, 1 x the step, float64"]
    assert errors["64, ETDRK2, 1 x the step, float64"] < errors["64, ETDRK2, 4 x the step, float64"]
    still = next(one for one in found.verdicts if one.surrogate == "persistence" and one.batch == 1)
    assert still.error > max(errors.values())
    chunks = [name for name in test_trajectories.manifest.chunks if not name.startswith("test/")]
    recorded = read_seconds(test_trajectories.folder, chunks)
    assert found.generation.seconds == recorded.processor > 0
    assert found.generation.source.startswith("recorded while")
    assert found.horizon <= problem.tolerances.window * (1 + 1e-9)
    again = study().measure({"persistence": Persistence()}, test_trajectories, cpu, {})
    assert "timing settings of the solver" not in capsys.readouterr().out
    assert [point for point in again.points if point.method == "solver"] == solver
    other = study(coarsenings=[1]).measure({"persistence": Persistence()}, test_trajectories, cpu, {})
    assert len([point for point in other.points if point.method == "solver"]) == 12
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_dataset_without_a_record_is_estimated_from_the_setting_that_made_it(test_trajectories):
    record = seconds_path(test_trajectories.folder)
    hidden = record.rename(record.with_suffix(".away"))
    try:
        own = CostPoint("solver", "64, its own integrator, 1 x the step, float64", 3.0, 1e-6, 1)
        counts = test_trajectories.manifest.counts
        solved = float(test_trajectories[0].t[0, -1])
        found = generation_of(test_trajectories, own, horizon=0.5)
        assert found.seconds == pytest.approx(3.0 / 0.5 * solved * (counts["train"] + counts["valid"]))
        assert found.source.startswith("estimated from")
        assert generation_of(test_trajectories, None, horizon=0.5).seconds is None
    finally:
        hidden.rename(record)


def test_a_dataset_says_what_is_judged(test_trajectories):
    subject = subject_of(test_trajectories)
    assert subject.step == pytest.approx(0.1)
    assert subject.solver is not None
    assert subject.moments.std.shape == (1,)
    pairs = list(training_pairs(test_trajectories, None, torch.device("cpu"))())
    assert len(pairs) == test_trajectories.metadata.num_snapshots - 1
    train = TrajectoryDataset.whole(test_trajectories.folder, "train").windows([0, 1, 2, 3])
    assert torch.equal(pairs[3][0], train.u[:, 3])
    assert torch.equal(pairs[3][1], train.u[:, 4])
