"""What is asked of a network: every yaml of conf/model is built, called and trained here, and needs no line in a test.

A network
- is ``Class(interface, *, its own arguments of the yaml)``, in one, two and three dimensions;
- gives (B, out_channels, *N) from any number of samples, and each sample's output does not depend on the others;
- reads every channel and every condition, with gradients for all parameters, and none of them depends on the unit of
  length;
- may refuse a grid in ``check`` and ``forward`` with a ValueError that says which sizes would do (``8 or 12 would do``,
  ``22 points would do``), and scattered nodes by ``require_grid``;
- where it has an argument ``reads_coordinates``, moves with its input on a torus without them, and not with them.
"""

import functools
import inspect
import re

import pytest
import torch
from omegaconf import OmegaConf

from tendency.app.configuration.build import instantiate
from tendency.app.configuration.conf_files import conf_folder
from tendency.simulation.geometry import Boundary, Grid, PointCloud
from tendency.surrogates.interface import Interface

# A yaml that wants a value is no network by itself: test_external.py gives it one.
MODELS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml") if "???" not in path.read_text())
SHAPES = {1: [16], 2: [8, 16], 3: [8, 8, 8]}
"""Grids that a network is tried on; one that refuses them is tried on a size that its sentence says."""
LARGEST = 4
"""Whole numbers of a yaml (width, modes, layers) are no larger here, where the network can be built so."""


@pytest.fixture(params=MODELS)
def make(request):
    """``make(dims, conditions)``: the network of one yaml, made small, in double precision."""
    node = small_node(request.param)

    def made(dims, num_conditions=2, boundary=None, **changes):
        interface = Interface(3, 2, num_conditions, boundary or Boundary.periodic(dims))
        torch.manual_seed(0)
        return built(node | {key: value for key, value in changes.items() if key in node}, interface).double()

    return made


def built(node, interface):
    return instantiate(dict(node), _convert_="all", _partial_=True)(interface)


@functools.cache
def small_node(model):
    """A yaml with its whole numbers made small, one after another, but for those that its network then refuses."""
    chosen = OmegaConf.load(conf_folder() / "model" / f"{model}.yaml")
    # A model may read what the prediction says of it.
    whole = OmegaConf.create({"model": chosen, "prediction": {"bundle": 2}})
    node = OmegaConf.to_container(whole, resolve=True)["model"]
    interface = Interface(3, 2, 2, Boundary.periodic(2))
    for key in [key for key, value in node.items() if isinstance(value, int) and value > LARGEST]:
        try:
            with torch.device("meta"):
                built(node | {key: LARGEST}, interface)
        except ValueError:
            continue
        node = node | {key: LARGEST}
    return node


def sizes_that_would_do(refusal):
    """What a network's sentence says, at least one size."""
    sizes = re.search(r"(\d+)(?: or (\d+))?(?: points)? would do", str(refusal))
    assert sizes, f"expected a sentence that says which sizes would do, got: {refusal}"
    return [int(size) for size in sizes.groups() if size]


def accepted_grid(net):
    """A small grid that the network can be trained on."""
    shape = SHAPES[net.spatial_dims]
    try:
        net.check(Grid(shape, net.boundary))
    except ValueError as refusal:
        shape = sizes_that_would_do(refusal)[:1] * net.spatial_dims
    return Grid(shape, net.boundary)


def extents(net, batch=2):
    generator = torch.Generator().manual_seed(2)
    return 1 + torch.rand(batch, net.spatial_dims, generator=generator, dtype=torch.float64)


def inputs(net, batch=2, geometry=None):
    """u, c and what the network reads of the points, in boxes of the sizes ``extents(net, batch)``."""
    generator = torch.Generator().manual_seed(1)
    geometry = geometry or accepted_grid(net)
    u = torch.randn(batch, 3, *geometry.shape, generator=generator, dtype=torch.float64)
    c = torch.randn(batch, net.num_conditions, generator=generator, dtype=torch.float64)
    return u, c, net.points(geometry, extents(net, batch), u.dtype)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("num_conditions", [0, 2])
