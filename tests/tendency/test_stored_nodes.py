"""Which classes a file may name: those of ours, each at its place; and all that is shipped is among them."""

import importlib
import inspect
import pkgutil
import types
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import tendency
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.moved_targets import our_class
from tendency.app.configuration.plain_data import require_plain
from tendency.app.configuration.small_form import problem_node
from tendency.app.configuration.stored_nodes import MAKERS, belongs, examine
from tendency.app.problems.data_source import DataSource
from tendency.simulation.geometry import Geometry, PointCloud
from tendency.simulation.parameters import Parameter
from tendency.simulation.problem import InitialCondition, Problem
from tendency.simulation.simulator import ReferenceSolver
from tendency.surrogates.integrators.integrator import Integrator
from tendency.surrogates.predictions.differences import Difference
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.surrogate import Surrogate

ROOT = Path(tendency.__file__).resolve().parents[1]
PROBLEMS = sorted(path.stem for path in (conf_folder() / "pde").glob("*.yaml"))
SLOW = [name for number, name in enumerate(PROBLEMS) if number % 8]
KINDS = {
    Surrogate: "tendency.surrogates.models.",
    Prediction: "tendency.surrogates.predictions.",
    Integrator: "tendency.surrogates.integrators.",
    Difference: "tendency.surrogates.predictions.differences",
    Problem: "tendency.simulation.problem",
    ReferenceSolver: "tendency.solvers.",
    InitialCondition: "tendency.solvers.initial_conditions.",
    Parameter: "tendency.simulation.parameters",
    DataSource: "tendency.app.problems.",
    Geometry: "tendency.simulation.geometry",
}
"""Where the classes of each kind lie."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in PROBLEMS]
)
def test_every_problem_may_stand_in_a_file(name):
    found = examine(problem_node(name), Problem, "pde")
    assert (found.foreign, found.wrong) == ([], [])


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("model", Surrogate),
        ("prediction/integrator", Integrator),
        ("prediction/difference", Difference),
        ("data", DataSource),
    ],
)
def test_every_option_may_stand_in_a_file(group, kind):
    paths = list((conf_folder() / group).glob("*.yaml"))
    # What is put together of several files, or wants a value, is looked at below.
    alone = [path for path in paths if not any(word in path.read_text() for word in ("defaults:", "???", "${"))]
    assert len(alone) >= len(paths) - 2
    for path in alone:
        found = examine(OmegaConf.to_container(OmegaConf.load(path)), kind, group, INJECTED.get(group, frozenset()))
        assert (found.foreign, found.wrong) == ([], []), path.stem


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "kind"), [("model", Surrogate), ("prediction", Prediction), ("prediction/integrator", Integrator)]
)
def test_every_composed_option_may_stand_in_a_file(options, group, kind):
    for name, node in options(group).items():
        found = examine(node, kind, group, frozenset({"interface"}))
        assert (found.foreign, found.wrong) == ([], []), name


def test_makers_make_what_they_are_said_to_make():
    assert all(issubclass(made, PointCloud) for made in MAKERS.values())
    assert all(callable(pkgutil.resolve_name(target)) for target in MAKERS)


def test_a_list_that_holds_itself_is_no_plain_data():
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="64 levels"):
        require_plain(endless)


def reachable():
    """Every dotted name through a module of ours: its names, and one level further those of what it imports."""
    seen = set()
    for found in pkgutil.walk_packages(tendency.__path__, "tendency."):
        for name, value in vars(importlib.import_module(found.name)).items():
            yield f"{found.name}.{name}"
            if isinstance(value, types.ModuleType | type) and id(value) not in seen:
                seen.add(id(value))
                yield from (f"{found.name}.{name}.{inner}" for inner in dir(value))


@pytest.mark.slow
def test_no_dotted_name_through_our_modules_leads_to_anything_but_a_class_of_ours():
    targets = set(reachable())
    found = {target: made for target in targets if (made := our_class(target)) is not None}
    assert len(targets) > 10_000
    assert len(found) > 300
    for target, made in found.items():
        assert f"{made.__module__}.{made.__qualname__}" == target
        assert Path(inspect.getfile(made)).resolve().is_relative_to(ROOT)
    for kind, place in KINDS.items():
        made_of = {target: made for target, made in found.items() if belongs(made, kind)}
        abstract = [
            t for t, made in made_of.items() if inspect.isabstract(made) or getattr(made, "_is_protocol", False)
        ]
        there = set(made_of) - set(abstract)
        assert there
        assert [target for target in there if not target.startswith(place)] == []
