"""Layers against formulas: padding, upsampling, norms, attention, the extension of axes with ends."""

import math

import pytest
import torch

from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.convolution.boundary_convolution import BoundaryConvolution, Upsampling
from tendency.surrogates.layers.convolution.conditional_norm import ConditionalNorm
from tendency.surrogates.layers.convolution.padding import pad
from tendency.surrogates.layers.convolution.self_attention import SelfAttention
from tendency.surrogates.models.fno import FNO


def test_more_modes_than_a_training_grid_has_are_refused():
    net = FNO(Interface(1, 1, 0, Boundary.periodic(1)), width=4, modes=24, num_layers=1)
    with pytest.raises(ValueError, match="model.modes: a grid of 32 points keeps 17 modes, got 24"):
        net.check(Grid([32], Boundary.periodic(1)))
    with pytest.raises(ValueError, match="model.modes: expected one number or 2"):
        FNO(Interface(1, 1, 0, Boundary.periodic(2)), width=4, modes=[3], num_layers=1)


def test_an_extended_axis_does_not_wrap_around():
    """A pulse at the upper wall of an FNO without pointwise memory of position must not appear at the lower one."""
    torch.manual_seed(0)
    walled = Boundary([["neumann", "neumann"]])
    net = FNO(
        Interface(1, 1, 0, walled), width=4, modes=3, num_layers=1, extension=1.0, reads_coordinates=False
    ).double()
    x = Grid([16], walled).coordinates(torch.ones(1, 1).double())
    c = torch.zeros(1, 0).double()
    assert net(torch.randn(1, 1, 16).double(), c, x).shape == (1, 1, 16)
    periodic = FNO(
        Interface(1, 1, 0, Boundary.periodic(1)), width=4, modes=3, num_layers=1, reads_coordinates=False
    ).double()
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


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel: expected an odd number of points, got 4"):
        BoundaryConvolution(1, 1, 4, Boundary.periodic(1))


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
