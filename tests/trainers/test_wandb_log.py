"""The mirror of a run: it obeys the environment, and no failure of it reaches the run."""

import os
from types import SimpleNamespace

import pytest
import wandb

from tendency.trainers.logs.wandb_log import WandbLog, _artifact_name


class Run:
    """A run whose service is gone after its first figures."""

    def __init__(self, identity):
        self.id, self.config, self.logged = identity, {}, []

    def define_metric(self, *arguments, **keywords):
        pass

    def log(self, figures):
        if self.logged:
            raise ConnectionError("the service is gone\nand more")
        self.logged.append(figures)


@pytest.fixture
def begun(monkeypatch):
    """The modes that runs were begun with; ``refused`` lists those that fail."""
    modes, refused, real = [], [], wandb.init

    def init(*, mode=None, **arguments):
        modes.append(mode)
        if mode in refused:
            raise wandb.errors.CommError("no network\nand more")
        return real(mode=mode) if mode == "disabled" else Run(arguments["id"])

    monkeypatch.setattr(wandb, "init", init)
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    return SimpleNamespace(modes=modes, refused=refused)


@pytest.mark.parametrize(
    ("environment", "offline", "expected"),
    [
        ({}, None, "offline"),
        ({"WANDB_API_KEY": "k"}, None, "online"),
        ({"WANDB_API_KEY": "k"}, True, "offline"),
        ({}, False, "online"),
        # None leaves the choice to the environment.
        ({"WANDB_MODE": "disabled"}, None, None),
        ({"WANDB_MODE": "offline", "WANDB_API_KEY": "k"}, None, None),
        ({"WANDB_MODE": "disabled"}, True, None),
        ({"WANDB_MODE": "offline"}, False, None),
    ],
)
def test_the_environment_counts_more_than_the_configuration(
    begun, monkeypatch, tmp_path, environment, offline, expected
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _ = WandbLog(str(tmp_path), "a", offline=offline).experiment
    assert begun.modes == [expected]
    assert os.environ.get("WANDB_MODE") == environment.get("WANDB_MODE"), "later runs are asked anew"


@pytest.mark.parametrize(
    ("refused", "modes", "said"),
    [
        (["online"], ["online", "offline"], ["is offline (no network)"]),
        (["online", "offline"], ["online", "offline", "disabled"], ["is offline (no n", "is disabled (no network)"]),
    ],
)
def test_a_run_that_cannot_go_online_is_logged_offline(begun, tmp_path, capsys, refused, modes, said):
    begun.refused += refused
    log = WandbLog(str(tmp_path), "a", offline=False)
    _ = log.experiment
    log.log_metrics({"loss": 1.0}, 1)
    assert begun.modes == modes
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(said)
    assert all(text in line for text, line in zip(said, lines, strict=True))


def test_a_mirror_that_breaks_costs_one_line(begun, tmp_path, capsys):
    log = WandbLog(str(tmp_path), "a", offline=True)
    for step in range(4):
        log.log_metrics({"loss": 1.0}, step)
    log.keep_report(tmp_path / "missing", {})
    assert capsys.readouterr().out == "wandb: the mirror of this run ends here (the service is gone)\n"


@pytest.mark.parametrize("length", [3, 121, 122, 128])
def test_the_longest_name_of_a_run_makes_an_artifact(length):
    run, other = "a" * length, "a" * (length - 1) + "b"
    assert _artifact_name(run) != _artifact_name(other)
    assert wandb.Artifact(_artifact_name(run), type="report").name.startswith("aa")
