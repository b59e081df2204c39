"""Run folders: names, locks, resuming, and configurations that changed."""

import json
import shutil

import pytest

from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.learned_part import ADDED_LATER, CHANGES_NOTHING, with_later_keys
from tendency.app.configuration.run_name import check_name, default_name
from tendency.app.problems.run_identity import compose_training, name_run
from tendency.app.runs.run_folder import RunFolder, differences
from tendency.errors import ArtefactError, ConfigError
from tendency.trainers.logs.metrics_log import MetricsLog

CONFIG = {"optimizer": {"lr": 1e-3}, "seed": 0, "wandb": {"api_key": "abc"}}
CHOICES = {"model": "fno", "prediction": "state"}


def test_another_setting_is_another_name():
    name = default_name("navier_stokes", CHOICES, 0, CONFIG)
    assert name.startswith("navier_stokes-fno-state-seed0-")
    assert name == default_name("navier_stokes", CHOICES, 0, dict(reversed(CONFIG.items())))
    assert name != default_name("navier_stokes", CHOICES, 0, CONFIG | {"optimizer": {"lr": 2e-3}})
    check_name(name)


def test_options_of_lightning_are_part_of_a_name_where_there_are_any():
    def name(*overrides):
        return compose_training(["pde=heat", *overrides])["name"]

    # As before there were options, so that older runs are found.
    assert name() == name("~trainer.options")
    assert name() != name("+trainer.options.detect_anomaly=true")


CHANGED = {
    "data.workers": "3",
    "data.generate": "false",
    "data.hold": "rows",
    "data.memory": "1000",
    "data.loader_workers": "2",
    "trainer.accelerator": "cpu",
    "trainer.devices": "2",
    "trainer.num_nodes": "2",
    "trainer.strategy": "ddp",
    "trainer.log_every_n_steps": "7",
    "callbacks.lines": "{every_seconds: 1}",
    "callbacks.checkpoints.every_n_steps": "3",
    "evaluate": "false",
}


def test_what_changes_nothing_of_what_is_learned_is_no_other_name(tmp_path):
    assert set(CHANGED) == set(CHANGES_NOTHING)
    heat = ["pde=heat", f"paths.outputs={tmp_path}"]
    changed = [f"++{key}={value}" for key, value in CHANGED.items()]
    one, config = compose_training(heat)["name"], compose_training([*heat, *changed])
    assert config["name"] == one
    assert config["trainer"]["devices"] == 2
    assert compose_training([*heat, "optimizer.lr=1e-2"])["name"] != one


def test_a_run_that_an_older_version_named_is_found(tmp_path):
    heat = ["pde=heat", f"paths.outputs={tmp_path}"]
    config, choices = compose_command("train", heat)
    former = default_name("heat", choices, 0, name_run(config, choices))
    assert former != config.name
    (tmp_path / former).mkdir()
    assert compose_training(heat)["name"] == former
    # Older versions gave another number of devices another name.
    assert compose_training([*heat, "trainer.devices=2"])["name"] == config.name
    (tmp_path / config.name).mkdir()
    assert compose_training(heat)["name"] == config.name


@pytest.mark.parametrize(
    "stored", [{"trainer": {}, "data": {}}, {"trainer": {"options": {}}, "data": {"settled": "keep"}}]
)
def test_a_run_that_was_stored_before_a_key_was_added_goes_on(tmp_path, stored):
    folder = RunFolder(tmp_path / "run")
    folder.open(CONFIG | stored, resume=False)
    for later in ({"options": {}}, {}), ({}, {"settled": "keep"}):
        config = CONFIG | dict(zip(("trainer", "data"), later, strict=True))
        assert folder.require_same(config) == []
    with pytest.raises(ArtefactError, match="data.settled: 'keep' there, 'redraw' here$"):
        folder.require_same(CONFIG | {"trainer": {}, "data": {"settled": "redraw"}})


def test_every_key_that_was_added_later_is_one_of_today_with_its_default(tmp_path):
    config, filled = compose_training(["pde=heat", f"paths.outputs={tmp_path}"]), with_later_keys({})
    assert filled == {}
    for key, before in ADDED_LATER.items():
        group, name = key.split(".")
        assert config[group][name] == before


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
