"""The shape of the project: import contracts, style, types, sizes, and a docstring for everything public."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("simulation", "solvers", "data", "surrogates", "trainers", "evaluation", "tendency")
FILES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy", "tendency"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_tools_are_content(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_contracts_hold():
    code = "from importlinter.cli import lint_imports_command as main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_everything_public_is_documented(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert path.stem not in {"utils", "common", "helpers", "misc"}
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    for owner in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in owner.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{node.name} in line {node.lineno}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            assert node.body[-1].end_lineno - first.lineno < 60, f"{node.name} in line {node.lineno}"


def test_functions_take_at_most_eight_arguments():
    """But for what a yaml builds, whose arguments are the keys of its node."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "conf").rglob("*.yaml"))
    built = {target.rpartition(".")[2] for target in re.findall(r"_target_: ([\w.]+)", text)}
    long = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        owners = {id(node): owner for owner in ast.walk(tree) if isinstance(owner, ast.ClassDef) for node in owner.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                owner = owners.get(id(node))
                name = owner.name if owner is not None and node.name == "__init__" else node.name
                names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                if name not in built and len({*names} - {"self", "cls"}) > 8:
                    long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert long == []


def test_no_two_files_have_one_name():
    """A reader could take one for the other; a file named after another with an -ing could be, too."""
    names = [path.stem for path in FILES if path.stem != "__init__"]
    assert len(names) == len(set(names))
    assert [name for name in names if name.endswith("ing") and {name[:-3], f"{name[:-3]}e"} & set(names)] == []


def test_nothing_runs_what_a_file_says():
    forbidden = ("pickle.load", "weights_only=False", "allow_pickle=True", "shell=True", "yaml.load(")
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in forbidden if word in text], path
