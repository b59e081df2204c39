"""The spectral convolution on both paths: against the usual formulation, against each other, on any grid."""

import functools
import math

import pytest
import torch

from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.layers.fourier import spectral_convolution, spectral_matrices
from tendency.surrogates.layers.fourier.spectral_convolution import SpectralConvolution, by_fft, kept_axes, kept_rows
from tendency.surrogates.layers.fourier.spectral_matrices import MatrixConvolution, folded
from tendency.surrogates.layers.fourier.spectral_weights import Tucker, tucker_ranks

PATHS = {"fft": by_fft, "matrix": MatrixConvolution.apply}
EVERY_PATH = pytest.mark.parametrize("path", PATHS)
# Powers of two and none, odd and even, with the Nyquist mode of either axis kept, fewer modes than there are weights.
SHAPES = [(32,), (33,), (12,), (9,), (8,), (32, 24), (33, 27), (9, 8), (8, 9), (8, 8), (6, 12, 10), (8, 9, 8)]
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=str)
MODES = 5


@pytest.fixture
def path_of(monkeypatch):
    """``path_of("fft")`` or ``path_of("matrix")`` forces a path."""

    def forced(name):
        monkeypatch.setattr(spectral_convolution, "MATRIX_PATH_SHARE", 9.0 if name == "matrix" else 0.0)

    return forced


