"""Losses, schedules and the metrics log by themselves."""

import itertools
import json

import numpy as np
import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid, random_nodes
from tendency.trainers.logs.metrics_log import MetricsLog
from tendency.trainers.logs.metrics_reader import read_metrics
from tendency.trainers.losses import MeanSquaredError, RelativeL2, RelativeSobolev, RelativeSpectrum
from tendency.trainers.schedules import ConstantRate, WarmupCosine


def torus(shape, extent, samples):
    """The conditions of samples on a torus, each with sides a little longer than the one before."""
    longer = 1 + 0.1 * torch.arange(samples, dtype=torch.float64)[:, None]
    nothing = torch.zeros(samples, 0, dtype=torch.float64)
    extent = torch.tensor([extent], dtype=torch.float64) * longer
    return Conditions(nothing, nothing, extent, nothing, Grid(shape, Boundary.periodic(len(shape))))


def test_losses_are_per_sample_formulas():
    generator = torch.Generator().manual_seed(0)
    output, label = torch.randn(2, 3, 2, 5, 4, generator=generator, dtype=torch.float64)
    for b in range(3):
        error = output[b] - label[b]
        relative, squared = (
            loss(output, label, torus((5, 4), [1.0, 2.0], 3))[b] for loss in (RelativeL2(), MeanSquaredError())
        )
        assert relative == pytest.approx(float(error.norm() / label[b].norm()), rel=1e-12)
        assert squared == pytest.approx(float((error**2).mean()), rel=1e-12)


def spectra(u, extent):
    """|f̂ₖ|² and |κ| of one sample (C, *N) by numpy, over all modes of the full transform."""
    shape = u.shape[1:]
    axes = tuple(range(1, u.ndim))
    energy = np.abs(np.fft.fftn(u, axes=axes) / np.prod(shape)) ** 2
    integers = np.meshgrid(*[np.fft.fftfreq(n) * n for n in shape], indexing="ij")
    kappa = np.sqrt(sum((2 * np.pi * k / length) ** 2 for k, length in zip(integers, extent, strict=True)))
    return energy, kappa


@pytest.mark.parametrize("shape", [(16,), (15,), (8, 6), (7, 8), (4, 6, 5)])
def test_spectral_losses_equal_sums_over_all_modes(shape):
    generator = torch.Generator().manual_seed(1)
    output, label = torch.randn(2, 3, 2, *shape, generator=generator, dtype=torch.float64)
    conditions = torus(shape, [3.0, 4.0, 5.0][: len(shape)], 3)
    for b, extent in enumerate(conditions.extent.numpy()):
        (error, kappa), (energy, _) = spectra((output - label)[b].numpy(), extent), spectra(label[b].numpy(), extent)
        for order, length in ((1.0, 0.7), (-1.0, 0.7), (2.5, 1.0), (0.0, 1.0)):
            weight = (1 + length**2 * kappa**2) ** order
            # The least norm of a label of this size: as the longest wave, or as white noise.
            least = energy.sum() * min(weight[kappa == kappa[kappa > 0].min()].max(), weight.mean())
            expected = np.sqrt((weight * error).sum() / max((weight * energy).sum(), least))
            found = RelativeSobolev(order, length)(output, label, conditions)[b]
            assert found == pytest.approx(expected, rel=1e-12)
        shell = np.minimum(np.round(kappa * max(extent) / (2 * np.pi)), max(shape) // 2)
        ratios = []
        for s in np.unique(shell):
            there = np.sqrt(energy[:, shell == s].sum()) + 0.01 * np.sqrt(energy.sum())
            ratios.append(np.sqrt(error[:, shell == s].sum()) / there)
        found = RelativeSpectrum(floor=0.01)(output, label, conditions)[b]
        assert found == pytest.approx(np.sqrt(np.mean(np.square(ratios))), rel=1e-12)
    l2 = RelativeL2()(output, label, conditions)
    assert RelativeSobolev(0.0)(output, label, conditions) == pytest.approx(l2, rel=1e-12)


def test_an_error_of_one_wave_weighs_by_its_gradient():
    n, k, length = 32, 3, 10.0
    x = torch.arange(n, dtype=torch.float64) * length / n
    conditions = torus((n,), [length], 1)
    label = torch.sin(2 * torch.pi * x / length)[None, None]
    output = label + 0.1 * torch.cos(2 * torch.pi * k * x / length)
    first, kth = (1 + (2 * np.pi / length) ** 2, 1 + (2 * np.pi * k / length) ** 2)
    for order in (1.0, -1.0):
        expected = 0.1 * (kth / first) ** (order / 2)
        assert float(RelativeSobolev(order)(output, label, conditions)) == pytest.approx(expected, rel=1e-12)
    # An error of a tenth in each of two shells, whatever energy they hold.
    label = label + 1e-2 * torch.sin(2 * torch.pi * k * x / length)
    found = RelativeSpectrum(floor=1e-9)(1.1 * label, label, conditions) * (n / 2 + 1) ** 0.5
    assert float(found) == pytest.approx(0.1 * 2**0.5, rel=1e-4)


def test_spectral_losses_refuse_walls_and_points():
    walled = Boundary([["periodic", "periodic"], ["dirichlet", "dirichlet"]])
    for loss in (RelativeSobolev(1.0), RelativeSpectrum()):
        loss.check(Grid((8, 8), Boundary.periodic(2)))
        with pytest.raises(ValueError, match=r"objective.loss: a .* all periodic, got walls on axis 1; use floored_l2"):
            loss.check(Grid((8, 8), walled))
        with pytest.raises(ValueError, match="got a point cloud"):
            loss.check(random_nodes(9, Boundary.periodic(2)))


@pytest.mark.parametrize("loss", [RelativeL2(), RelativeSobolev(1.0), RelativeSobolev(-1.0), RelativeSpectrum()])
def test_a_vanishing_label_does_not_divide_by_zero(loss):
    output = torch.ones(1, 1, 8, requires_grad=True)
    for label in (torch.zeros(1, 1, 8), torch.ones(1, 1, 8)):
        value = loss(output, label, torus((8,), [1.0], 1))
        (gradient,) = torch.autograd.grad(value.sum(), output)
        assert torch.isfinite(value).all()
        assert torch.isfinite(gradient).all()


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
