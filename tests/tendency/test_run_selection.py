"""What a pattern or a sweep brings along is judged where it can be, and named where it cannot."""

import json
import shutil
from pathlib import Path

import pytest

from tendency.app.runs.run_selection import note_run, select_runs
from tendency.errors import ArtefactError

TINY = ["model=fno", "model.width=8", "model.modes=4", "model.num_layers=2", "pde.geometry.shape=[16]"]


@pytest.fixture(scope="module")
def trained(small_run):
    return {
        "heat": small_run("heat", [*TINY, "name=choice-heat"]),
        "advection": small_run("advection", [*TINY, "name=choice-advection"]),
    }


@pytest.fixture
def runs(trained, tmp_path):
    """Two good runs, one that stopped, one whose checkpoint is cut off, one of another problem, and a report."""
    for name in ("a-good", "b-good", "c-unfinished", "d-damaged"):
        shutil.copytree(trained["heat"], tmp_path / name)
    shutil.copytree(trained["advection"], tmp_path / "e-advection")
    (tmp_path / "c-unfinished" / "finished.json").unlink()
    for checkpoint in (tmp_path / "d-damaged" / "checkpoints").iterdir():
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    (tmp_path / "f-report").mkdir()
    return tmp_path


def test_a_pattern_takes_what_is_good_and_names_the_rest(runs):
    selection = select_runs([str(runs / "*")])
    assert [run.name for run in selection.runs] == ["a-good", "b-good"]
    assert list(selection.skipped) == ["c-unfinished", "d-damaged", "e-advection", "f-report"]
    reasons = list(selection.skipped.values())
    assert "resume=auto" in reasons[0]
    assert "damaged" in reasons[1]
    assert reasons[2] == "of advection, and the first run is of heat"
    assert reasons[3] == "no folder of a run"


def test_a_sweep_stands_for_its_runs_and_one_that_is_gone_is_missed(runs):
    sweep = runs / "multirun" / "2026-01-01"
    for name in ("b-good", "a-good", "b-good", "g-gone"):
        note_run(sweep, runs / name)
    selection = select_runs([str(sweep)])
    assert [run.name for run in selection.runs] == ["b-good", "a-good"]
    assert selection.skipped == {"g-gone": "it is not there"}


def test_what_is_named_by_itself_is_not_left_out_but_refused(runs):
    with pytest.raises(ArtefactError, match="damaged"):
        select_runs([str(runs / "a-good"), str(runs / "d-damaged")])
    with pytest.raises(ArtefactError, match="does not exist"):
        select_runs([str(runs / "nothing")])
    with pytest.raises(ArtefactError, match="nothing matches"):
        select_runs([str(runs / "x-*")])
    with pytest.raises(ArtefactError, match=r"(?s)none of .* can be judged\nc-unfinished: unfinished"):
        select_runs([str(runs / "c-*")])


def test_a_run_that_is_named_twice_is_judged_once(runs):
    selection = select_runs([str(runs / "a-good"), str(runs / "[ab]-*")])
    assert len(selection.runs) == 2


def test_the_report_says_which_runs_it_goes_without(runs, run_evaluation, capsys):
    run_evaluation(runs / "reports", f"runs=['{runs}/*']", "name=chosen")
    said = capsys.readouterr().out
    assert "left out: e-advection: of advection" in said
    folder = runs / "reports" / "chosen"
    numbers = json.loads((folder / "metrics.json").read_text())
    assert {"a-good", "b-good"} < set(numbers["summary"])
    assert not {"c-unfinished", "d-damaged", "e-advection"} & set(numbers["summary"])
    assert "Runs left out: c-unfinished (unfinished" in (folder / "report.html").read_text()


def test_jobs_of_a_sweep_write_down_where_their_runs_are(run_script, homes):
    tiny = ["data.num_train=4", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"]
    quick = ["trainer.max_epochs=1", "trainer.accelerator=cpu", "data.batch_size=4", "scheduler.warmup_steps=1"]
    run_script(
        "train.py", "-m", "pde=heat", *TINY, *tiny, *quick, "pde.times.num_snapshots=8", "seed=5,6", "evaluate=false"
    )
    (noted,) = (Path(homes["TENDENCY_OUTPUTS"]) / "multirun").glob("*/runs.txt")
    names = [Path(line).name for line in noted.read_text().splitlines()]
    assert [("seed5" in name, "seed6" in name) for name in names] == [(True, False), (False, True)]
    assert all((Path(homes["TENDENCY_OUTPUTS"]) / name / "finished.json").exists() for name in names)
    assert select_runs([str(noted.parent)]).runs[1].recipe.dataset
