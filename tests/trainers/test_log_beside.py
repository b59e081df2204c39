"""A checkpoint says how much of the log was written before it; what the log says must agree with the position."""

import json

import pytest

from tendency.trainers.logs.log_beside import LogBeside
from tendency.trainers.run_position import RunPosition
from tendency.trainers.stored_state import UnfitStateError

NAMES = ("valid/rollout_nrmse", "valid/one_step_nrmse")
# Two batches in one optimizer step, eight batches in an epoch, every second batch logged.
RECORDS = [
    *({"step": batch, "train/loss": 1.0} for batch in (0, 2, 4, 6)),
    {"step": 3, NAMES[0]: 0.5, NAMES[1]: 0.25},
    *({"step": batch, "train/loss": 1.0} for batch in (8, 10, 12, 14)),
    {"step": 7, NAMES[0]: float("nan"), NAMES[1]: 0.125},
]
FITTING = {2: {1}, 4: {2}, 6: {3}, 8: {4, 5}, 10: {6}, 14: {8}, 16: {9, 10}}


@pytest.fixture
def lines(tmp_path):
    written = [json.dumps(record) + "\n" for record in RECORDS]
    (tmp_path / "metrics.jsonl").write_text("".join(written))
    return written


def beside(folder, lines, count):
    return LogBeside(folder / "metrics.jsonl", sum(map(len, lines[:count])))


@pytest.mark.parametrize("batches", FITTING)
def test_only_the_records_of_the_steps_before_a_position_fit_it(tmp_path, lines, batches):
    for count in range(len(lines) + 1):
        log = beside(tmp_path, lines, count)
        if count in FITTING[batches]:
            log.require_position(RunPosition(batches, 8, 2), "size")
        else:
            with pytest.raises(
                UnfitStateError, match=rf"^size: expected the size of .*jsonl after {batches} batches, "
            ):
                log.require_position(RunPosition(batches, 8, 2), "size")


def test_the_best_figures_are_the_lowest_that_were_logged(tmp_path, lines):
    for count, best in ((4, None), (5, (0.5, 0.25)), (10, (0.5, 0.25))):
        beside(tmp_path, lines, count).require_best(best, NAMES, "best")
    beside(tmp_path, lines, 10).require_best((0.125, float("inf")), NAMES[::-1], "best")
    for count, best in ((4, (0.5, 0.25)), (5, None), (10, (0.5, 0.125)), (10, (1e-30, 1e-30))):
        with pytest.raises(UnfitStateError, match=r"best: expected .*, the lowest valid/rollout_nrmse in .*, got"):
            beside(tmp_path, lines, count).require_best(best, NAMES, "best")


@pytest.mark.parametrize("size", [5, 10**6])
def test_of_a_log_that_is_cut_elsewhere_it_is_said_elsewhere(tmp_path, lines, size):
    log = LogBeside(tmp_path / "metrics.jsonl", size)
    log.require_position(RunPosition(8, 8, 2), "size")
    log.require_best(None, NAMES, "best")
