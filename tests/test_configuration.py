"""Every yaml of conf/ binds to the signature of what it names, whatever is added to conf/ later."""

import itertools

import pytest

from tendency.app.configuration.choices import options_of
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.signatures import check_nodes

FOLDERS = {path.name for path in conf_folder().iterdir() if path.is_dir()}
GROUPS = {
    str(path.parent.relative_to(conf_folder())): None
    for path in sorted(conf_folder().rglob("*.yaml"))
    if len(path.relative_to(conf_folder()).parts) > 1
    and path.relative_to(conf_folder()).parts[0] not in ("comparison", "executor", "experiment", "scale")
}
# A yaml that wants a value does not bind without it.
CHOICES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((conf_folder() / group).glob("*.yaml"))
    if "???" not in path.read_text()
]
EXPERIMENTS = options_of("experiment", [conf_folder()])


@pytest.mark.parametrize(("group", "option"), CHOICES, ids="=".join)
def test_each_option_composes_and_binds(group, option, compose_config, owner):
    overrides = {"pde": "heat", "name": "test"} | {group: option}
    # A group inside an option is chosen together with it.
    if "/" in group:
        overrides = {"pde": "heat", "name": "test", group.split("/")[0]: owner(group), group: option}
        if group == "data/reader":
            overrides["data.path"] = "file.hdf5"
    config = compose_config("train", [f"{key}={value}" for key, value in overrides.items()])
    check_nodes({key: value for key, value in config.items() if key in FOLDERS and value}, INJECTED)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_binds(experiment, compose_config):
    # Published settings name their problem.
    pde = [] if experiment.startswith("predicting_change/") else ["pde=heat"]
    config = compose_config("train", ["name=test", f"experiment={experiment}", *pde])
    check_nodes({key: value for key, value in config.items() if key in FOLDERS and value}, INJECTED)


PREDICTIONS = sorted(path.stem for path in (conf_folder() / "prediction").glob("*.yaml"))


def refusal(objective, prediction, metadata):
    """What an objective has against a prediction; None where it accepts."""
    try:
        objective.check(prediction, metadata)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", PREDICTIONS)
def test_every_objective_is_refused_in_a_sentence_or_trains(name, options, solve):
    """conf/prediction x conf/objective x conf/model through the checks; what passes has a loss and gradients.

    The losses are computed for every objective with the first model, and for every model with the first objective.
    """
    import torch

    from tendency.app.configuration.build import build, build_surrogate
    from tendency.simulation.tree import map_tensors
    from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

    solved = solve("heat", "small=true", "pde.times.num_snapshots=10")
    prediction, objectives = build(options("prediction")[name]), {}
    for chosen, node in options("objective").items():
        objective = build(node).with_solver(solved.problem.simulator)
        sentence = refusal(objective, prediction, solved.metadata)
        if sentence is None:
            objectives[chosen] = objective
        else:
            assert len(sentence.splitlines()) == 1
    assert "one_step" in objectives
    surrogates = {}
    for model, node in options("model").items():
        surrogates[model] = build_surrogate(node, prediction, solved.metadata).double()
        surrogates[model].check(solved.metadata.geometry)
    pairs = [(objective, next(iter(surrogates))) for objective in objectives]
    pairs += [(next(iter(objectives)), model) for model in surrogates]
    for chosen, model in pairs:
        objective, surrogate = objectives[chosen], surrogates[model]
        measured = objective.chosen(solved.windows(*objective.measured_offsets(prediction)), 0, 0)
        stepper = SurrogateStepper(surrogate, prediction, fit_normalizer(prediction, [measured]))
        window = map_tensors(lambda x: x[:2], solved.windows(*objective.offsets(prediction)))
        if objective.change is not None:
            objective.change.measure([window], stepper.normalizer.fields, max(objective.offsets(prediction)[0]))
        loss = objective.loss(stepper, window, 0, 0)
        gradients = torch.autograd.grad(loss, list(surrogate.parameters()), allow_unused=True)
        assert all(g is None or torch.isfinite(g).all() for g in gradients), (chosen, model)
        assert any(g is not None and g.norm() > 0 for g in gradients), (chosen, model)


def test_every_way_to_a_derivative_label_and_to_a_state_goes_with_every_objective(options, solve):
    from dataclasses import replace

    from tendency.app.configuration.build import build
    from tendency.surrogates.predictions.derivative import DerivativePrediction

    solved = solve("heat", "small=true")
    stored = solved.metadata
    bare = replace(stored, has_time_derivative=False)
    parts = [options(f"prediction/{group}").values() for group in ("difference", "integrator")]
    for node, difference, integrator in itertools.product(options("objective").values(), *parts):
        objective = build(node).with_solver(solved.problem.simulator)
        prediction = DerivativePrediction(build(difference), build(integrator))
        if node["_target_"].endswith("AllToAll"):
            with pytest.raises(ValueError, match="use prediction=state or increment"):
                objective.check(prediction, stored)
            continue
        objective.check(prediction, stored)
        if prediction.reads_u_t:
            with pytest.raises(ValueError, match="data.store_u_t=true"):
                objective.check(prediction, bare)
        else:
            objective.check(prediction, bare)


@pytest.mark.parametrize("loss", ["sobolev", "spectrum"])
def test_spectral_losses_are_refused_behind_walls(loss, options, solve):
    from tendency.app.configuration.build import build

    node = options("objective")["one_step"] | {"loss": options("objective/loss")[loss]}
    prediction = build(options("prediction")["increment"])
    build(node).check(prediction, solve("heat", "small=true").metadata)
    with pytest.raises(ValueError, match="all periodic, got walls on axis 0; use floored_l2 or mse"):
        build(node).check(prediction, solve("heat_dirichlet", "pde.geometry.shape=[16]").metadata)


def test_a_history_needs_an_integrator_that_has_one(compose_config):
    from tendency.app.configuration.build import build

    config = compose_config("train", ["pde=heat", "name=test", "prediction=derivative", "prediction.history=2"])
    with pytest.raises(ValueError, match="evaluates the network inside the step"):
        build(config["prediction"])
