"""Meanings of the output x integrators x differences x objectives x networks x problems: every pair learns somewhere.

Whatever is added to conf/prediction, conf/objective or conf/model takes part. ``make test`` trains every option,
``make test-slow`` every pair of options that is not refused, of networks one for each class.
"""

import functools
import itertools
from dataclasses import dataclass

import pytest
import torch
from omegaconf import OmegaConf

from tendency.app.configuration.build import build, build_surrogate
from tendency.app.configuration.conf_files import conf_folder
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

MODELS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml") if "???" not in path.read_text())
CLASSES = {OmegaConf.load(conf_folder() / "model" / f"{name}.yaml")._target_: name for name in reversed(MODELS)}
NETWORKS = sorted(CLASSES.values())
"""An option for each class of networks: what else there is are sizes of these, and pairs of sizes tell nothing new."""
PROBLEMS = {
    "burgers": ["pde.geometry.shape=[32]", "pde.times.num_snapshots=10"],
    "burgers_vector": ["pde.geometry.shape=[12,12]", "pde.times.num_snapshots=9"],
}
TINY = {"width": 16, "modes": 4, "num_layers": 2, "multipliers": [1, 2], "num_blocks": 1}
MOST_COMBINATIONS = 120


@dataclass(frozen=True)
class Combination:
    """One choice on every axis; the integrator and the difference of a derivative alone."""

    prediction: str
    integrator: str | None
    difference: str | None
    objective: str
    model: str
    problem: str

    def pairs(self):
        """The pairs of choices that it contains."""
        chosen = [(axis, value) for axis, value in vars(self).items() if value is not None]
        return set(itertools.combinations(chosen, 2))

    def options(self):
        """The choices that it contains; those of prediction, objective and model each with its problem."""
        chosen = {(axis, value) for axis, value in vars(self).items() if axis in ("integrator", "difference") and value}
        return chosen | {(self.prediction, self.problem), (self.objective, self.problem), (self.model, self.problem)}


def cover(combinations, covered):
    """Few combinations that together contain all that any of them contains; greedy, always the same."""
    left = {combination: covered(combination) for combination in combinations}
    missing, chosen = set().union(*left.values()), []
    while missing:
        best = max(left, key=lambda combination: len(left[combination] & missing))
        chosen.append(best)
        missing -= left.pop(best)
    return chosen


@pytest.fixture(scope="module")
def solved(solve):
    return {name: solve(name, *overrides) for name, overrides in PROBLEMS.items()}


@pytest.fixture(scope="module")
def parts(options, solved):
    """``parts(combination)``: its prediction and its objective, or None where the objective refuses the prediction."""

    @functools.cache
    def predicted(problem, name, integrator, difference):
        node = options("prediction", problem)[name]
        if integrator is not None:
            node = node | {
                "integrator": options("prediction/integrator")[integrator],
                "difference": options("prediction/difference")[difference],
            }
        return build(node)

    @functools.cache
    def objective_of(problem, name):
        return build(options("objective")[name]).with_solver(solved[problem].problem.simulator)

    def make(c):
        prediction = predicted(c.problem, c.prediction, c.integrator, c.difference)
        objective = objective_of(c.problem, c.objective)
        try:
            objective.check(prediction, solved[c.problem].metadata)
        except ValueError:
            return None
        return prediction, objective

    return make


@pytest.fixture(scope="module")
def combinations(options, parts):
    """All that is not refused."""
    axes = [options(f"prediction/{group}") for group in ("integrator", "difference")]
    meanings = [("derivative", *both) for both in itertools.product(*axes)]
    meanings += [(name, None, None) for name in options("prediction") if name != "derivative"]
    every = itertools.product(meanings, options("objective"), PROBLEMS)
    first = [Combination(*meaning, objective, MODELS[0], problem) for meaning, objective, problem in every]
    accepted = [combination for combination in first if parts(combination) is not None]
    return [Combination(**(vars(c) | {"model": model})) for c in accepted for model in MODELS]


def halves_its_loss(combination, parts, solved, options, rows):
    """Whether the loss of one fixed batch is halved within 250 steps, at a usual rate or a third of it."""
    prediction, objective = parts(combination)
    data = solved[combination.problem]
    node = options("model")[combination.model]
    node = node | {key: value for key, value in TINY.items() if key in node}
    measured = objective.chosen(data.windows(*objective.measured_offsets(prediction)), 3, 0)
    normalizer = fit_normalizer(prediction, [measured])
    window = data.windows(*objective.offsets(prediction))
    if objective.change is not None:
        objective.change.measure([window], normalizer.fields, max(objective.offsets(prediction)[0]))
    window = rows(window, slice(0, len(window.index), 4))
    for rate in (1e-2, 3e-3):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            surrogate = build_surrogate(node, prediction, data.metadata).double()
        stepper = SurrogateStepper(surrogate, prediction, normalizer)
        if halved(lambda stepper=stepper: objective.loss(stepper, window, 3, 0), surrogate, rate):
            return True
    return False


def halved(loss_now, surrogate, rate):
    """Whether 250 steps at a rate halve a loss; they end when they have."""
    optimizer = torch.optim.Adam(surrogate.parameters(), lr=rate)
    first = loss_now().item()
    for _ in range(250):
        loss = loss_now()
        if loss < first / 2:
            return True
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return False


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_option_learns(problem, combinations, parts, solved, options, rows):
    chosen = [c for c in cover(combinations, Combination.options) if c.problem == problem]
    assert chosen
    assert [c for c in chosen if not halves_its_loss(c, parts, solved, options, rows)] == []


@pytest.mark.slow
@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_pair_of_options_learns(problem, model, combinations, parts, solved, options, rows):
    whole = cover([c for c in combinations if c.model in NETWORKS], Combination.pairs)
    assert len(whole) <= MOST_COMBINATIONS
    chosen = [c for c in whole if (c.problem, c.model) == (problem, model)]
    assert chosen
    assert [c for c in chosen if not halves_its_loss(c, parts, solved, options, rows)] == []
