"""One import name: what an sdist and a wheel hold, and how both live beside a user's own data, solvers or trainers."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("data", "evaluation", "simulation", "solvers", "surrogates", "trainers")
TINY = ["pde=heat", "pde.times.num_snapshots=8", "data.num_train=4", "data.num_valid=2", "data.num_test=2"]
TINY += ["data.chunk_size=2", "data.workers=2"]
TRAINING = [*TINY, "name=tiny", "trainer.max_epochs=1", "trainer.accelerator=cpu", "scheduler.warmup_steps=2"]
PROJECT = {
    "data/__init__.py": "NAME = 'of the user'\n",
    "evaluation.py": "def score(states):\n    return float(abs(states).mean())\n",
    "solvers.py": "def scaled(u):\n    return 2 * u\n",
    "trainers/__init__.py": "",
    "trainers/schedule.py": "TIMES = [0.1, 0.2]\n",
    "script.py": """
import json
import multiprocessing
import sys

import data
import evaluation
import solvers
import tendency
from tendency.version import provenance
from trainers import schedule


def roll(surrogate, dataset):
    start = dataset[0].u[0, : surrogate.history].numpy()
    return surrogate.rollout(solvers.scaled(start), times=schedule.TIMES, params={"diffusivity": 0.3})


if __name__ == "__main__":
    surrogate, dataset = tendency.load_surrogate(sys.argv[1]), tendency.open_windows(sys.argv[2], "test")
    states = roll(surrogate, dataset)
    if "spawn" in sys.argv:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert (pool.apply(roll, (surrogate, dataset)) == states).all()
    assert data.NAME == "of the user" and evaluation.score(states) > 0
    print(json.dumps({"tendency": tendency.__file__, "commit": provenance()["commit"], "states": states.tolist()}))
""",
}
"""A user's project: a script beside modules that have the names of our folders."""


def run(*command, code=0, env=None, cwd=None):
    """Runs a command that inherits no place of packages; answers with what it printed, and what it complained of."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TENDENCY"))}
    done = subprocess.run(
        [str(part) for part in command],
        env=inherited | (env or {}),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def make_environment(folder, install=None):
    """A virtual environment that lacks tendency but for what is installed; the packages of this one are those it needs.

    A .pth file adds them, and Python reads no .pth files of places that such a file adds: an editable install of this
    environment stays behind.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    places = [path for path in sys.path if path and not (Path(path) / "tendency" / "__init__.py").exists()]
    places = [path for path in places if "site-packages" in path or not Path(path).is_relative_to(ROOT)]
    (site / "other_packages.pth").write_text("\n".join(places), encoding="utf-8")
    if install:
        offline = ["--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed", "--quiet"]
        run(sys.executable, "-m", "pip", "--python", python, "install", *offline, *install)
    return python


def files_of(wheel):
    """What a wheel installs, its own description left out."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An sdist of the checkout, and the wheel that was built of that sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The Python of an environment without tendency."""
    python = make_environment(tmp_path_factory.mktemp("bare") / "environment")
    assert "ModuleNotFoundError" in run(python, "-c", "import tendency.errors", code=1, cwd=python.parent)[1]
    return python


