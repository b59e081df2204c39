"""Every network of conf/model, in every dimension that it claims: shapes, gradients, batches, what it reads."""

import inspect

import pytest
import torch
from omegaconf import OmegaConf

from tendency.app.configuration.build import instantiate
from tendency.app.configuration.conf_files import conf_folder
from tendency.simulation.geometry import Boundary, Grid, PointCloud

# A yaml that wants a value is no network by itself: test_external.py gives it one.
MODELS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml") if "???" not in path.read_text())
SHAPES = {1: [16], 2: [8, 16], 3: [8, 8, 8]}


@pytest.fixture(params=MODELS)
def make(request):
    """``make(dims, conditions)``: the network of one yaml, made small, in double precision."""
    chosen = OmegaConf.load(conf_folder() / "model" / f"{request.param}.yaml")
    # A model may read what the prediction says of it.
    node = OmegaConf.to_container(OmegaConf.create({"model": chosen, "prediction": {"bundle": 2}}), resolve=True)[
        "model"
    ]

    def made(dims, num_conditions=2, boundary=None, **changes):
        known = {"width": 8, "modes": 3, "num_layers": 2, "multipliers": [1, 2, 4], "num_blocks": 1} | changes
        node.update({key: value for key, value in known.items() if key in node})
        torch.manual_seed(0)
        sizes = {"spatial_dims": dims, "in_channels": 3, "out_channels": 2, "num_conditions": num_conditions}
        boundary = boundary or Boundary.periodic(dims)
        return instantiate(dict(node), _convert_="all", _partial_=True)(**sizes, boundary=boundary).double()

    return made


def inputs(dims, batch=2, num_conditions=2, boundary=None, shape=None):
    generator = torch.Generator().manual_seed(1)
    shape = shape or SHAPES[dims]
    grid = Grid(shape, boundary or Boundary.periodic(dims))
    u = torch.randn(batch, 3, *shape, generator=generator, dtype=torch.float64)
    c = torch.randn(batch, num_conditions, generator=generator, dtype=torch.float64)
    extent = 1 + torch.rand(batch, dims, generator=generator, dtype=torch.float64)
    return u, c, grid.coordinates(extent)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("num_conditions", [0, 2])
def test_shapes_and_gradients(make, dims, num_conditions):
    net = make(dims, num_conditions)
    net.check(Grid(SHAPES[dims], Boundary.periodic(dims)))
    u, c, x = inputs(dims, num_conditions=num_conditions)
    y = net(u, c, x)
    assert y.shape == (2, 2, *SHAPES[dims])
    (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("dims", [1, 2])
def test_everything_that_is_told_is_heard(make, dims):
    net = make(dims)
    u, c, x = inputs(dims)
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
    u, c, x = inputs(dims, batch=3)
    together = net(u, c, x)
    for row in range(3):
        alone = net(u[row : row + 1], c[row : row + 1], x[row : row + 1])
        assert torch.allclose(alone, together[row : row + 1], atol=1e-12)


def test_coordinates_may_come_without_a_batch(make):
    net = make(2)
    u, c, x = inputs(2)
    x = x[:1].expand_as(x)
    assert torch.allclose(net(u, c, x[0]), net(u, c, x), atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2])
def test_the_unit_of_length_does_not_matter(make, dims):
    net = make(dims)
    u, c, x = inputs(dims)
    assert torch.allclose(net(u, c, x), net(u, c, 1000 * x), atol=1e-9)


@pytest.mark.parametrize("dims", [1, 2])
def test_without_coordinates_a_periodic_network_moves_with_its_input(make, dims):
    net = make(dims, reads_coordinates=False)
    if "reads_coordinates" not in inspect.signature(type(net)).parameters:
        pytest.skip("claims no equivariance")
    u, c, x = inputs(dims)
    moved = [4] * dims
    axes = tuple(range(2, 2 + dims))
    assert torch.allclose(net(u.roll(moved, axes), c, x), net(u, c, x).roll(moved, axes), atol=1e-10)


def test_with_coordinates_it_knows_where_it_is(make):
    net = make(1, reads_coordinates=True)
    if "reads_coordinates" not in inspect.signature(type(net)).parameters:
        pytest.skip("reads no coordinates")
    u, c, x = inputs(1)
    difference = net(u.roll(4, 2), c, x) - net(u, c, x).roll(4, 2)
    assert difference.abs().max() > 1e-6


@pytest.mark.parametrize("dims", [1, 2])
def test_walls_do_not_wrap_around(make, dims):
    boundary = Boundary([["dirichlet", "neumann"]] + [["periodic", "periodic"]] * (dims - 1))
    net = make(dims, boundary=boundary, num_layers=1)
    u, c, x = inputs(dims, boundary=boundary)
    assert torch.isfinite(net(u, c, x)).all()


def test_weights_are_saved_and_loaded(make, tmp_path):
    net, other = make(2), make(2)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    u, c, x = inputs(2)
    assert torch.equal(net(u, c, x), other(u, c, x))


def test_wrong_shapes_are_named(make):
    net = make(1)
    u, c, x = inputs(1)
    with pytest.raises(ValueError, match=r"expected u of shape \(B, 3, 16\), got \(2, 2, 16\)"):
        net(u[:, :2], c, x)
    with pytest.raises(ValueError, match=r"expected c of shape \(2, 2\), got \(2, 1\)"):
        net(u, c[:, :1], x)


def test_odd_and_uneven_sizes_work_or_say_what_would(make):
    net = make(2)
    u, c, x = inputs(2, shape=[9, 14])
    try:
        assert torch.isfinite(net(u, c, x)).all()
    except ValueError as error:
        assert "multiples of 4" in str(error)  # noqa: PT017
        assert "8 or 12 would do" in str(error)  # noqa: PT017


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
    net.place(cloud, extent)
    y = net(u, torch.zeros(2, 2).double(), cloud.coordinates(extent))
    assert y.shape == (2, 2, 60)
    assert torch.isfinite(y).all()
