"""A checkpoint that was changed since it was written: each entry is looked at before a training goes on from it."""

import copy
import functools
import shutil
from types import SimpleNamespace

import pytest
import torch

from tendency.app.training import lightning_fit
from tendency.app.training.checkpoint_examination import CheckpointExamination
from tendency.errors import ArtefactError
from tendency.trainers.checkpoint import validation_may_follow
from tendency.trainers.run_position import RunPosition
from tendency.trainers.stored_state import UnfitStateError
from tests.support.same_run import plain

TINY = [
    "pde.geometry.shape=[16]",
    "model.width=4",
    "model.modes=2",
    "callbacks.checkpoints.every_n_steps=3",
    "callbacks/average=ema",
    "name=edited",
]
FIRST = "stepper.surrogate.frame.lift.0.weight"
GROUP, SLOTS = ("optimizer_states", 0, "param_groups", 0), ("optimizer_states", 0, "state", 0)
SCHEDULE, KEPT = ("lr_schedulers", 0), ("callbacks", "Checkpoints")
AT_THE_END, INSIDE = RunPosition(14, 7, 1), RunPosition(10, 7, 1)
GONE = object()
SLOW = functools.partial(pytest.param, marks=pytest.mark.slow)
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def examination(small_run):
    """Of a run of 14 steps, whose folder is as it was before the run was marked as finished."""
    made = []

    def keep(plan, surrogate, trainer):
        made.append((plan, trainer))
        return CheckpointExamination(plan, surrogate, trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightning_fit, "CheckpointExamination", keep)
        (small_run("heat", TINY) / "finished.json").unlink()
    plan, trainer = made[0]
    return CheckpointExamination(plan, plan.surrogate(), trainer)


@pytest.fixture(scope="module")
def last(examination):
    """The content of its last checkpoint."""
    return torch.load(examination.plan.folder.last, weights_only=True)


@pytest.fixture
def again(small_run, examination, tmp_path):
    """``again(last=content)``: the run's command again in a copy of its folder, with other checkpoints."""
    folder = tmp_path / "edited"
    shutil.copytree(examination.plan.folder.path, folder)

    def run(*changes, **checkpoints):
        for name, content in checkpoints.items():
            torch.save(content, folder / "checkpoints" / f"{name}.ckpt")
        return small_run("heat", [*TINY, f"paths.outputs={tmp_path}", "resume=auto", *changes])

    return run


def edited(content, path, value):
    """A copy of a checkpoint with another value of one entry: a new one, a function of the old one, or none."""
    content = copy.deepcopy(content)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value
    return content