@pytest.fixture(scope="module")
def wheel_python(built, tmp_path_factory):
    """The Python of an environment with the wheel, which lies in the git repository of somebody else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    author = ["-c", "user.name=user", "-c", "user.email=user@example.org"]
    run("git", "init", "--quiet", folder)
    run("git", "-C", folder, *author, "commit", "--quiet", "--allow-empty", "-m", "A project of the user")
    return make_environment(folder / "environment", [built[1]])


@pytest.fixture(scope="module")
def trained(bare, tmp_path_factory):
    """The folder of a run and that of its dataset, made by the scripts of a checkout that is not installed."""
    folder = tmp_path_factory.mktemp("trained")
    run(bare, ROOT / "train.py", *TRAINING, "evaluate=false", cwd=folder)
    (dataset,) = (folder / "datasets").iterdir()
    return folder / "outputs" / "tiny", dataset


def test_an_sdist_holds_the_files_themselves(built):
    with tarfile.open(built[0]) as archive:
        members = archive.getmembers()
    assert [member.name for member in members if not member.isfile()] == []
    inside = {member.name.split("/", 1)[1] for member in members}
    assert {name.split("/")[0] for name in inside if "/" in name} == {"tendency"}
    assert {"tendency/data/dataset.py", "tendency/conf/pde/heat.yaml"} <= inside


def test_a_wheel_of_the_sdist_holds_every_module_of_the_checkout(built):
    expected = {str(path.relative_to(ROOT)) for path in (ROOT / "tendency").rglob("*.py")}
    for folder in (*FOLDERS, "conf"):
        assert (ROOT / "tendency" / folder).is_symlink()
        paths = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        expected |= {f"tendency/{path.relative_to(ROOT)}" for path in paths}
    assert files_of(built[1]) == expected
    assert {"tendency/evaluation/report/templates/report.html", "tendency/conf/train.yaml"} < expected


def test_pip_installs_the_same_of_a_checkout(built, tmp_path):
    python = make_environment(tmp_path / "environment", [ROOT])
    (site,) = (tmp_path / "environment").glob("lib/python*/site-packages")
    files = {str(path.relative_to(site)) for path in site.glob("tendency/**/*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} == files_of(built[1])
    assert {path.name.split("-")[0] for path in site.iterdir()} == {"tendency", "other_packages.pth"}
    assert str(site) in run(python, "-c", "import tendency; print(tendency.__file__)", cwd=tmp_path)[0]


@pytest.mark.slow
def test_a_project_with_folders_of_the_same_names(bare, wheel_python, trained, tmp_path):
    """From a wheel, from an editable install, and from a checkout that PYTHONPATH names; one training is enough."""
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    editable = make_environment(tmp_path / "environment", ["-e", ROOT])
    assert not list((tmp_path / "environment").glob("lib/python*/site-packages/tendency"))

    def use(python, *arguments, **env):
        return json.loads(run(python, tmp_path / "script.py", *trained, *arguments, env=env, cwd=tmp_path)[0])

    found = use(wheel_python, "spawn"), use(editable), use(bare, "spawn", PYTHONPATH=str(ROOT))
    for one, home in zip(found, (wheel_python.parents[1], ROOT, ROOT), strict=True):
        assert Path(one["tendency"]).is_relative_to(home)
        assert one["states"] == found[0]["states"]
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    commit = head.stdout.strip() or None
    assert [one["commit"] for one in found] == [None, commit, commit]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_short_name_is_refused_in_one_sentence(bare, folder):
    errors = run(bare, "-c", f"import {folder}", code=1, cwd=ROOT)[1]
    assert errors.splitlines()[-1] == (
        f"ImportError: {folder} is a part of tendency: import tendency.{folder}; "
        f"a folder {folder} of yours needs an __init__.py to be found before it"
    )


@pytest.mark.parametrize("instead", ["nothing", "text", "folder"])
def test_links_that_a_tool_dropped_are_named(bare, tmp_path, instead):
    """Git without symbolic links writes text files; a zip program may leave the links out, or make empty folders."""
    shutil.copytree(ROOT / "tendency", tmp_path / "tendency", symlinks=True)
    for name in (*FOLDERS, "conf"):
        (tmp_path / "tendency" / name).unlink()
        if instead == "text":
            (tmp_path / "tendency" / name).write_text(f"../{name}", encoding="utf-8")
        elif instead == "folder":
            (tmp_path / "tendency" / name).mkdir()
    errors = run(bare, "-c", "import tendency", code=1, cwd=tmp_path)[1]
    names = ", ".join(FOLDERS)
    assert (
        f"ImportError: {tmp_path / 'tendency'} lacks {names}, which are symbolic links in a" in errors.splitlines()[-1]
    )


@pytest.mark.slow
def test_the_commands_of_a_wheel_work_in_an_empty_folder(wheel_python, tmp_path):
    """From datasets to a report, on a machine that has no git either."""
    commands, away = wheel_python.parent, {"PATH": str(wheel_python.parent)}
    assert "dataset" in run(commands / "tendency-generate", *TINY, env=away, cwd=tmp_path)[0]
    assert "report:" in run(commands / "tendency-train", *TRAINING, env=away, cwd=tmp_path)[0]
    assert len(list((tmp_path / "datasets").iterdir())) == 1
    run(commands / "tendency-evaluate", "runs=[outputs/tiny]", "name=again", env=away, cwd=tmp_path)
    assert len(list((tmp_path / "outputs").glob("*/report.html"))) == 1
    code = "import numpy, tendency; s = tendency.load_surrogate('outputs/tiny'); print(s.rollout(numpy.zeros((1, 128)),"
    code += " times=[0.1, 0.3], params={'diffusivity': 0.3}).shape)"
    assert run(wheel_python, "-c", code, env=away, cwd=tmp_path)[0] == "(2, 1, 128)\n"
