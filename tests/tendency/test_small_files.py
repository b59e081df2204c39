"""The small files of runs, reports and exports, cut off and edited: taken as they stand, or named with a remedy."""

import copy
import json
import random
import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file

import tendency
from tendency.app.configuration.identity import identity
from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.runs.exported_files import RECIPE, WEIGHTS
from tendency.app.runs.method_names import method_names
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run import Run
from tendency.app.runs.run_folder import RunFolder
from tendency.app.runs.run_selection import select_runs
from tendency.app.runs.seed_groups import seed_groups
from tendency.app.studies.collect_record import report_figures
from tendency.errors import ArtefactError
from tendency.evaluation.report_description import ReportDescription

OLD = Path(__file__).parent / "first_layout"
RUN = OLD / "outputs" / "fno-derivative"
REMOVED = object()
VALUES = (REMOVED, None, [], {}, "x", -1, 0.5, True, 10**400, float("nan"), [[]], {"_target_": "os.system"})
FIGURES = {"rollout_nrmse": 0.1, "one_step_nrmse": None, "stable_share": 1.0}
REPORT = {
    "description": ReportDescription(learned=["run"], seeds={"both": ["run"]}, step=0.1).to_dict(),
    "summary": {"run": FIGURES, "persistence": FIGURES},
    "seeds": {"both": {"rollout_nrmse": {"mean": 0.1, "low": None, "high": None}}},
    "comparisons": [{"a": 1}],
    "figures": {"rollout_nrmse": {"title": "error"}},
}


def places(content, path=()):
    """Every place in plain data."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def edited(content, path, value):
    content = copy.deepcopy(content)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(content)


def texts(content, number, seed=0):
    """The text cut off at many places, and with values removed or replaced; so many of them, or all."""
    whole = json.dumps(content, indent=2)
    every = [whole[: len(whole) * i // 20] for i in range(20)] + ["[]", "null", "3", '"x"', "{", "\x00", "[" * 100_000]
    every += [edited(content, path, value) for path in places(content) for value in VALUES]
    return random.Random(seed).sample(every, min(number, len(every)))


def named_or_taken(read, path, texts):
    """Counts what is named; nothing but that sentence may come of a file, and a text cut off is always named."""
    named = 0
    for text in texts:
        path.write_text(text)
        try:
            read()
        except ArtefactError as error:
            said = str(error)
        else:
            json.loads(text)
            continue
        named += 1
        assert any(
            words in said for words in (path.name, "version", "names code", "one trained method", "definitions")
        ), said
        assert len(said) < 1500, said
    print(f"{path.name}: {len(texts)} texts: {named} named, {len(texts) - named} taken")
    return named


SOME = [20, pytest.param(10_000, marks=pytest.mark.slow)]


@pytest.fixture
def run(tmp_path):
    shutil.copytree(RUN, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("number", SOME)
def test_the_configuration_of_a_run(run, number):
    recipe = read_checkpoint(RUN).recipe

    def read():
        read = Run.of(run / "checkpoints" / "best.ckpt", recipe)
        method_names({"heat": [read.configuration]})
        seed_groups([read, read])
        identity(read.configuration)
        read.configuration["pde"].get("name")

    content = json.loads((run / "config.json").read_text())
    assert named_or_taken(read, run / "config.json", texts(content, number)) > 0


@pytest.mark.parametrize("number", SOME)
def test_what_a_run_left_when_it_ended(run, number):
    recipe = read_checkpoint(RUN).recipe
    content = {"checkpoint": "x", "training_seconds": 0.3, "lines": ["a", "b"], "report": "y"}

    def read():
        figures = RunFolder(run).finished()
        "\n".join(figures.get("lines", []))
        assert (Run.of(run / "checkpoints" / "best.ckpt", recipe).training_seconds or 1.0) > 0

    assert named_or_taken(read, run / "finished.json", texts(content, number)) > 0


@pytest.mark.parametrize("number", SOME)
def test_the_numbers_of_a_report(tmp_path, number):
    (tmp_path / "metrics.json").write_text(json.dumps(REPORT))
    assert set(report_figures(tmp_path, "run")) == {"network", "persistence"}

    def read():
        report_figures(tmp_path, "run")
        numbers = ReportFolder(tmp_path).complete_numbers()
        assert all(isinstance(figures, dict) for figures in numbers["summary"].values())
        about = numbers["description"]
        members = [name for names in about["seeds"].values() for name in names]
        assert {*members, *about["learned"]} <= set(numbers["summary"])
        assert all(isinstance(figures, dict) for figures in numbers["seeds"].values())

    assert named_or_taken(read, tmp_path / "metrics.json", texts(REPORT, number)) > 0
    (tmp_path / "metrics.json").unlink()
    with pytest.raises(ArtefactError, match="has no metrics.json; remove the folder"):
        read()


@pytest.mark.parametrize("number", [10, pytest.param(400, marks=pytest.mark.slow)])
def test_the_recipe_of_an_export(tmp_path, number):
    stored = read_checkpoint(RUN)
    save_file(dict(stored.weights), tmp_path / WEIGHTS)
    content = json.loads(json.dumps(stored.recipe.to_dict()))
    found = named_or_taken(lambda: tendency.load_surrogate(tmp_path), tmp_path / RECIPE, texts(content, number))
    assert found > 0


def test_a_remedy_is_named(run):
    for name, remedy in (
        ("config.json", "put back a copy, or take another name=; without the file its checkpoint can be judged"),
        ("finished.json", "delete it: the run's command with resume=auto writes it again"),
    ):
        whole = (run / name).read_text()
        (run / name).write_text(whole[: len(whole) // 2])
        with pytest.raises(ArtefactError, match=f"{name}: damaged .*; {remedy}"):
            Run.read(run).training_seconds  # noqa: B018
        (run / name).write_text(whole)
    (run / "config.json").unlink()
    assert Run.read(run).configuration["model"] == read_checkpoint(run).recipe.model
    selection = select_runs([str(run)])
    assert len(selection.runs) == 1