EDITS = [
    # What torch would write past the end of, or take for the state of the training.
    ((*SLOTS, "exp_avg"), torch.zeros(3), r"state.0.exp_avg: expected .*\(4, 3\) of float32, got .*\(3,\) of float32"),
    ((*SLOTS, "exp_avg"), lambda x: x.double(), r"exp_avg: expected .* of float32, got .* of float64"),
    ((*SLOTS, "exp_avg"), lambda x: x * NAN, "state.0.exp_avg: expected finite numbers, got 12 that are not"),
    ((*SLOTS, "exp_avg"), lambda x: torch.zeros(1).expand_as(x), "exp_avg: expected .* got fewer numbers"),
    ((*SLOTS, "exp_avg"), GONE, "state.0.exp_avg: expected .*, got nothing"),
    ((*SLOTS, "exp_avg_sq"), lambda x: x + INF, "state.0.exp_avg_sq: expected finite numbers"),
    ((*SLOTS, "exp_avg_sq"), lambda x: x - 1, "state.0.exp_avg_sq: expected no negative numbers"),
    ((*SLOTS, "exp_avg"), lambda x: x[:1].expand_as(x), "exp_avg: expected .* got fewer numbers"),
    ((*SLOTS, "exp_avg_sq"), torch.zeros_like, "state.0.exp_avg: expected at most 0 beside exp_avg_sq 0, as means"),
    ((*SLOTS, "exp_avg"), lambda x: x + 1e30, r"state.0.exp_avg: expected at most .* got 1e\+30"),
    (SLOTS, lambda x: {**x, "exp_avg": x["exp_avg_sq"]}, "exp_avg.*: expected numbers of its own, got those of .*exp"),
    ((*SLOTS, "more"), torch.zeros(2).to_sparse(), "state.0.more: expected .*, got a tensor of .*sparse"),
    ((*SLOTS, "step"), torch.tensor(-5.0), "state.0.step: expected 14 by its position, got -5"),
    ((*SLOTS, "step"), torch.tensor(3.0), "state.0.step: expected 14 by its position, got 3"),
    ((*SLOTS, "step"), "x", "state.0.step: expected a tensor"),
    (SLOTS, GONE, f"state.0: expected what the optimizer remembers of {FIRST}, got nothing"),
    (("optimizer_states", 0, "state"), {}, "state.0: expected what the optimizer remembers"),
    (("optimizer_states", 0, "state", 999), {}, "state: expected 36 weights, got one numbered 999"),
    (("optimizer_states", 0), {}, "optimizer_states.0.param_groups: input should be a valid list, got None"),
    (("optimizer_states",), [], "optimizer_states: list should have at least 1 item"),
    (("optimizer_states",), lambda x: 2 * x, "optimizer_states: list should have at most 1 item"),
    (("optimizer_states",), GONE, "optimizer_states: input should be a valid list, got None"),
    # Settings of the configuration.
    ((*GROUP, "lr"), "x", "param_groups.0.lr: input should be a valid number, got 'x'"),
    ((*GROUP, "lr"), 1e9, r"param_groups.0.lr: expected 0.0 by configuration and position, got 1000000000.0"),
    ((*GROUP, "lr"), NAN, "param_groups.0.lr: input should be "),
    ((*GROUP, "initial_lr"), 5.0, "param_groups.0.initial_lr: expected 0.003 by the configuration, got 5.0"),
    ((*GROUP, "weight_decay"), 50.0, "param_groups.0.weight_decay: expected 1e-05 by the configuration, got 50.0"),
    ((*GROUP, "maximize"), True, "param_groups.0.maximize: expected False by the configuration, got True"),
    ((*GROUP, "betas"), (0.0, 0.0), r"betas: expected \(0.9, 0.999\) by the configuration, got \(0.0, 0.0\)"),
    ((*GROUP, "params"), [0, 1], r"param_groups.0.params: expected \[0, 1, 2.* got \[0, 1\]"),
    ((*SCHEDULE, "base_lrs"), [5.0], r"lr_schedulers.0.base_lrs: expected \[0.003\] by the configuration, got \[5.0\]"),
    ((*SCHEDULE, "last_epoch"), 2, "lr_schedulers.0.last_epoch: expected 14 by the configuration, got 2"),
    ((*SCHEDULE, "_last_lr"), ["x"], "_last_lr.0: input should be a valid number, got 'x'"),
    ((*SCHEDULE, "_last_lr"), [5.0], r"_last_lr: expected \[0.0\] by configuration and position, got \[5.0\]"),
    (SCHEDULE, {"a": 1}, r"lr_schedulers.0.base_lrs: expected \[0.003\], got nothing"),
    (("lr_schedulers",), [], "lr_schedulers: list should have at least 1 item"),
    (("lr_schedulers",), GONE, "lr_schedulers: input should be a valid list, got None"),
    # Where the run stood.
    (("global_step",), GONE, "global_step: input should be a valid integer, got None"),
    (("global_step",), 99, "global_step: expected 14 by its position, got 99"),
    (("epoch",), 99, "epoch: expected 1 by its position, got 99"),
    (("position", "global_step"), GONE, "position: expected .*'global_step': 14"),
    (("pytorch-lightning_version",), GONE, "pytorch-lightning_version: expected a version of Lightning 2, got None"),
    (("pytorch-lightning_version",), 5, "pytorch-lightning_version: expected a version of Lightning 2, got 5"),
    (("pytorch-lightning_version",), "0.1.0", "pytorch-lightning_version: expected .*, got '0.1.0'"),
    # What callbacks store.
    (("callbacks",), GONE, "callbacks: input should be a valid dictionary, got None"),
    (("callbacks",), {}, "callbacks.Checkpoints: input should be a valid dictionary, got None"),
    ((*KEPT, "best"), "x", "callbacks.Checkpoints.best: input should be a valid tuple, got 'x'"),
    ((*KEPT, "best"), (-1.0, -1.0), r"best.0: input should be greater than or equal to 0, got -1.0"),
    ((*KEPT, "best"), GONE, "callbacks.Checkpoints.best: field required, got nothing"),
    ((*KEPT, "metrics_log_bytes"), "9", "metrics_log_bytes: input should be a valid integer, got '9'"),
    ((*KEPT, "metrics_log_bytes"), -3, "metrics_log_bytes: input should be greater than or equal to 0, got -3"),
    ((*KEPT, "metrics_log_bytes"), None, "metrics_log_bytes: expected the size of this run's log, got None"),
    # What the log beside it says.
    (
        (*KEPT, "metrics_log_bytes"),
        0,
        "metrics_log_bytes: expected the size of .*metrics.jsonl after 14 batches, got 0",
    ),
    ((*KEPT, "best"), (1e-30, 1e-30), r"best: expected \(.*, the lowest valid/rollout_nrmse in .*, got \(1e-30, 1e-30"),
    ((*KEPT, "best"), (1e30, 1e30), r"best: expected \(.*, the lowest valid/rollout_nrmse in .*, got \(1e\+30, 1e\+30"),
    ((*KEPT, "best"), None, r"best: expected \(.*, the lowest valid/rollout_nrmse in .*, got None"),
    ((*KEPT, "validation_due"), "yes", "validation_due: input should be a valid boolean, got 'yes'"),
    ((*KEPT, "validation_due"), GONE, "validation_due: field required, got nothing"),
    (("trained_parameters",), GONE, "trained_parameters: input should be a valid dictionary, got None"),
    (("trained_parameters", FIRST), GONE, f"trained_parameters: expected {FIRST}, got nothing by this name"),
    (("trained_parameters", FIRST), torch.zeros(2), rf"trained_parameters.{FIRST}: expected .*\(4, 3\)"),
    (("trained_parameters", FIRST), lambda x: x * NAN, "trained_parameters.*: expected finite numbers"),
    (("trained_parameters", "more"), torch.zeros(2), "trained_parameters: expected the weights .* got 'more' as well"),
    (("trained_parameters", FIRST), lambda x: x[:1].expand_as(x), "trained_parameters.*: expected .* fewer numbers"),
    (("weight_average",), GONE, "weight_average: input should be a valid dictionary, got None"),
    (("weight_average", "updates"), "x", "weight_average.updates: input should be a valid integer, got 'x'"),
    (("weight_average", "updates"), -10, "weight_average: expected the counts of 14 steps"),
    (("weight_average", "step"), 5, "weight_average: expected the counts of 14 steps"),
    # What this run does not write: of loops, of mixed precision, of another version.
    (("loops",), {}, "'loops': expected no entry of this name"),
    (("MixedPrecision",), {}, "'MixedPrecision': expected no entry of this name"),
    (("hyper_parameters",), {}, "'hyper_parameters': expected no entry of this name"),
    ((5,), {}, "5: expected no entry of this name"),
    # Weights and units.
    (("state_dict", FIRST), lambda x: x * 1e20, r"state_dict.*: expected weights below 1e\+12, got "),
    (("trained_parameters", FIRST), lambda x: x * 1e20, r"trained_parameters.*: expected weights below 1e\+12, got "),
    (("state_dict", FIRST), lambda x: x.half(), "state_dict.*: expected .* of float32, got .* of float16"),
    (("state_dict", FIRST), lambda x: x.t()[:1].expand(3, 4).t(), "state_dict.*: expected .* got fewer numbers"),
    (("state_dict", FIRST), torch.zeros(3), r"state_dict.*: expected .*\(4, 3\) of float32, got .*\(3,\)"),
    (("state_dict", FIRST), GONE, "state_dict: expected .*, got nothing by this name"),
    (("state_dict", "stepper.normalizer.fields.std"), lambda x: x * NAN, "state_dict.*: expected finite numbers"),
]


