"""Losses, schedules and the metrics log by themselves."""

import itertools
import json

import pytest
import torch

from trainers.losses import MeanSquaredError, RelativeL2
from trainers.metrics_log import MetricsLog, read_metrics
from trainers.schedules import ConstantRate, WarmupCosine


def test_losses_are_per_sample_formulas():
    generator = torch.Generator().manual_seed(0)
    output, label = torch.randn(2, 3, 2, 5, 4, generator=generator, dtype=torch.float64)
    for b in range(3):
        error = output[b] - label[b]
        assert RelativeL2()(output, label)[b] == pytest.approx(float(error.norm() / label[b].norm()), rel=1e-12)
        assert MeanSquaredError()(output, label)[b] == pytest.approx(float((error**2).mean()), rel=1e-12)


def test_a_vanishing_label_does_not_divide_by_zero():
    output = torch.ones(1, 1, 8, requires_grad=True)
    loss = RelativeL2()(output, torch.zeros(1, 1, 8))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(output.grad).all()


def test_cosine_rises_then_falls_to_its_end():
    schedule = WarmupCosine(10, final=0.1)
    rates = [schedule(step, 110) for step in range(111)]
    assert rates[:10] == pytest.approx([(k + 1) / 11 for k in range(10)])
    assert max(rates) == rates[10] == 1.0
    assert rates[60] == pytest.approx(0.55)
    assert rates[110] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert ConstantRate()(50, 100) == 1.0


def test_a_rise_that_is_left_to_the_schedule_fits_the_run():
    schedule = WarmupCosine()
    assert [step for step in range(40) if schedule(step, 40) == 1.0] == [4]
    assert [step for step in range(5000) if schedule(step, 5000) == 1.0] == [100]
    assert schedule(0, 3) == 1.0


def test_a_run_that_ends_within_the_rise_is_refused():
    WarmupCosine(10).check(11)
    WarmupCosine().check(1)
    ConstantRate().check(1)
    with pytest.raises(
        ValueError, match="scheduler.warmup_steps: expected fewer than the 10 steps of this run, got 10"
    ):
        WarmupCosine(10).check(10)


def test_the_log_is_appended_truncated_and_survives_a_torn_line(tmp_path):
    log = MetricsLog(str(tmp_path))
    log.log_metrics({"train/loss": 0.5, "epoch": 0}, 1)
    size = log.size()
    log.log_metrics({"train/loss": 0.4, "epoch": 0}, 2)
    again = MetricsLog(str(tmp_path))
    assert [record["step"] for record in read_metrics(again.path)] == [1, 2]
    again.truncate(size)
    again.log_metrics({"train/loss": 0.3, "epoch": 1}, 2)
    with again.path.open("a") as file:
        file.write('{"step": 3, "trai')
    assert read_metrics(again.path) == [
        {"step": 1, "train/loss": 0.5, "epoch": 0},
        {"step": 2, "train/loss": 0.3, "epoch": 1},
    ]
    assert json.loads(again.path.read_text().splitlines()[0])["train/loss"] == 0.5
