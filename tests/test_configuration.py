"""Every yaml of conf/ binds to the signature of what it names, whatever is added to conf/ later."""

import itertools

import pytest

from tendency.build import INJECTED
from tendency.check import check_nodes
from tendency.compose import conf_folder

GROUPS = {
    str(path.parent.relative_to(conf_folder())): None
    for path in sorted(conf_folder().rglob("*.yaml"))
    if path.parent != conf_folder()
}
CHOICES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((conf_folder() / group).glob("*.yaml"))
    if group not in ("experiment",)
]


@pytest.mark.parametrize(("group", "option"), CHOICES, ids="=".join)
def test_each_option_composes_and_binds(group, option, compose_config):
    overrides = {"pde": "heat", "name": "test"} | {group: option}
    # A group inside an option is chosen together with it.
    parent = group.split("/")[0]
    if parent != group:
        owner = {"prediction": "derivative", "objective": "one_step"}.get(parent, parent)
        overrides = {"pde": "heat", "name": "test", parent: owner, group: option}
    config = compose_config("train", [f"{key}={value}" for key, value in overrides.items()])
    groups = {path.name for path in conf_folder().iterdir() if path.is_dir()}
    check_nodes({key: value for key, value in config.items() if key in groups and value}, INJECTED)


@pytest.mark.parametrize("experiment", sorted(path.stem for path in (conf_folder() / "experiment").glob("*.yaml")))
def test_each_experiment_binds(experiment, compose_config):
    config = compose_config("train", ["pde=heat", "name=test", f"experiment={experiment}"])
    groups = {path.name for path in conf_folder().iterdir() if path.is_dir()}
    check_nodes({key: value for key, value in config.items() if key in groups and value}, INJECTED)


def test_senseless_combinations_are_refused_and_the_others_are_not(compose_config):
    from data.metadata import metadata_of
    from tendency.build import build, build_problem

    metadata = metadata_of(build_problem(compose_config("generate", ["pde=heat"])["pde"]))
    differences = [path.stem for path in (conf_folder() / "prediction/difference").glob("*.yaml")]
    integrators = [path.stem for path in (conf_folder() / "prediction/integrator").glob("*.yaml")]
    objectives = [path.stem for path in (conf_folder() / "objective").glob("*.yaml")]
    for objective, difference, integrator in itertools.product(objectives, differences, integrators):
        overrides = ["pde=heat", "name=test", f"objective={objective}", "prediction=derivative"]
        overrides += [f"prediction/difference={difference}", f"prediction/integrator={integrator}"]
        config = compose_config("train", overrides)
        chosen, prediction = build(config["objective"]), build(config["prediction"])
        if difference == "stored":
            with pytest.raises(ValueError, match="data.store_u_t=true"):
                chosen.check(prediction, metadata)
        else:
            chosen.check(prediction, metadata)


def test_a_history_needs_an_integrator_that_has_one(compose_config):
    from tendency.build import build

    config = compose_config("train", ["pde=heat", "name=test", "prediction=derivative", "prediction.history=2"])
    with pytest.raises(ValueError, match="evaluates the network inside the step"):
        build(config["prediction"])