def names(parameter):
    return ".".join(map(str, parameter)) if isinstance(parameter, tuple) else ""


def test_what_the_run_wrote_is_let_pass(examination, last):
    admitted = examination.admit(examination.plan.folder.last, copy.deepcopy(last))
    assert plain(admitted) == plain(last)
    best = examination.plan.folder.best
    examination.require(best)


@pytest.mark.parametrize(("path", "value", "expected"), EDITS, ids=names)
def test_a_changed_entry_is_named(examination, last, path, value, expected):
    with pytest.raises(UnfitStateError, match=expected):
        examination.schema.admit(edited(last, path, value), AT_THE_END, is_own=True, from_start=True)


@pytest.fixture(scope="module")
def inside(last):
    """A checkpoint inside the second epoch, as the run might have written it."""
    content = copy.deepcopy(last)
    content |= {"position": INSIDE.stored(), "global_step": 10, "weight_average": {"updates": 10, "step": 10}}
    content["lr_schedulers"][0] |= {"last_epoch": 10, "_step_count": 11}
    content["callbacks"]["Checkpoints"] |= {"validation_due": False, "metrics_log_bytes": 10**6}
    for state in content["optimizer_states"][0]["state"].values():
        state["step"].fill_(10)
    return content


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("epoch",), 2, "epoch: expected 1 by its position, got 2"),
        ((*KEPT, "validation_due"), True, "validation_due: expected False, since none follows its position, got True"),
    ],
    ids=names,
)
def test_what_is_right_at_the_end_of_an_epoch_is_refused_inside(examination, inside, path, value, expected):
    admit = functools.partial(examination.schema.admit, position=INSIDE, is_own=True, from_start=False)
    admit(inside)
    with pytest.raises(UnfitStateError, match=expected):
        admit(edited(inside, path, value))


