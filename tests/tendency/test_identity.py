"""Names of datasets and runs depend on classes, versions and arguments, never on where a class lies."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import tendency.surrogates.models
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.identity import digest, identity
from tendency.app.configuration.moved_targets import current_targets
from tendency.solvers.pdes.heat import Heat

ROOT = Path(__file__).resolve().parents[2]


def test_a_class_that_moved_changes_no_name():
    old = {"_target_": "solvers.pdes.burgers.VectorBurgers", "list": [{"_target_": "simulation.parameters.Constant"}]}
    new = {
        "_target_": "tendency.solvers.pdes.vector_burgers.VectorBurgers",
        "list": [{"_target_": "tendency.simulation.parameters.Constant"}],
    }
    old = current_targets(old)
    assert identity(old) == identity(new) == {"_target_": "VectorBurgers", "list": [{"_target_": "Constant"}]}
    assert digest(old, 8) == digest(new, 8)


def test_a_renamed_class_keeps_its_first_name_in_names():
    now = {"_target_": "tendency.app.problems.solved_data.SolvedData"}
    for before in ("tendency.datasets.DataPlan", "tendency.app.problems.data_plan.DataPlan"):
        assert current_targets({"_target_": before}) == now
    assert identity(now) == {"_target_": "DataPlan"}


def test_an_argument_and_a_version_change_it(monkeypatch):
    node = {"_target_": "tendency.solvers.pdes.heat.Heat"}
    assert digest(node, 8) != digest({**node, "order": 2}, 8)
    first = digest({"pde": node}, 8)
    monkeypatch.setattr(Heat, "version", 2)
    assert identity(node) == {"_target_": "Heat version 2"}
    assert digest({"pde": node}, 8) != first


def test_classes_of_others_are_known_by_their_path():
    assert identity({"_target_": "mine.Network"}) != identity({"_target_": "yours.Network"})


def test_names_of_classes_that_yaml_can_name_are_unique():
    """Every public class of the packages: a yaml outside conf/ may name any of them."""
    places = defaultdict(list)
    for package in ("simulation", "solvers", "data", "surrogates", "trainers", "evaluation", "tendency"):
        for path in (ROOT / package).rglob("*.py"):
            if any(parent.is_symlink() for parent in path.parents):
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(str(path.relative_to(ROOT)))
    assert len(places) > 200
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_a_file_with_a_mistake_in_it_is_left_to_the_check_of_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("class Broken(:\n")
    monkeypatch.setattr(tendency.surrogates.models, "__path__", [*tendency.surrogates.models.__path__, str(tmp_path)])
    assert identity({"_target_": "tendency.surrogates.models.broken.Broken"}) == {"_target_": "Broken"}
    assert identity({"_target_": "tendency.surrogates.models.my-model.Net"}) == {"_target_": "Net"}


def test_a_method_of_a_class_is_known_with_its_class():
    nodes = [
        {"_target_": f"tendency.{name}.from_dict"}
        for name in ("simulation.geometry.Boundary", "data.manifest.Manifest")
    ]
    assert identity(nodes[0]) == {"_target_": "Boundary.from_dict"}
    assert identity(nodes[0]) != identity(nodes[1])


def test_every_folder_of_the_configuration_is_one_group():
    """``conf/`` and the table name the same axes, and each command's yaml has the groups that the table gives it."""
    assert {path.name for path in conf_folder().iterdir() if path.is_dir()} == set(GROUPS)
    for command in ("train", "generate", "evaluate", "compare"):
        text = (conf_folder() / f"{command}.yaml").read_text(encoding="utf-8")
        defaults = re.findall(r"^  - (\w+): ", text, re.MULTILINE)
        assert set(defaults) == {group.name for group in GROUPS.values() if command in group.commands}, command


def test_a_group_of_another_command_is_refused(run_script):
    done = run_script("generate.py", "pde=heat", "+model=fno", code=2)
    assert "model: unknown argument of GenerateSettings" in done.stderr
