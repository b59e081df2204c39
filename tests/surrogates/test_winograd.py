"""Winograd's convolution against the sums that it stands for, and where it is taken."""

import pytest
import torch
from torch.nn import functional

from tendency.simulation.geometry import Boundary
from tendency.surrogates.layers.convolution import winograd
from tendency.surrogates.layers.convolution.boundary_convolution import BoundaryConvolution
from tendency.surrogates.layers.convolution.padding import pad

PERIODIC, WALLED = ["periodic", "periodic"], ["dirichlet", "open"]


def difference(a, b):
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("sides", [[PERIODIC] * 2, [PERIODIC, WALLED], [WALLED] * 2])
@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-14), (torch.float32, 5e-6)])
def test_values_and_gradients_are_those_of_the_sums(sides, m, dtype, error, monkeypatch):
    """... also where the outputs are made in blocks, and whatever the order in memory."""
    monkeypatch.setattr(winograd, "BLOCK", 36 * 64 * 33)
    generator, boundary = torch.Generator().manual_seed(0), Boundary(sides)
    periodic = boundary.periodic_axes
    given = [torch.randn(shape, generator=generator) for shape in [(2, 64, 8, 12), (80, 64, 3, 3), (80,)]]
    ours = [p.to(dtype).requires_grad_() for p in given]
    exact = [p.double().requires_grad_() for p in given]
    y = winograd.WinogradConvolution.apply(*ours, periodic, m)
    expected = functional.conv2d(pad(exact[0], 1, boundary), *exact[1:])
    assert difference(y, expected) < error
    g = torch.randn(y.shape, generator=generator)
    found = torch.autograd.grad(y, ours, g.to(dtype))
    for mine, theirs in zip(found, torch.autograd.grad(expected, exact, g.double()), strict=True):
        assert difference(mine, theirs) < error
    last = winograd.WinogradConvolution.apply(ours[0].to(memory_format=torch.channels_last), *ours[1:], periodic, m)
    assert torch.equal(last, y)


@pytest.mark.parametrize(
    ("shape", "outs", "m"),
    [
        ((8, 256, 16, 16), 256, 4),
        ((4, 64, 16, 16), 256, 4),
        ((8, 256, 8, 8), 256, 2),
        ((8, 256, 18, 16), 256, 2),
        ((8, 256, 17, 16), 256, None),
        ((8, 32, 64, 64), 32, None),
        ((1, 256, 8, 8), 256, None),
    ],
)
def test_it_is_taken_where_channels_and_points_are_many(shape, outs, m):
    assert winograd.tile_size(torch.Size(shape), outs) == m


def test_a_layer_takes_it_on_a_grid_that_has_tiles_alone():
    torch.manual_seed(0)
    layer = BoundaryConvolution(96, 96, 3, Boundary.periodic(2))
    for n, name in [(32, "WinogradConvolutionBackward"), (33, "ConvolutionBackward0")]:
        h = torch.randn(1, 96, n, n)
        y = layer(h)
        assert y.grad_fn.name() == name
        assert difference(y, layer.convolution(pad(h, 1, layer.boundary))) < 5e-6
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(1, 96, 32, 32)).dtype == torch.bfloat16
