"""What the README shows works: its two additions in a copy of the project, and every command line."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODELS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
EXPERIMENTS = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
REPORTS = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
FILE = re.compile(r"`((?:solvers|surrogates|conf)/[\w/]+\.(?:py|yaml))`[^`]*```(?:python|yaml)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^    python (train|generate|evaluate|compare)\.py (.*?)(?:#.*)?$", re.MULTILINE)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with the files that the README adds."""
    root = tmp_path_factory.mktemp("copy") / "tendency"
    away = shutil.ignore_patterns(".*", "datasets", "outputs", "docs", "__pycache__", "build")
    shutil.copytree(ROOT, root, ignore=away, symlinks=True)
    added = dict(FILE.findall(README))
    assert sorted(added) == [
        "conf/model/linear.yaml",
        "conf/pde/cahn_hilliard.yaml",
        "solvers/pdes/cahn_hilliard.py",
        "surrogates/models/linear.py",
    ]
    for name, text in added.items():
        assert not (root / name).exists(), f"{name} is there already: the README should add something new"
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_an_added_pde_is_certified_and_an_added_model_learns_it(extended, homes):
    arguments = ["pde=cahn_hilliard", "model=linear", "data.num_train=8", "data.num_valid=2", "data.num_test=2"]
    arguments += ["data.chunk_size=4", "trainer.max_epochs=4", "trainer.accelerator=cpu", "name=readme"]
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=extended,
        env=homes,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "report:" in done.stdout
    linear, persistence = (
        float(re.search(rf"^{name}\s+([\d.e-]+)", done.stdout, re.MULTILINE)[1]) for name in ("readme", "persistence")
    )
    assert linear < persistence


def test_the_tests_pick_both_up(extended):
    files = ["tests/surrogates/test_models.py", "tests/solvers/test_pdes.py", "tests/tendency/test_certificates.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "linear or cahn_hilliard", *files]
    done = subprocess.run(
        command,
        cwd=extended,
        env=os.environ | {"PYTHONPATH": str(extended), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 15


def test_added_files_keep_the_houses_style(extended):
    subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", "."], cwd=extended, check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."], cwd=extended, check=True)


@pytest.mark.parametrize(
    ("script", "line"), COMMAND.findall(README + EXPERIMENTS + MODELS + REPORTS), ids=lambda text: text[:60]
)
def test_every_command_line_composes(compose_config, script, line):
    overrides = [text for text in shlex.split(line) if text != "-m"]
    if "-m " in line:
        overrides = [text.split(",")[0] for text in overrides]
    compose_config(script, overrides)


def test_every_axis_of_the_table_lists_its_options():
    for name, options in re.findall(r"^\| `([\w/]+)` \| ((?:`\w+` ?)+)\|", README, re.MULTILINE):
        there = {path.stem for path in (ROOT / "conf" / name).glob("*.yaml")}
        assert set(re.findall(r"`(\w+)`", options)) == there, name
