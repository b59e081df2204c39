"""Going on with a run: what may differ, what is refused before any work, and checkpoints that were damaged or lost."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from tendency.app.training.lightning_fit import LightningFit
from tendency.app.training.resume_point import require_same_data
from tendency.errors import ArtefactError, ConfigError

SLOW = pytest.mark.slow
HEAT = ["pde.geometry.shape=[16]", "model.width=8", "model.modes=4", "callbacks.checkpoints.every_n_steps=3"]


@pytest.fixture(scope="module")
def finished(small_run):
    """A run of two epochs of seven batches, checkpoints every three steps."""
    return small_run("heat", [*HEAT, "name=to-resume"])


@pytest.fixture
def stopped(finished, tmp_path):
    """A copy of it that was stopped before it was marked as finished, in outputs of its own."""
    shutil.copytree(finished, tmp_path / "to-resume")
    (tmp_path / "to-resume" / "finished.json").unlink()
    return tmp_path / "to-resume"


@pytest.fixture
def resume(small_run, stopped):
    """``resume("data.workers=2")``: the same command again, with ``resume=auto`` and these changes."""

    def run(*changes):
        return small_run("heat", [*HEAT, "name=to-resume", f"paths.outputs={stopped.parent}", "resume=auto", *changes])

    return run


@pytest.fixture
def go_on(small_run, finished, tmp_path):
    """``go_on("data.batch_size=2")``: another run from the last checkpoint."""

    def run(*changes):
        start = f"ckpt_path={finished / 'checkpoints' / 'last.ckpt'}"
        return small_run("heat", [*HEAT, "name=further", f"paths.outputs={tmp_path}", start, *changes])

    return run


def checkpoint(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def of_another_run(path):
    content = torch.load(path, weights_only=True)
    content["recipe"]["run"]["seed"] += 1
    torch.save(content, path)


def inside_a_line(folder):
    content = checkpoint(folder)
    content["callbacks"]["Checkpoints"]["metrics_log_bytes"] = 10
    torch.save(content, folder / "checkpoints" / "last.ckpt")


def same_weights(one, other):
    a, b = checkpoint(one)["state_dict"], checkpoint(other)["state_dict"]
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["data.batch_size=2"], r"disagree:\ndata.batch_size: 4 there, 2 here\nrestore these values, or"),
        pytest.param(["trainer.accumulate_grad_batches=2"], "accumulate_grad_batches: 1 there, 2 here", marks=SLOW),
        pytest.param(["data.batches_per_epoch=3"], "data.batches_per_epoch: None there, 3 here", marks=SLOW),
        (["trainer.max_epochs=1"], r"has begun epoch 2: expected trainer.max_epochs to be at least as many, got 1"),
    ],
)
def test_other_epochs_than_those_of_a_checkpoint_are_refused_before_any_work(go_on, tmp_path, changes, expected):
    with pytest.raises(ArtefactError, match=expected):
        go_on(*changes)
    assert not (tmp_path / "further").exists()


@pytest.mark.slow
def test_more_epochs_take_the_schedule_of_the_longer_run(go_on, small_run, tmp_path, capsys):
    longer = ["trainer.max_epochs=4", "trainer.log_every_n_steps=1"]
    folder = go_on(*longer)
    line = r"learning rate (\S+) in the checkpoint, (\S+) in this run of (\d+) steps"
    said = re.search(line, capsys.readouterr().out)
    rates = [json.loads(line).get("learning_rate") for line in (folder / "metrics.jsonl").read_text().splitlines()]
    whole = small_run("heat", [*HEAT, "name=longer", f"paths.outputs={tmp_path}", *longer])
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    expected = [line["learning_rate"] for line in lines if "learning_rate" in line]
    half = len(expected) // 2
    assert [rate for rate in rates if rate is not None] == expected[half:]
    assert float(said[1]) < 0.05 * float(said[2])
    assert int(said[3]) == len(expected) == checkpoint(folder)["global_step"]


@pytest.mark.slow
def test_values_that_change_nothing_are_listed_and_accepted(resume, finished, capsys):
    folder = resume("data.workers=2", "trainer.log_every_n_steps=7", "callbacks.lines.every_seconds=3")
    said = capsys.readouterr().out
    assert "resuming with other values that change nothing of what is learned:\ndata.workers: 1 there, 2 here" in said
    assert "trainer.log_every_n_steps: 50 there, 7 here" in said
    assert same_weights(folder, finished)


@pytest.mark.parametrize(
    ("change", "way"),
    [
        ("trainer.max_epochs=3", True),
        ("optimizer.lr=1", False),
        pytest.param("data.batch_size=2", False, marks=SLOW),
    ],
)
def test_a_refusal_names_ckpt_path_where_that_is_a_way(resume, stopped, change, way):
    with pytest.raises(ArtefactError, match=re.escape(change.split("=")[0])) as refused:
        resume(change, "data.workers=2")
    assert (f"name= with ckpt_path={stopped / 'checkpoints' / 'last.ckpt'} to begin" in str(refused.value)) is way
    assert "data.workers" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_run_whose_last_checkpoint_is_gone_goes_on_from_its_best(resume, stopped, finished, capsys, damage):
    path = stopped / "checkpoints" / "last.ckpt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if damage != "missing":
        path.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    best = checkpoint(stopped, "best")["global_step"]
    folder = resume()
    wrong = "last.ckpt is missing" if damage == "missing" else "checkpoint .*last.ckpt: damaged.*"
    assert re.search(f"{wrong}; going on from best.ckpt, step {best}: what came", capsys.readouterr().out)
    assert same_weights(folder, finished)
    assert (folder / "metrics.jsonl").read_text() == (finished / "metrics.jsonl").read_text()


def test_a_run_without_any_checkpoint_is_not_begun_anew_without_a_word(resume, stopped):
    for path in (stopped / "checkpoints").iterdir():
        path.unlink()
    log = (stopped / "metrics.jsonl").read_text()
    with pytest.raises(ArtefactError, match=r"(?s)no checkpoint to go on from:\nlast.ckpt is missing.*put back a copy"):
        resume()
    assert (stopped / "metrics.jsonl").read_text() == log


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: (run / "checkpoints" / "best.ckpt").unlink(), "best.ckpt is missing, which last.ckpt says was"),
        (
            lambda run: (run / "checkpoints" / "best.ckpt").write_bytes(b"PK"),
            r"best.ckpt: damaged(?s:.)*put back a copy",
        ),
        (
            lambda run: of_another_run(run / "checkpoints" / "best.ckpt"),
            r"best.ckpt is not of the run whose folder(?s:.)*put back",
        ),
        (lambda run: (run / "metrics.jsonl").unlink(), r"metrics.jsonl: expected at least the \d+ bytes .* got 0; put"),
        (lambda run: (run / "metrics.jsonl").write_text("{}\n"), r"expected at least the \d+ bytes .* got 3; put back"),
        (
            lambda run: inside_a_line(run),
            r"metrics.jsonl: expected a line to end after the 10 bytes .*was changed: put",
        ),
    ],
    ids=["no best", "damaged best", "best of another run", "no log", "short log", "inside a line"],
)
def test_a_run_without_what_its_last_checkpoint_was_written_beside_is_refused(resume, stopped, damage, expected):
    damage(stopped)
    there = {path: path.read_bytes() for path in sorted(stopped.rglob("*")) if path.is_file() and path.name != ".lock"}
    with pytest.raises(ArtefactError, match=expected) as refused:
        resume()
    assert f"name= with ckpt_path={stopped / 'checkpoints' / 'last.ckpt'}" in str(refused.value)
    assert {path: path.read_bytes() for path in sorted(stopped.rglob("*")) if path in there} == there


def test_a_last_checkpoint_of_another_run_is_named_as_what_it_is(resume, stopped):
    of_another_run(stopped / "checkpoints" / "last.ckpt")
    with pytest.raises(ArtefactError) as refused:
        resume()
    said = str(refused.value).splitlines()
    assert said[0].startswith(f"checkpoint {stopped / 'checkpoints' / 'last.ckpt'} is not of the run whose folder it")
    assert "put back a copy of that run's own last.ckpt, or move it away: the run then goes on from best" in said[0]
    assert said[1:] == ["seed: 1 there, 0 here"]
    assert "ckpt_path" not in str(refused.value)
    # A checkpoint that a user names is judged by the configuration, wherever it lies.
    with pytest.raises(
        ArtefactError, match=r"last.ckpt and this configuration disagree:\nseed: 1 there(?s:.)*ckpt_path"
    ):
        resume(f"ckpt_path={stopped / 'checkpoints' / 'last.ckpt'}")


@pytest.mark.parametrize(("split", "refused"), [("train", True), ("valid", True), ("test", False)])
def test_a_run_does_not_go_on_with_other_data(resume, stopped, split, refused):
    name = f"{split}/chunk-00000.hdf5"
    path = stopped / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    there = content["recipe"]["chunks"][name]
    content["recipe"]["chunks"][name] = "0123456789abcdef" + "0" * 48
    torch.save(content, path)
    if not refused:
        require_same_data(path, {name: there})
        return
    expected = f"expected {name} with the checksum 0123456789abcdef, got {there[:16]}; put back that dataset, or"
    with pytest.raises(ArtefactError, match=expected):
        resume()


def test_the_best_checkpoint_of_another_run_is_not_judged_as_this_one(resume, stopped, monkeypatch):
    best = stopped / "checkpoints" / "best.ckpt"
    monkeypatch.setattr(LightningFit, "_fit", lambda *args: of_another_run(best))
    with pytest.raises(ArtefactError, match="(?s)best.ckpt is not of the run .*put back.*:\nseed: 1 there, 0 here"):
        resume("evaluate=true")
    assert not (stopped / "finished.json").exists()


def test_a_damaged_log_without_checkpoints_is_named(resume, stopped):
    shutil.rmtree(stopped / "checkpoints")
    (stopped / "metrics.jsonl").write_text('{"a": 0}\n')
    with pytest.raises(ArtefactError, match=r"metrics.jsonl, line 1: damaged \(expected a mapping with a step\)"):
        resume()


@pytest.mark.slow
def test_a_run_that_was_stopped_before_its_first_checkpoint_says_that_it_begins_anew(resume, stopped, finished, capsys):
    shutil.rmtree(stopped / "checkpoints")
    log = (stopped / "metrics.jsonl").read_text()
    (stopped / "metrics.jsonl").write_text(log.splitlines(keepends=True)[0])
    folder = resume()
    assert "stopped before its first checkpoint, at step 0: the run begins anew" in capsys.readouterr().out
    assert (folder / "metrics.jsonl").read_text() == log
    assert same_weights(folder, finished)


@pytest.mark.slow
def test_a_run_from_anothers_checkpoint_goes_on_from_its_own(go_on, tmp_path):
    folder = go_on("trainer.max_epochs=3", "resume=auto", "trainer.log_every_n_steps=1")
    log = (folder / "metrics.jsonl").read_text()
    whole = checkpoint(folder)
    (folder / "finished.json").unlink()
    go_on("trainer.max_epochs=3", "resume=auto", "trainer.log_every_n_steps=1")
    assert (folder / "metrics.jsonl").read_text() == log
    assert checkpoint(folder)["position"] == whole["position"]
    assert Path(folder / "checkpoints" / "best.ckpt").exists()


@SLOW
def test_a_run_that_a_limit_ended_before_its_first_validation_says_how_to_go_on(small_run, capsys):
    folder = small_run("heat", [*HEAT, "name=limited", "+trainer.options.max_steps=1"])
    checkpoints = folder / "checkpoints"
    said = "ended at step 1, before its first validation, by a limit of trainer.options: last.ckpt is kept, and stands"
    assert (
        f"{said} in for the best; another name= with a later limit and ckpt_path={checkpoints}/last.ckpt goes on"
        in (capsys.readouterr().out)
    )
    assert not (checkpoints / "best.ckpt").exists()
    goes_on = [*HEAT, f"ckpt_path={checkpoints}/last.ckpt"]
    later = small_run("heat", [*goes_on, "name=limited-later", "+trainer.options.max_time={milliseconds:1}"])
    assert "before its first validation" not in capsys.readouterr().out
    # The time of both runs counts: none is left.
    last = later / "checkpoints" / "last.ckpt"
    with pytest.raises(ConfigError, match=rf"max_time: expected more than the run of {last} took, which counts, got"):
        small_run("heat", [*HEAT, f"ckpt_path={last}", "name=no-time", "+trainer.options.max_time={milliseconds:1}"])
