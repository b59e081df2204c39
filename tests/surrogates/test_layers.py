"""Layers against formulas: the spectral convolution on both paths, padding."""

import math

import pytest
import torch

from simulation import Boundary, Grid
from surrogates.layers import spectral_convolution
from surrogates.layers.padding import pad
from surrogates.layers.spectral_convolution import SpectralConvolution
from surrogates.models.fno import FNO


@pytest.fixture
def path(monkeypatch):
    """``path("fft")`` or ``path("matrix")`` forces a path."""

    def forced(name):
        monkeypatch.setattr(spectral_convolution, "MATRIX_PATH_SHARE", 9.0 if name == "matrix" else 0.0)

    return forced


@pytest.mark.parametrize("shape", [(32,), (33,), (12,), (8,), (32, 24), (33, 27), (9, 8), (8, 9)])
def test_both_paths_agree_in_values_and_gradients(path, shape):
    torch.manual_seed(0)
    layer = SpectralConvolution(4, [5] * len(shape)).double()
    x = torch.randn(2, *shape, 4, dtype=torch.float64, requires_grad=True)
    modulation = torch.randn(2, *layer.rows, 2, dtype=torch.float64, requires_grad=True)
    found = {}
    for name in ("fft", "matrix"):
        path(name)
        y = layer(x, modulation)
        weights = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
        found[name] = (y, *torch.autograd.grad((y * weights).sum(), (x, modulation, layer.weight)))
    for a, b in zip(found["fft"], found["matrix"], strict=True):
        assert torch.allclose(a, b, atol=1e-11)


@pytest.mark.parametrize("name", ["fft", "matrix"])
def test_each_mode_is_multiplied_by_its_weight(path, name):
    """cos(kx) through a layer whose weight at k is a + ib gives a cos(kx) - b sin(kx)."""
    path(name)
    layer = SpectralConvolution(1, [4]).double()
    x = 2 * math.pi * torch.arange(16, dtype=torch.float64) / 16
    for k in range(4):
        a, b = layer.weight[k, 0, 0].tolist()
        y = layer(torch.cos(k * x)[None, :, None])[0, :, 0]
        # The mean has no sine.
        expected = a * torch.cos(k * x) - (b * torch.sin(k * x) if k else 0)
        assert torch.allclose(y, expected, atol=1e-12)
    assert layer(torch.cos(5 * x)[None, :, None]).abs().max() < 1e-12


@pytest.mark.parametrize("name", ["fft", "matrix"])
@pytest.mark.parametrize("dims", [1, 2])
def test_a_finer_grid_gives_the_same_function(path, name, dims):
    path(name)
    torch.manual_seed(0)
    layer = SpectralConvolution(2, [3] * dims).double()

    def field(n):
        x = Grid([n] * dims, Boundary.periodic(dims)).coordinates(torch.full((1, dims), 2 * math.pi).double())
        waves = torch.stack([1 + torch.sin(x[0, 0]) + torch.cos(2 * x[0, -1]), torch.cos(x[0].sum(0))], -1)
        return waves[None]

    coarse, fine = layer(field(12)), layer(field(24))
    skip = (slice(None), *[slice(None, None, 2)] * dims)
    assert torch.allclose(coarse, fine[skip], atol=1e-12)


def test_fewer_points_than_modes_keep_what_they_have():
    torch.manual_seed(0)
    layer = SpectralConvolution(2, [12, 12]).double()
    y = layer(torch.randn(1, 10, 8, 2, dtype=torch.float64))
    assert torch.isfinite(y).all()


def test_more_modes_than_a_training_grid_has_are_refused():
    net = FNO(1, 1, 1, 0, Boundary.periodic(1), width=4, modes=24, num_layers=1)
    with pytest.raises(ValueError, match="model.modes: a grid of 32 points keeps 17 modes, got 24"):
        net.check(Grid([32], Boundary.periodic(1)))
    with pytest.raises(ValueError, match="model.modes: expected one number or 2"):
        FNO(2, 1, 1, 0, Boundary.periodic(2), width=4, modes=[3], num_layers=1)


def test_an_extended_axis_does_not_wrap_around():
    """A pulse at the upper wall of an FNO without pointwise memory of position must not appear at the lower one."""
    torch.manual_seed(0)
    walled = Boundary([["neumann", "neumann"]])
    net = FNO(1, 1, 1, 0, walled, width=4, modes=3, num_layers=1, extension=1.0, reads_coordinates=False).double()
    x = Grid([16], walled).coordinates(torch.ones(1, 1).double())
    c = torch.zeros(1, 0).double()
    assert net(torch.randn(1, 1, 16).double(), c, x).shape == (1, 1, 16)
    periodic = FNO(1, 1, 1, 0, Boundary.periodic(1), width=4, modes=3, num_layers=1, reads_coordinates=False).double()
    periodic.load_state_dict(net.state_dict())
    u = torch.zeros(1, 1, 16, dtype=torch.float64)
    assert (net(u + 1, c, x) - periodic(u + 1, c, x)).abs().max() > 1e-6


def test_padding_follows_each_axis():
    h = torch.arange(6.0).reshape(1, 1, 2, 3)
    mixed = pad(h, 1, Boundary([["neumann", "dirichlet"], ["periodic", "periodic"]]))
    assert mixed[0, 0].tolist() == [[2, 0, 1, 2, 0], [2, 0, 1, 2, 0], [5, 3, 4, 5, 3], [5, 3, 4, 5, 3]]
    around = pad(h, 1, Boundary.periodic(2))
    assert around[0, 0, 0].tolist() == [5, 3, 4, 5, 3]
    assert torch.equal(pad(h, 0, Boundary.periodic(2)), h)