def test_shapes_and_gradients(make, dims, num_conditions):
    net = make(dims, num_conditions)
    net.check(accepted_grid(net))
    u, c, x = inputs(net)
    y = net(u, c, x)
    assert y.shape == (2, 2, *u.shape[2:])
    (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("dims", [1, 2])
def test_everything_that_is_told_is_heard(make, dims):
    net = make(dims)
    u, c, x = inputs(net)
    y = net(u, c, x)
    for column in range(2):
        told = c.clone()
        told[:, column] += 1
        assert (net(u, told, x) - y).abs().max() > 1e-6
    for channel in range(3):
        seen = u.clone()
        seen[:, channel] += 1
        assert (net(seen, c, x) - y).abs().max() > 1e-6


@pytest.mark.parametrize("dims", [1, 2])
def test_a_batch_is_its_members(make, dims):
    net = make(dims)
    u, c, x = inputs(net, batch=3)
    together = net(u, c, x)
    for row in range(3):
        x = net.points(accepted_grid(net), extents(net, 3)[row : row + 1], u.dtype)
        alone = net(u[row : row + 1], c[row : row + 1], x)
        assert torch.allclose(alone, together[row : row + 1], atol=1e-12)


def test_points_of_one_box_may_stand_for_a_batch(make):
    net = make(2)
    u, c, _ = inputs(net)
    box = extents(net)[:1]
    expected = net(u, c, net.points(accepted_grid(net), box.expand(2, -1), u.dtype))
    x = net.points(accepted_grid(net), box, u.dtype)
    assert torch.allclose(net(u, c, x), expected, atol=1e-12)
    if isinstance(x, torch.Tensor):
        assert torch.allclose(net(u, c, x[0]), expected, atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2])
def test_the_unit_of_length_does_not_matter(make, dims):
    net = make(dims)
    u, c, x = inputs(net)
    longer = net.points(accepted_grid(net), 1000 * extents(net), u.dtype)
    assert torch.allclose(net(u, c, x), net(u, c, longer), atol=1e-9)


@pytest.mark.parametrize("dims", [1, 2])
def test_without_coordinates_a_periodic_network_moves_with_its_input(make, dims):
    net = make(dims, reads_coordinates=False)
    if "reads_coordinates" not in inspect.signature(type(net)).parameters:
        pytest.skip("claims no equivariance")
    u, c, x = inputs(net)
    # By a half, which is a whole number of steps on whatever coarser grids there are.
    moved = [n // 2 for n in u.shape[2:]]
    axes = tuple(range(2, 2 + dims))
    assert torch.allclose(net(u.roll(moved, axes), c, x), net(u, c, x).roll(moved, axes), atol=1e-10)


def test_with_coordinates_it_knows_where_it_is(make):
    net = make(1, reads_coordinates=True)
    if "reads_coordinates" not in inspect.signature(type(net)).parameters:
        pytest.skip("reads no coordinates")
    u, c, x = inputs(net)
    moved = u.shape[2] // 2
    difference = net(u.roll(moved, 2), c, x) - net(u, c, x).roll(moved, 2)
    assert difference.abs().max() > 1e-6


@pytest.mark.parametrize("dims", [1, 2])
def test_walls_do_not_wrap_around(make, dims):
    boundary = Boundary([["dirichlet", "neumann"]] + [["periodic", "periodic"]] * (dims - 1))
    net = make(dims, boundary=boundary)
    u, c, x = inputs(net)
    assert torch.isfinite(net(u, c, x)).all()


def test_weights_are_saved_and_loaded(make, tmp_path):
    net, other = make(2), make(2)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    u, c, x = inputs(net)
    assert torch.equal(net(u, c, x), other(u, c, x))


def test_wrong_shapes_are_named(make):
    net = make(1)
    u, c, x = inputs(net)
    n = u.shape[2]
    with pytest.raises(ValueError, match=rf"expected u of shape \(B, 3, {n}\), got \(2, 2, {n}\)"):
        net(u[:, :2], c, x)
    with pytest.raises(ValueError, match=r"expected c of shape \(2, 2\), got \(2, 1\)"):
        net(u, c[:, :1], x)


def test_odd_and_uneven_sizes_work_or_say_what_would(make):
    net = make(2)
    for called in (
        lambda grid: net.check(grid),
        lambda grid: net(*inputs(net, geometry=grid)),
    ):
        try:
            y = called(Grid([9, 14], net.boundary))
        except ValueError as refusal:
            for size in sizes_that_would_do(refusal):
                y = called(Grid([size, size], net.boundary))
        assert y is None or torch.isfinite(y).all()


def test_point_clouds_are_taken_or_refused(make):
    net = make(2)
    positions = torch.rand(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cloud = PointCloud(positions, torch.full((60,), 1 / 60).double(), Boundary.periodic(2))
    try:
        net.check(cloud)
    except ValueError as error:
        assert "message_passing works on point clouds" in str(error)  # noqa: PT017
        return
    u, extent = torch.randn(2, 3, 60, dtype=torch.float64), torch.ones(2, 2).double()
    y = net(u, torch.zeros(2, 2).double(), net.points(cloud, extent, u.dtype))
    assert y.shape == (2, 2, 60)
    assert torch.isfinite(y).all()
