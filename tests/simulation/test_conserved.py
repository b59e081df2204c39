"""Drifts of conserved quantities: each by the size of its own density."""

import math

import pytest
import torch

from tendency.simulation.conserved import density_size, mean_drift

X = torch.arange(32, dtype=torch.float64) / 32 * 2 * math.pi
WAVE = torch.stack([torch.sin(X), torch.cos(X)])[None]  # of two components, |d| = 1 everywhere


def test_the_size_is_the_mean_norm_of_all_components():
    assert torch.allclose(density_size(3 * WAVE), torch.tensor([3.0], dtype=torch.float64))
    assert density_size(torch.zeros(2, 1, 4)).tolist() == [0.0, 0.0]


def test_a_drift_is_the_largest_change_of_a_mean_over_the_size():
    moved = WAVE + torch.tensor([0.1, -0.3], dtype=torch.float64)[None, :, None]
    for unit in (1e-6, 1.0, 1e6):
        drift = mean_drift(unit * moved, unit * WAVE, density_size(unit * WAVE))
        assert torch.allclose(drift, torch.tensor([0.3], dtype=torch.float64))
    energy = WAVE.square().sum(1, keepdim=True)
    assert mean_drift(1.5 * energy, energy, density_size(energy)).item() == pytest.approx(0.5)
    still = torch.zeros(1, 1, 4)
    assert mean_drift(still, still, density_size(still)).tolist() == [0.0]
