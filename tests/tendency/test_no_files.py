"""A folder, a pipe or a link to nothing in the place of a run's file is one sentence, and nothing waits for a pipe."""

import os

import pytest

from tendency.app.reports.same_test_data import report_folder
from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run_folder import FILES, FOLDERS, RunFolder
from tendency.data.whole_file import write_whole
from tendency.errors import ArtefactError, ConfigError, describe
from tendency.trainers.logs.metrics_log import MetricsLog
from tendency.trainers.logs.metrics_reader import MetricsError, read_metrics

pytestmark = pytest.mark.usefixtures("bounded_wait")

KINDS = {"a folder": os.mkdir, "a pipe": os.mkfifo}
PLACES = [lambda path: path.write_text("x"), os.mkfifo, lambda path: path.symlink_to(path.name)]
CONFIG = {"seed": 0}


def put(kind, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_no_run_is_begun_or_goes_on_where_something_else_lies_in_a_files_place(tmp_path, name, kind):
    put(kind, tmp_path / "run" / name)
    for resume in (True, False):
        with pytest.raises(
            ArtefactError, match=f"run folder .*: expected {name} to be a file, got {kind}; move it away$"
        ):
            RunFolder(tmp_path / "run").open(CONFIG, resume)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_folder_is_named_before_runs_are_judged(tmp_path, place):
    place(tmp_path / "report")
    with pytest.raises(ConfigError, match="name: expected a folder or nothing at .*report, got something else"):
        report_folder("report", [], tmp_path)


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_folder_is_named_before_a_run_begins(tmp_path, name, place):
    path = tmp_path / "run" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    place(path)
    with pytest.raises(ArtefactError, match="expected a folder of a run, got something else; move it away"):
        RunFolder(tmp_path / "run").open(CONFIG, resume=False)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_reads_or_writes_a_file_says_what_is_there(tmp_path, kind):
    best = put(kind, tmp_path / "run" / "checkpoints" / "best.ckpt")
    log, finished = put(kind, tmp_path / "run" / "metrics.jsonl"), put(kind, tmp_path / "run" / "finished.json")
    put(kind, tmp_path / "metrics.json")
    for work, error, said in (
        (lambda: read_checkpoint(tmp_path / "run"), ArtefactError, f"best.ckpt: expected a file .*, got {kind}"),
        (lambda: RunFolder(tmp_path / "run").finished(), ArtefactError, f"expected a file, got {kind}.; delete it"),
        (lambda: read_metrics(log), MetricsError, f"expected the log of a run, got {kind}"),
        (lambda: MetricsLog(str(log.parent)).log_metrics({"a": 1.0}, 0), OSError, f"{kind} in the place of a file"),
        (lambda: write_whole(finished, "{}"), OSError, f"{kind} in the place of a file; move it away"),
        (lambda: write_whole(best, "{}"), OSError, f"{kind} in the place of a file; move it away"),
    ):
        with pytest.raises(error, match=said) as raised:
            work()
        assert len(describe(raised.value).splitlines()) <= 3
    with pytest.raises(ArtefactError, match=r"has no metrics.json"):
        ReportFolder(tmp_path).numbers()


def test_a_pipe_that_is_named_as_a_checkpoint_is_not_waited_for(tmp_path):
    with pytest.raises(ArtefactError, match=r"a.ckpt: expected a file written by train.py, got a pipe"):
        read_checkpoint(put("a pipe", tmp_path / "a.ckpt"))


@pytest.mark.skipif(os.geteuid() == 0, reason="everything can be read by root")
def test_what_may_not_be_read_is_one_sentence(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG, resume=False)
    (tmp_path / "run" / "config.json").chmod(0)
    with pytest.raises(OSError, match="Permission denied") as raised:
        folder.configuration()
    assert len(describe(raised.value).splitlines()) <= 2
