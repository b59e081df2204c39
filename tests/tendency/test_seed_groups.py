"""Runs that differ in their seed alone are told apart from those that differ in more."""

import json

from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run import Run
from tendency.app.runs.seed_groups import seed_groups


def made(folder, name, **changes):
    config = {
        "seed": 0,
        "pde": {"name": "heat", "seed": 0},
        "optimizer": {"lr": 1e-3},
        "callbacks": {"step_seed": {"seed": 0}},
        "paths": {"run": name},
    } | changes
    checkpoint = folder / name / "checkpoints" / "best.ckpt"
    checkpoint.parent.mkdir(parents=True)
    (folder / name / "config.json").write_text(json.dumps(config))
    return checkpoint


def test_seeds_of_one_configuration_are_one_group(tmp_path):
    checkpoints = {
        "heat-fno-seed0-aa": made(tmp_path, "heat-fno-seed0-aa"),
        "heat-fno-seed1-bb": made(tmp_path, "heat-fno-seed1-bb", seed=1, callbacks={"step_seed": {"seed": 1}}),
        "other-rate": made(tmp_path, "other-rate", seed=2, optimizer={"lr": 1e-4}),
        # Another seed of the problem makes other data.
        "other-data": made(tmp_path, "other-data", seed=3, pde={"name": "heat", "seed": 1}),
    }
    recipe = Recipe(model={}, prediction={}, metadata=None, dataset="heat")
    found = seed_groups([Run.of(path, recipe) for path in checkpoints.values()])
    assert found == {"heat-fno (2 seeds)": ["heat-fno-seed0-aa", "heat-fno-seed1-bb"]}


def test_bare_checkpoints_are_known_by_what_they_record(tmp_path):
    def recorded(seed, width):
        run = {"seed": seed, "pde": {"name": "heat"}}
        return Recipe(model={"width": width}, prediction={}, metadata=None, dataset="heat", run=run)

    recipes = {"a": recorded(0, 8), "b": recorded(1, 8), "c": recorded(0, 16)}
    runs = [Run.of(tmp_path / f"{name}.ckpt", recipe) for name, recipe in recipes.items()]
    assert seed_groups(runs) == {"a (2 seeds)": ["a", "b"]}