@pytest.mark.parametrize(
    ("every", "interval", "expected"), [(1, None, [14]), (2, 3, [10, 13]), (3, 1, []), (1, 1, [*range(8, 15)])]
)
def test_where_a_validation_may_follow(every, interval, expected):
    trainer = SimpleNamespace(check_val_every_n_epoch=every, val_check_interval=interval or 1.0)
    places = [batches for batches in range(8, 15) if validation_may_follow(trainer, RunPosition(batches, 7, 1))]
    assert places == expected


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("position",), GONE, "does not say where its run stood"),
        (("position", "batches"), 14.0, "does not say where its run stood"),
        (("position", "batches"), True, "does not say where its run stood"),
        (("position", "batches"), -4, "does not say where its run stood"),
        (("position", "batches"), 10**9, "it stands after 1000000000 batches of a run with other epochs"),
        # Only by its log is a run known to have averaged from its first step on.
        (("weight_average", "updates"), 3, "weight_average: expected the counts of 14 steps"),
        (SLOTS, GONE, "no training can go on from it: optimizer_states.0.state.0: expected what the optimizer"),
    ],
    ids=names,
)
def test_a_changed_file_is_named(examination, last, path, value, expected):
    file = examination.plan.folder.last
    torch.save(edited(last, path, value), file)
    with pytest.raises(ArtefactError, match=expected) as refused:
        examination.require(file)
    torch.save(last, file)
    assert str(refused.value).startswith(f"checkpoint {file}")


def test_the_best_checkpoint_takes_the_place_of_one_that_was_changed(again, last, capsys):
    misshapen = edited(last, (*SLOTS, "exp_avg"), torch.zeros(3))
    folder = again(last=misshapen)
    said = " ".join(capsys.readouterr().out.split())
    assert "exp_avg: expected a tensor of shape (4, 3) of float32, got a tensor of shape (3,) of float32; " in said
    assert "; going on from best.ckpt, step 14: what came after it is done again" in said
    there = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert all(plain(there[key]) == plain(last[key]) for key in ("state_dict", "optimizer_states", "lr_schedulers"))


@pytest.mark.slow
def test_where_both_were_changed_both_are_named_and_nothing_is_trained(again, last):
    content = edited(last, (*SLOTS, "exp_avg"), torch.zeros(3))
    with pytest.raises(
        ArtefactError, match=r"no checkpoint to go on from:\n.*last.ckpt: (?s:.)*best.ckpt: "
    ) as refused:
        again(last=content, best=content)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ((*SLOTS, "exp_avg"), torch.zeros(3), r"exp_avg: expected .*\(4, 3\) of float32, got .*\(3,\)"),
        SLOW((*GROUP, "maximize"), True, "maximize: expected False by the configuration, got True"),
        SLOW((*SCHEDULE, "base_lrs"), [5.0], r"base_lrs: expected \[0.003\] by the configuration, got \[5.0\]"),
        SLOW(("weight_average", "updates"), 99, "weight_average: expected the counts of 14 steps"),
    ],
    ids=names,
)
def test_a_checkpoint_of_another_run_is_looked_at_as_well(small_run, last, tmp_path, path, value, expected):
    torch.save(edited(last, path, value), tmp_path / "changed.ckpt")
    further = [f"ckpt_path={tmp_path / 'changed.ckpt'}", "name=further", f"paths.outputs={tmp_path}"]
    with pytest.raises(ArtefactError, match=expected):
        small_run("heat", [*TINY, *further, "trainer.max_epochs=3"])
    assert not (tmp_path / "further" / "metrics.jsonl").exists()
