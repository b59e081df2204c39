"""Which steps a run will have learned: known before it starts, and written into its checkpoint."""

import dataclasses
from types import SimpleNamespace

import pytest

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import settings_of
from tendency.app.configuration.settings import TrainSettings
from tendency.app.problems.run_identity import name_run
from tendency.app.runs.recipe import Recipe
from tendency.app.training.training_plan import TrainingPlan
from tendency.errors import ArtefactError, ConfigError


@pytest.fixture(scope="module")
def planned():
    """``planned("pde=heat")``: the plan of that training."""
    from tendency.app.configuration.composed import compose_command

    def plan(*overrides):
        config, choices = compose_command("train", [*overrides, "small=true"])
        hashed = name_run(config, choices)
        content = plain(config)
        return TrainingPlan(content, TrainSettings(**settings_of(content, "train")), hashed)

    return plan


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        (["pde=heat", "objective=all_to_all"], "dt from 0.1 to 0.4"),
        pytest.param(["pde=heat", "data.stride=2"], "dt = 0.2", marks=pytest.mark.slow),
        pytest.param(["pde=pde_refiner_kuramoto_sivashinsky"], "dt from 0.18 to 0.22", marks=pytest.mark.slow),
    ],
)
def test_the_steps_follow_from_the_data_and_the_objective(overrides, steps, planned):
    plan = planned(*overrides)
    assert str(plan.learned) == steps
    recipe = Recipe({}, {}, plan.metadata, "one", stride=plan.data.stride)
    written = dataclasses.replace(recipe, learned_steps=[plan.learned.shortest, plan.learned.longest])
    assert Recipe.from_dict(written.to_dict()).learned == plan.learned
    # A checkpoint of an older version has the dataset's step alone; where that varies, the steps are not known.
    older = {name: value for name, value in recipe.to_dict().items() if name != "learned_steps"}
    found = Recipe.from_dict(older).learned
    assert found is None if plan.metadata.dt is None else found.shortest == plan.learned.shortest


@pytest.mark.parametrize("steps", [[], [0.1], [0.2, 0.1], [0.0, 0.1], [0.1, float("inf")], ["a", "b"], 3, [None, 1.0]])
def test_steps_that_are_no_range_are_refused(steps):
    recipe = Recipe({}, {}, SimpleNamespace(dt=0.1), "one", learned_steps=steps)
    with pytest.raises(ArtefactError, match="learned_steps: expected the shortest and the longest step, got"):
        _ = recipe.learned


def test_a_report_at_steps_that_will_not_be_learned_is_refused_before_any_work(planned):
    with pytest.raises(ConfigError, match=r"evaluation.stride: snapshots 0.2 apart do not fit.*even steps of dt = 0.1"):
        planned("pde=heat", "prediction=state", "prediction.history=2", "evaluation.stride=2")


def test_a_report_at_steps_longer_than_a_trajectory_is_refused_before_any_work(planned):
    message = r"^evaluation.stride: expected one with at least 2 snapshots.*got 1000, with 1 of the 21"
    with pytest.raises(ConfigError, match=message):
        planned("pde=heat", "evaluation.stride=1000")


def test_parameters_that_the_first_trajectory_does_not_draw_are_checked_too(planned, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^pde.parameters.diffusivity: expected positive values, got -1, the lowest value of"
    ):
        planned("pde=heat", "pde.parameters.diffusivity.low=-1", f"paths.datasets={tmp_path}")


def test_an_optimizer_that_takes_no_plain_step_is_refused_before_any_work(planned):
    with pytest.raises(ConfigError, match=r"optimizer: expected one that takes a step from dense gradients alone"):
        planned("pde=heat", "~optimizer.weight_decay", "optimizer._target_=torch.optim.SparseAdam")


def test_a_grid_that_the_solver_refuses_is_not_called_a_value_of_a_distribution(planned):
    with pytest.raises(ConfigError, match="periodic on all axes") as caught:
        planned("pde=heat", "pde.geometry.boundary.sides=[[dirichlet,dirichlet]]")
    assert "value of its distribution" not in str(caught.value)
