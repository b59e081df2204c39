"""Run folders: names, locks, resuming, and configurations that changed."""

import json
import shutil

import pytest

from tendency.app.configuration.composed import compose_training
from tendency.app.configuration.run_name import check_name, default_name
from tendency.app.runs.run_folder import RunFolder, differences
from tendency.errors import ArtefactError, ConfigError
from tendency.trainers.logs.metrics_log import MetricsLog

CONFIG = {"optimizer": {"lr": 1e-3}, "seed": 0, "wandb": {"api_key": "abc"}}
CHOICES = {"pde": "navier_stokes", "model": "fno", "prediction": "state"}


def test_another_setting_is_another_name():
    name = default_name(CHOICES, 0, CONFIG)
    assert name.startswith("navier_stokes-fno-state-seed0-")
    assert name == default_name(CHOICES, 0, dict(reversed(CONFIG.items())))
    assert name != default_name(CHOICES, 0, CONFIG | {"optimizer": {"lr": 2e-3}})
    check_name(name)


def test_a_name_has_what_is_learned_in_it_and_nothing_else():
    def name(*overrides):
        return compose_training(["pde=heat", *overrides])["name"]

    # As before there were options, so that older runs are found.
    assert name() == name("~trainer.options")
    assert name() != name("+trainer.options.detect_anomaly=true")
    # How trajectories are held and handed on is no part of what is learned.
    assert name() == name("data.hold=rows", "data.memory=1000", "data.loader_workers=2")


@pytest.mark.parametrize("name", ["../up", "/etc", "Capital", "", "a b", ".hidden"])
def test_names_stay_inside_the_outputs(name):
    with pytest.raises(ConfigError, match="name: expected"):
        check_name(name)


def test_an_existing_folder_is_never_overwritten(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert folder.open(CONFIG, resume=False) is False
    (folder.path / "metrics.jsonl").touch()
    del folder
    with pytest.raises(ConfigError, match="resume=auto"):
        RunFolder(tmp_path / "run").open(CONFIG, resume=False)
    assert RunFolder(tmp_path / "run").open(CONFIG, resume=True) is True


def test_a_checkpoint_is_what_a_run_resumes_from(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG, resume=False)
    folder.last.parent.mkdir()
    folder.last.write_bytes(b"x")
    folder.lock.close()
    assert RunFolder(tmp_path / "run").open(CONFIG, resume=True) is True
    assert folder.best == folder.last


@pytest.mark.parametrize("left", ["checkpoints/last.ckpt", "checkpoints/best.ckpt", "metrics.jsonl", "finished.json"])
@pytest.mark.parametrize("resume", [True, False])
def test_a_run_without_its_configuration_is_not_begun_anew(tmp_path, left, resume):
    path = tmp_path / "run" / left
    path.parent.mkdir(parents=True)
    path.write_text('{"step": 3}\n')
    with pytest.raises(
        ArtefactError, match=r"run holds a run, but no config.json.*put back a copy, take another name="
    ):
        RunFolder(tmp_path / "run").open(CONFIG, resume)
    assert path.read_text() == '{"step": 3}\n'
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_finished_run_without_its_configuration_is_named(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG, resume=False)
    folder.finish({"report": "here"})
    (folder.path / "config.json").unlink()
    with pytest.raises(ArtefactError, match="run holds a run, but no config.json"):
        folder.require_same(CONFIG)


def test_nothing_is_written_through_a_link_in_a_run_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "else").write_text("of somebody else")
    for name in (".lock", "metrics.jsonl"):
        (tmp_path / "run" / name).symlink_to(tmp_path / "else")
    log = MetricsLog(str(tmp_path / "run"))
    for write in (
        lambda: RunFolder(tmp_path / "run").open(CONFIG, resume=True),
        lambda: log.log_metrics({"train/loss": 1.0}, 0),
        lambda: log.truncate(0),
    ):
        with pytest.raises(OSError, match="a symbolic link, through which nothing is written"):
            write()
    assert (tmp_path / "else").read_text() == "of somebody else"


def test_a_changed_configuration_is_named(tmp_path):
    RunFolder(tmp_path / "run").open(CONFIG, resume=False)
    (tmp_path / "run" / "metrics.jsonl").touch()
    with pytest.raises(ArtefactError, match=r"optimizer.lr: 0.001 there, 0.1 here"):
        RunFolder(tmp_path / "run").open(CONFIG | {"optimizer": {"lr": 0.1}}, resume=True)


def test_a_run_that_was_moved_is_the_same_run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG | {"paths": {"outputs": "here"}}, resume=False)
    folder.require_same(CONFIG | {"paths": {"outputs": "there"}})
    with pytest.raises(ArtefactError, match="seed: 0 there, 1 here"):
        folder.require_same(CONFIG | {"seed": 1})


def test_two_processes_do_not_share_a_folder(tmp_path):
    first = RunFolder(tmp_path / "run")
    first.open(CONFIG, resume=False)
    with pytest.raises(ArtefactError, match=r"in use by another process \(pid \d+"):
        RunFolder(tmp_path / "run").open(CONFIG, resume=True)


def test_secrets_are_not_written(tmp_path):
    RunFolder(tmp_path / "run").open(CONFIG, resume=False)
    stored = (tmp_path / "run" / "config.json").read_text()
    assert "abc" not in stored
    assert json.loads(stored)["wandb"]["api_key"] == "(redacted)"


def test_finished_runs_say_so(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG, resume=False)
    assert folder.finished() is None
    folder.finish({"report": "here"})
    assert RunFolder(tmp_path / "run").finished() == {"report": "here"}


def test_a_run_whose_folder_was_removed_does_not_end_as_finished(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG, resume=False)
    shutil.rmtree(folder.path)
    with pytest.raises(OSError, match="removed while it trained"):
        folder.finish({"report": "here"})
    assert not folder.path.exists()


def test_differences_name_missing_keys():
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 1, "d": 3}}) == [
        "a.d: '(missing)' there, 3 here",
        "c: 2 there, '(missing)' here",
    ]
