"""Layers against formulas: the spectral convolution on both paths, padding."""

import math

import pytest
import torch

from simulation import Boundary, Grid
from surrogates.layers import spectral_convolution
from surrogates.layers.conditional_norm import ConditionalNorm
from surrogates.layers.convolution import Upsampling
from surrogates.layers.padding import pad
from surrogates.layers.self_attention import SelfAttention
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


PERIODIC, WALLED = ["periodic", "periodic"], ["dirichlet", "open"]


@pytest.mark.parametrize("sides", [[PERIODIC], [WALLED], [PERIODIC, WALLED], [WALLED, PERIODIC], [PERIODIC] * 3])
@pytest.mark.parametrize("width", [1, 3, 4, 11])
def test_padding_is_what_each_axis_repeats_and_its_gradient_is_the_adjoint(sides, width):
    """Point by point: around a torus, or back and forth between mirrors, however often; and ⟨P h, g⟩ = ⟨h, Pᵀ g⟩."""
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(2, 3, *[4, 6, 5][: len(sides)], generator=generator, dtype=torch.float64, requires_grad=True)
    padded = pad(h, width, Boundary(sides))
    expected = h
    for dim, axis in enumerate(sides, 2):
        n = h.shape[dim]
        repeated = list(range(n)) if axis is PERIODIC else [*range(n), *reversed(range(n))]
        expected = expected.index_select(
            dim, torch.tensor([repeated[i % len(repeated)] for i in range(-width, n + width)])
        )
    assert torch.equal(padded, expected)
    given = torch.randn(padded.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(padded, h, given)
    other = torch.randn(h.shape, generator=generator, dtype=torch.float64)
    assert torch.isclose((pad(other, width, Boundary(sides)) * given).sum(), (other * gradient).sum(), rtol=1e-12)


def test_padding_can_be_differentiated_twice():
    h = torch.randn(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    boundary = Boundary([WALLED, PERIODIC])
    assert torch.autograd.gradgradcheck(lambda h: pad(h, 2, boundary) ** 3, h)


@pytest.mark.parametrize("n", [4, 7])
def test_upsampling_doubles_the_grid_and_moves_with_its_input(n):
    """A shift by one coarse point is a shift by two fine ones, around the end as well."""
    torch.manual_seed(0)
    layer = Upsampling(2, Boundary.periodic(2)).double()
    h = torch.randn(1, 2, n, 6, dtype=torch.float64)
    assert layer(h).shape == (1, 2, 2 * n, 12)
    assert torch.allclose(layer(h.roll((1, 2), (2, 3))), layer(h).roll((2, 4), (2, 3)), atol=1e-12)


@pytest.mark.parametrize("num_groups", [0, 1, 2])
def test_a_conditional_norm_scales_and_shifts_each_sample_by_its_own_embedding(num_groups):
    torch.manual_seed(0)
    layer = ConditionalNorm(4, num_groups, 3).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    h, e = torch.randn(2, 4, 5, 6, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    normalised = h
    if num_groups:
        rows = h.reshape(2, num_groups, -1)
        rows = (rows - rows.mean(2, keepdim=True)) / (rows.var(2, unbiased=False, keepdim=True) + 1e-5).sqrt()
        normalised = rows.reshape(h.shape) * layer.weight[:, None, None] + layer.bias[:, None, None]
    scale, shift = layer.condition(e)[..., None, None].chunk(2, 1)
    assert torch.allclose(layer(h, e), normalised * (1 + scale) + shift, atol=1e-12)


def test_self_attention_is_the_formula_and_permutes_with_its_points():
    torch.manual_seed(0)
    layer = SelfAttention(4, 2, 1).double()
    h = torch.randn(1, 4, 2, 3, dtype=torch.float64)
    points = layer.norm(h).flatten(2)[0].T
    query, key, value = layer.project_in(points).split(4, 1)
    heads = [slice(0, 2), slice(2, 4)]
    seen = [torch.softmax(query[:, i] @ key[:, i].T / math.sqrt(2), 1) @ value[:, i] for i in heads]
    expected = h + layer.project_out(torch.cat(seen, 1)).T.reshape(h.shape)
    assert torch.allclose(layer(h), expected, atol=1e-12)
    moved = torch.randperm(6)
    permuted = layer(h.flatten(2)[..., moved].reshape(h.shape)).flatten(2)
    assert torch.allclose(permuted, layer(h).flatten(2)[..., moved], atol=1e-12)


def test_neighbours_of_a_grid_wrap_or_end():
    around = grid_neighbours((4,), Boundary.periodic(1), 1)
    assert around.index.tolist() == [[3, 1], [0, 2], [1, 3], [2, 0]]
    assert around.present.all()
    walled = grid_neighbours((4,), Boundary([["open", "open"]]), 1)
    assert walled.present.tolist() == [[False, True], [True, True], [True, True], [True, False]]
    assert grid_neighbours((4, 5), Boundary.periodic(2), 1).index.shape == (20, 8)


def test_nearest_nodes_of_a_grid_are_its_neighbours():
    grid = Grid([6, 6], Boundary.periodic(2))
    extent = torch.ones(1, 2, dtype=torch.float64)
    found = nearest_neighbours(grid.coordinates(extent).flatten(2), extent, Boundary.periodic(2), 8)
    expected = grid_neighbours((6, 6), Boundary.periodic(2), 1)
    assert found.index.sort(1).values.tolist() == expected.index.sort(1).values.tolist()


def test_message_passing_on_nodes_equals_the_grid_where_they_coincide():
    torch.manual_seed(0)
    net = MessagePassing(2, 1, 1, 1, Boundary.periodic(2), width=8, num_layers=2).double()
    grid = Grid([6, 6], Boundary.periodic(2))
    x = grid.coordinates(torch.ones(1, 2).double())
    u, c = torch.randn(1, 1, 6, 6, dtype=torch.float64), torch.randn(1, 1, dtype=torch.float64)
    on_grid, on_nodes = net(u, c, x), net(u.flatten(2), c, x.flatten(2))
    assert torch.allclose(on_grid.flatten(2), on_nodes, atol=1e-10)
