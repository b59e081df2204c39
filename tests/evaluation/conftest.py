"""Small simulators with known errors, and trajectories that they are judged on."""

import math

import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.window import Window


class Rotation:
    """u(x, t) = cos(x + t) and its like: exact, or wrong in a way that is known."""

    def __init__(self, speed=1.0, history=1, breaks_at=None):
        self.speed, self.history, self.breaks_at = speed, history, breaks_at

    def start(self, u, t, conditions, seed):
        return {"steps": torch.zeros_like(seed)}

    def advance(self, u, t, dt, conditions, memory):
        n = u.shape[-1]
        k = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)
        factor = torch.exp(1j * k * (self.speed * dt).reshape(-1, *[1] * (u.ndim - 1)))
        u = torch.fft.ifft(torch.fft.fft(u.double()) * factor).real.to(u.dtype)
        if self.breaks_at is not None:
            gone = (t + dt > self.breaks_at).reshape(-1, *[1] * (u.ndim - 1))
            u = torch.where(gone, torch.nan, u)
        return u, {"steps": memory["steps"] + 1}


@pytest.fixture
def rotation():
    """The class of simulators."""
    return Rotation


@pytest.fixture
def trajectories():
    """``trajectories(5, dims=2)``: exact rotations with different steps, as one window."""

    def made(count=5, dims=1, snapshots=7, dtype=torch.float64):
        shape = [16] * dims
        grid = Grid(shape, Boundary.periodic(dims))
        extent = torch.full((count, dims), 2 * math.pi, dtype=torch.float64)
        x = grid.coordinates(extent)[:, -1]
        t = (0.1 + 0.02 * torch.arange(count, dtype=torch.float64))[:, None] * torch.arange(snapshots) + 3
        phase = torch.arange(count, dtype=torch.float64).reshape(-1, 1, *[1] * dims)
        angle = x[:, None] + t.reshape(count, snapshots, *[1] * dims)
        u = (torch.cos(angle) + 0.5 * torch.sin(2 * angle + phase))[:, :, None].to(dtype)
        empty = torch.zeros(count, 0, dtype=torch.float64)
        conditions = Conditions(empty, empty, extent, empty, grid)
        index = torch.arange(count)
        return Window(u, t, conditions, None, index, torch.zeros_like(index), torch.ones_like(index))

    return made
