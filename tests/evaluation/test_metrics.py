"""Metrics against plain numpy, with loops and uneven weights."""

import math

import numpy as np
import pytest
import torch

from tendency.evaluation.metrics.pointwise import (
    combined_correlation,
    combined_nrmse,
    correlation,
    max_error,
    mse,
    nrmse,
    vrmse,
)
from tendency.evaluation.metrics.spectrum import IsotropicSpectrum
from tendency.evaluation.metrics.valid_times import correlation_time
from tendency.evaluation.statistics.censored_median import censored_median
from tendency.simulation.geometry import Boundary, Grid


@pytest.fixture(scope="module")
def fields():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(3, 2, 5, 4, generator=generator) + torch.tensor([1.0, -2.0]).reshape(2, 1, 1)
    prediction = truth + 0.3 * torch.randn(3, 2, 5, 4, generator=generator)
    weights = 0.1 + torch.rand(3, 5, 4, generator=generator)
    return prediction, truth, weights


def by_numpy(fields, formula):
    """The formula of (p, y, w), flat arrays, for each sample and channel."""
    prediction, truth, weights = (x.double().numpy() for x in fields)
    shares = weights.reshape(3, -1) / weights.reshape(3, -1).sum(1, keepdims=True)
    return np.array(
        [[formula(prediction[b, c].ravel(), truth[b, c].ravel(), shares[b]) for c in range(2)] for b in range(3)]
    )


FORMULAS = {
    mse: lambda p, y, w: (w * (p - y) ** 2).sum(),
    max_error: lambda p, y, w: np.abs(p - y).max(),
    nrmse: lambda p, y, w: math.sqrt((w * (p - y) ** 2).sum() / (w * y**2).sum()),
    vrmse: lambda p, y, w: math.sqrt((w * (p - y) ** 2).sum() / ((w * (y - (w * y).sum()) ** 2).sum() * 20 / 19)),
    correlation: lambda p, y, w: (
        (w * (p - (w * p).sum()) * (y - (w * y).sum())).sum()
        / math.sqrt((w * (p - (w * p).sum()) ** 2).sum() * (w * (y - (w * y).sum()) ** 2).sum())
    ),
}


@pytest.mark.parametrize("metric", FORMULAS, ids=lambda metric: metric.__name__)
def test_each_metric_is_its_formula(fields, metric):
    assert metric(*fields).numpy() == pytest.approx(by_numpy(fields, FORMULAS[metric]), rel=1e-10)


def test_combined_metrics_sum_over_channels(fields):
    prediction, truth, weights = (x.double().numpy() for x in fields)
    for b in range(3):
        w = weights[b] / weights[b].sum()
        error = sum((w * (prediction[b, c] - truth[b, c]) ** 2).sum() for c in range(2))
        size = sum((w * truth[b, c] ** 2).sum() for c in range(2))
        assert float(combined_nrmse(*fields)[b]) == pytest.approx(math.sqrt(error / size), rel=1e-10)
        p = np.stack([prediction[b, c] - (w * prediction[b, c]).sum() for c in range(2)])
        y = np.stack([truth[b, c] - (w * truth[b, c]).sum() for c in range(2)])
        expected = (w * p * y).sum() / math.sqrt((w * p * p).sum() * (w * y * y).sum())
        assert float(combined_correlation(*fields)[b]) == pytest.approx(expected, rel=1e-10)


def test_perfect_constant_and_broken_predictions():
    truth = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0))
    weights = torch.ones(2, 8)
    assert nrmse(truth, truth, weights).max() == 0
    assert correlation(truth, truth, weights).min() == pytest.approx(1)
    assert correlation(-truth, truth, weights).max() == pytest.approx(-1)
    constant = torch.full_like(truth, 3.0)
    assert correlation(constant, truth, weights).abs().max() == 0
    assert correlation(constant, constant, weights).min() == 1
    broken = truth.clone()
    broken[0, 0, 0] = torch.nan
    assert nrmse(broken, truth, weights).isnan().flatten().tolist() == [True, False]


def test_correlation_time_is_where_the_line_crosses():
    times = torch.tensor([[5.0, 6.0, 8.0, 9.0]]).expand(5, -1)
    curves = torch.tensor(
        [
            [1.0, 0.9, 0.7, 0.9],  # crosses 0.8 halfway between 6 and 8
            [1.0, 1.0, 1.0, 0.8],  # touches the threshold and does not fall below it
            [1.0, torch.nan, 1.0, 1.0],  # not finite: gone
            [0.5, 0.9, 0.9, 0.9],  # below from the start
            [1.0, 0.81, 0.81, 0.0],
        ]
    )
    found, censored = correlation_time(times, curves, 0.8)
    assert found.tolist() == pytest.approx([2.0, 4.0, 0.2, 0.0, 3 + 0.01 / 0.81], rel=1e-6)
    assert censored.tolist() == [False, True, False, False, False]


def test_kaplan_meier_by_hand():
    # At risk 5, 4, 2: survival 4/5, then 4/5 * 3/4 = 3/5, then 3/5 * 1/2 = 3/10 at time 4.
    times = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    censored = torch.tensor([False, False, True, False, True])
    assert censored_median(times, censored) == (4.0, False)
    assert censored_median(times, torch.tensor([False, True, True, True, True])) == (5.0, True)
    assert censored_median(times, torch.zeros(5, dtype=torch.bool)) == (3.0, False)


@pytest.mark.parametrize("shape", [(16,), (15,), (8, 6), (5, 8), (6, 4, 5)])
def test_spectra_hold_all_the_energy(shape):
    u = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(0))
    grid = Grid(shape, Boundary.periodic(len(shape)))
    energy = IsotropicSpectrum(grid, torch.ones(2, len(shape)))(u)
    assert energy.sum(2).numpy() == pytest.approx(u.double().square().flatten(2).mean(2).numpy() / 2, rel=1e-10)


def test_a_wave_has_its_energy_at_its_wavenumber():
    grid = Grid([16, 16], Boundary.periodic(2))
    extent = torch.tensor([[4.0, 4.0]], dtype=torch.float64)
    x = 2 * math.pi * grid.coordinates(extent) / 4
    u = (3 * torch.cos(3 * x[:, 0] + 4 * x[:, 1]))[:, None]
    spectrum = IsotropicSpectrum(grid, extent)
    energy = spectrum(u)
    assert float(energy[0, 0, 5]) == pytest.approx(9 / 4)
    assert float(spectrum.wavenumbers[0, 5]) == pytest.approx(5 * 2 * math.pi / 4)


def test_a_walled_axis_is_mirrored_before_its_spectrum():
    grid = Grid([32], Boundary([["neumann", "neumann"]]))
    extent = torch.tensor([[1.0]], dtype=torch.float64)
    u = torch.cos(3 * math.pi * grid.coordinates(extent))
    energy = IsotropicSpectrum(grid, extent)(u)
    assert float(energy[0, 0, 3]) == pytest.approx(1 / 4)
    assert float(energy[0, 0].sum()) == pytest.approx(1 / 4)