def arguments(shape, dtype=torch.float64, channels=(3, 4), batch=2, modes=MODES):
    """x, W, s, A and b that ask for gradients, and the axes."""
    generator = torch.Generator().manual_seed(0)
    axes = kept_axes([modes] * len(shape), shape)
    kept = [axis.modes for axis in axes]
    inside, outside = channels
    sizes = [
        (*shape, batch, inside),
        (*kept, inside, 2, outside),
        (*kept, 2, batch),
        (inside, outside),
        (batch, outside),
    ]
    made = [torch.randn(size, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for size in sizes]
    return made, axes


def usual_formulation(x, weight, modulation, matrix, offset, axes):
    """All modes by the full transform, one einsum for the channels, and the full transform back."""
    shape, dims = x.shape[:-2], tuple(range(len(axes)))
    u_hat = torch.fft.rfftn(x, dim=dims)
    signed = [[*range(a.positive), *(a.points - k for k in range(1, a.negative + 1))] for a in axes]
    index = torch.meshgrid(*[torch.tensor(k) for k in signed], indexing="ij")
    w, s = (
        torch.complex(weight[..., 0, :], weight[..., 1, :]),
        torch.complex(modulation[..., 0, :], modulation[..., 1, :]),
    )
    y_hat = torch.zeros(*u_hat.shape[:-1], w.shape[-1], dtype=u_hat.dtype)
    y_hat[index] = torch.einsum("...bi,...io,...b->...bo", u_hat[index], w, s)
    return torch.fft.irfftn(y_hat, s=shape, dim=dims) + x @ matrix + offset


def with_gradients(function, arguments, axes):
    y = function(*arguments, axes)
    weights = torch.linspace(-1, 2, y.numel(), dtype=torch.float64).reshape(y.shape).to(y.dtype)
    return (y, *torch.autograd.grad((y * weights).sum(), arguments))


def relative(a, b):
    return ((a.double() - b.double()).norm() / b.double().norm()).item()


@EVERY_PATH
@EVERY_SHAPE
@pytest.mark.parametrize(("dtype", "accuracy"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str)
def test_values_and_gradients_are_those_of_the_usual_formulation(path, shape, dtype, accuracy):
    exact, axes = arguments(shape)
    asked, _ = arguments(shape, dtype)
    expected = with_gradients(usual_formulation, exact, axes)
    found = with_gradients(PATHS[path], asked, axes)
    for name, a, b in zip(("y", "x", "W", "s", "A", "b"), found, expected, strict=True):
        assert a.dtype == dtype
        assert relative(a, b) < accuracy, name


@EVERY_SHAPE
@pytest.mark.parametrize("left_out", [(), (2,), (3, 4), (2, 3, 4)], ids=str)
def test_both_paths_agree_in_values_and_gradients(shape, left_out):
    made, axes = arguments(shape)
    found = []
    for path in PATHS.values():
        given = [None if i in left_out else a for i, a in enumerate(made)]
        y = path(*given, axes)
        weights = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
        wanted = [a for a in given if a is not None]
        found.append((y, *torch.autograd.grad((y * weights).sum(), wanted)))
    for a, b in zip(*found, strict=True):
        assert relative(a, b) < 1e-13


# Of 6 points, 4 modes are all there are, the Nyquist mode among the odd ones; of 8, 2 are one even and one odd mode.
@pytest.mark.parametrize(("points", "modes"), [(6, 4), (8, 2), (8, 4), (14, 6), (128, 32)])
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_a_folded_axis_gives_the_same_values_and_gradients(monkeypatch, points, modes, told):
    made, axes = arguments((points,), modes=modes)
    given = made if told else [*made[:2], None, *made[3:]]
    monkeypatch.setattr(spectral_matrices, "FOLDED_MODES", 2)
    # Matrices are kept by their axes, of which other tests have the same, unfolded.
    monkeypatch.setattr(spectral_matrices, "_table", functools.lru_cache(spectral_matrices._table.__wrapped__))
    assert folded(axes)
    y = MatrixConvolution.apply(*given, axes)
    expected = by_fft(*given, axes)
    wanted = [a for a in given if a is not None]
    assert relative(y, expected) < 1e-13
    weights = torch.linspace(-1, 2, y.numel(), dtype=torch.float64).reshape(y.shape)
    for a, b in zip(*(torch.autograd.grad((v * weights).sum(), wanted) for v in (y, expected)), strict=True):
        assert relative(a, b) < 1e-13


@pytest.mark.parametrize(("points", "modes"), [(9, 4), (8, 3), (8, 5)])
def test_an_axis_whose_halves_or_parities_differ_is_not_folded(monkeypatch, points, modes):
    monkeypatch.setattr(spectral_matrices, "FOLDED_MODES", 2)
    assert not folded(kept_axes([modes], (points,)))


def test_two_axes_are_not_folded():
    assert folded(kept_axes([32], (128,)))
    assert not folded(kept_axes([32, 32], (128, 128)))


@EVERY_PATH
@pytest.mark.parametrize("shape", [(9,), (8,), (6, 5), (4, 3, 4)], ids=str)
def test_gradients_are_those_of_the_values(path, shape):
    made, axes = arguments(shape, channels=(2, 3))
    assert torch.autograd.gradcheck(lambda *given: PATHS[path](*given, axes), made)


def test_the_matrix_path_refuses_to_be_differentiated_twice():
    (x, *others), axes = arguments((9,))
    (g,) = torch.autograd.grad(MatrixConvolution.apply(x, *others, axes).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


@EVERY_PATH
def test_each_mode_is_multiplied_by_its_weight(path_of, path):
    """cos(kx) through a layer whose weight at k is a + ib gives a cos(kx) - b sin(kx)."""
    path_of(path)
    layer = SpectralConvolution(1, [4]).double()
    x = 2 * math.pi * torch.arange(16, dtype=torch.float64) / 16
    for k in range(4):
        a, b = layer.weight()[k, 0, :, 0].tolist()
        y = layer(torch.cos(k * x)[:, None, None])[:, 0, 0]
        # The mean has no sine.
        expected = a * torch.cos(k * x) - (b * torch.sin(k * x) if k else 0)
        assert torch.allclose(y, expected, atol=1e-12)
    assert layer(torch.cos(5 * x)[:, None, None]).abs().max() < 1e-12


@EVERY_PATH
@pytest.mark.parametrize("dims", [1, 2])
def test_the_nyquist_mode_counts_once(path_of, path, dims):
    """(-1)^j is real on the grid: the real part of its weight scales it, whichever axis it lies on."""
    path_of(path)
    layer = SpectralConvolution(1, [5] * dims).double()
    zigzag = (-1.0) ** torch.arange(8, dtype=torch.float64)
    for axis in range(dims):
        mode = [0] * dims
        mode[axis] = 4
        u = zigzag.reshape([8 if d == axis else 1 for d in range(dims)]).expand([8] * dims)
        expected = layer.weight()[(*mode, 0, 0, 0)] * u
        assert torch.allclose(layer(u[..., None, None])[..., 0, 0], expected, atol=1e-12)


@EVERY_PATH
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_finer_grid_gives_the_same_function(path_of, path, dims):
    path_of(path)
    torch.manual_seed(0)
    layer = SpectralConvolution(2, [3] * dims).double()

    def field(n):
        x = Grid([n] * dims, Boundary.periodic(dims)).coordinates(
            torch.full((1, dims), 2 * math.pi, dtype=torch.float64)
        )
        waves = torch.stack([1 + torch.sin(x[0, 0]) + torch.cos(2 * x[0, -1]), torch.cos(x[0].sum(0))], -1)
        return waves[..., None, :]

    coarse = layer(field(9))
    for factor in (2, 3):
        skip = tuple([slice(None, None, factor)] * dims)
        assert torch.allclose(coarse, layer(field(9 * factor))[skip], atol=1e-12)


def test_fewer_points_than_modes_keep_the_weights_of_their_wavenumbers():
    weight = torch.arange(9.0)  # 0 1 2 3 4 -1 -2 -3 -4
    kept = {n: kept_rows(weight, [5], kept_axes([5, 1], [n, 1])[:1]).tolist() for n in (4, 5, 8, 9)}
    assert kept == {
        4: [0, 1, 2, 5],
        5: [0, 1, 2, 5, 6],
        8: [0, 1, 2, 3, 4, 5, 6, 7],
        9: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    }


@EVERY_PATH
@pytest.mark.parametrize("shape", [(16,), (12, 12)], ids=str)
def test_under_autocast_the_spectrum_keeps_single_precision(path_of, path, shape):
    path_of(path)
    torch.manual_seed(0)
    layer = SpectralConvolution(4, [3] * len(shape))
    matrix, offset = torch.randn(4, 4, requires_grad=True), torch.zeros(1, 4)
    x = torch.randn(*shape, 2, 4)
    low = x.bfloat16()
    spectral = layer(low.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(low)
        whole = layer(low, None, matrix, offset)
        whole.float().square().sum().backward()
    assert y.dtype == whole.dtype == torch.bfloat16
    # Rounded once, at its end.
    assert torch.equal(y, spectral.bfloat16())
    assert relative(whole, spectral + low.float() @ matrix) < 2**-7
    assert all(torch.isfinite(p.grad).all() for p in (matrix, *layer.parameters()))


def test_tucker_weights_are_the_product_of_core_and_factors():
    torch.manual_seed(0)
    weight = Tucker(0.3).make((5, 3), 4).double()
    core = torch.complex(*weight.core.unbind(0))
    factors = [torch.complex(*f.unbind(0)) for f in weight.factors]
    expected = torch.einsum("abcd,ka,lb,ic,od->klio", core, *factors)
    found = weight()
    assert found.shape == (5, 3, 4, 2, 4)
    assert torch.allclose(torch.complex(found[..., 0, :], found[..., 1, :]), expected, atol=1e-14)


def test_tucker_ranks_give_the_share_of_parameters_that_was_asked_for():
    sizes = (23, 12, 48, 48)
    for rank in (0.01, 0.1, 0.42, 0.8):
        ranks = tucker_ranks(sizes, rank)
        entries = math.prod(ranks) + sum(n * r for n, r in zip(sizes, ranks, strict=True))
        assert 0.85 * rank < entries / math.prod(sizes) <= rank


def test_tucker_weights_start_as_large_as_dense_ones():
    torch.manual_seed(0)
    for rank in (0.05, 0.5):
        size = Tucker(rank).make((9, 8), 16)().square().mean().item()
        assert size == pytest.approx(1 / (2 * 16**2), rel=0.35)
