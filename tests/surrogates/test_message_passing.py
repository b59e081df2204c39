"""What message passing promises: symmetries, reach, the plain formula, nodes equal to grids, compiled and exported."""

import copy
import itertools

import pytest
import torch
from clouds import as_cloud
from torch import nn

from tendency.export_surrogate import Step
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid, PointCloud, random_nodes
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.messages.message_round import InstanceNorm, MessageRound
from tendency.surrogates.layers.messages.message_tables import TableStore
from tendency.surrogates.layers.messages.neighbours import Nearest, WithinRadius
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares
from tendency.surrogates.layers.messages.node_decoders import PointwiseDecoder, TemporalDecoder
from tendency.surrogates.models.message_passing import MessagePassing
from tendency.surrogates.network import Network
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.stepper import SurrogateStepper

WALL, AROUND = ["dirichlet", "neumann"], ["periodic", "periodic"]
FAR = {"dilations": (1, 2), "derivatives": LeastSquares(2)}
"""Rounds that reach far, and know derivatives."""
RULES = [Nearest([4, 8, 18]), WithinRadius(1.5)]


def network(boundary, neighbours=RULES[0], **changes):
    torch.manual_seed(0)
    settings = {"width": 8, "num_layers": 2, "decoder": PointwiseDecoder()} | changes
    return MessagePassing(Interface(2, 2, 1, boundary), neighbours=neighbours, **settings).double()


def inputs(shape, batch=2):
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(batch, 2, *shape, generator=generator, dtype=torch.float64)
    return u, torch.randn(batch, 1, generator=generator, dtype=torch.float64)


def on(net, geometry, u, c, extent=None):
    extent = torch.ones(len(u), net.spatial_dims, dtype=torch.float64) if extent is None else extent
    return net(u, c, net.points(geometry, extent, u.dtype))


@pytest.mark.parametrize("sides", [[AROUND], [WALL], [AROUND, AROUND], [WALL, AROUND], [WALL, WALL]])
@pytest.mark.parametrize("rule", RULES, ids=["nearest", "radius"])
@pytest.mark.parametrize("more", [{}, {"norm": InstanceNorm()}, FAR], ids=["", "norm", "far"])
def test_on_a_grids_points_a_cloud_is_the_grid(sides, rule, more):
    """Cells are square, the box is not, and trajectories have boxes of their own size."""
    shape = [9, 12][: len(sides)]
    grid = Grid(shape, Boundary(sides))
    net = network(grid.boundary, rule, **more)
    u, c = inputs(shape)
    extent = torch.tensor([[0.3], [5.0]], dtype=torch.float64) * torch.tensor([shape], dtype=torch.float64)
    on_grid = on(net, grid, u, c, extent)
    on_nodes = on(net, as_cloud(grid), u.flatten(2), c, extent)
    assert on_grid.std() > 0.01
    assert torch.allclose(on_nodes, on_grid.flatten(2), rtol=0, atol=1e-10)


@pytest.mark.parametrize("sides", [[AROUND, WALL], [AROUND, AROUND]])
def test_the_order_of_nodes_does_not_matter(sides):
    cloud = random_nodes(50, Boundary(sides), seed=2)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    shuffled = PointCloud(cloud.positions[order], cloud.node_weights[order], cloud.boundary)
    net = network(cloud.boundary, **FAR)
    u, c = inputs([50])
    assert torch.allclose(on(net, shuffled, u[..., order], c), on(net, cloud, u, c)[..., order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("rule", RULES, ids=["nearest", "radius"])
def test_without_coordinates_nodes_may_all_be_moved_around_the_torus(dims, rule):
    boundary = Boundary.periodic(dims)
    cloud = random_nodes(60, boundary, seed=2)
    shift = torch.tensor([0.37, 0.81, 0.1], dtype=torch.float64)[:dims]
    moved = PointCloud((cloud.positions + shift) % 1, cloud.node_weights, boundary)
    u, c = inputs([60])
    for more in ({}, {"derivatives": LeastSquares(2)}):
        net = network(boundary, rule, reads_coordinates=False, **more)
        assert torch.allclose(on(net, moved, u, c), on(net, cloud, u, c), rtol=0, atol=1e-10)
    told = network(boundary, rule)
    assert (on(told, moved, u, c) - on(told, cloud, u, c)).abs().max() > 1e-4


@pytest.mark.parametrize(("radius", "num_layers"), [(1.5, 1), (1.5, 3), (2.5, 2)])
def test_a_change_is_felt_as_far_as_messages_go_and_no_farther(radius, num_layers):
    boundary = Boundary([AROUND, WALL])
    grid = Grid([17, 15], boundary)
    net = network(boundary, WithinRadius(radius), num_layers=num_layers)
    u, c = inputs([17, 15], batch=1)
    changed = u.clone()
    changed[..., 8, 7] += 1
    felt = (on(net, grid, changed, c) - on(net, grid, u, c)).abs().amax((0, 1)) > 0
    reach = num_layers * int(radius)
    for axis in range(2):
        there = torch.nonzero(felt.any(1 - axis))[:, 0]
        middle = (8, 7)[axis]
        assert (there.min().item(), there.max().item()) == (middle - reach, middle + reach)
    far = network(boundary, WithinRadius(1), num_layers=3, dilations=(1, 3))
    wide = Grid([31, 31], boundary)
    u, c = inputs([31, 31], batch=1)
    changed = u.clone()
    changed[..., 15, 15] += 1
    felt = (on(far, wide, changed, c) - on(far, wide, u, c)).abs().amax((0, 1)) > 0
    assert torch.nonzero(felt.any(1))[[0, -1], 0].tolist() == [15 - 5, 15 + 5]
    u, c = inputs([17, 15], batch=1)
    changed = u.clone()
    changed[..., 8, 7] += 1
    whole = network(boundary, WithinRadius(radius), num_layers=2, norm=InstanceNorm())
    assert ((on(whole, grid, changed, c) - on(whole, grid, u, c)).abs() > 0).all()


@pytest.mark.parametrize("sides", [[AROUND], [WALL], [WALL, AROUND]])
@pytest.mark.parametrize("rule", RULES, ids=["nearest", "radius"])
@pytest.mark.parametrize("told", [0, 2])
@pytest.mark.parametrize("slopes", [None, LeastSquares(2)], ids=["", "derivatives"])
def test_a_round_is_the_formula_pair_by_pair(sides, rule, told, slopes):
    """m = Swish(W2 Swish(W1 [h_i, h_j, u_i - u_j, x_j - x_i, c] + b1) + b2), W1 in one piece, over the real pairs."""
    torch.manual_seed(0)
    dims, width, fields, batch = len(sides), 5, 3, 2
    grid = Grid([6, 5][:dims], Boundary(sides))
    found = rule.of(grid, (1.0,) * dims)
    tables = TableStore(rule, derivatives=slopes).of(grid, (1.0,) * dims, torch.device("cpu"), torch.float64)
    number = 0 if slopes is None else slopes.number(dims)
    one = MessageRound(width, fields, dims, told, number).double()
    points = len(found.index)
    h, u = (torch.randn(points, batch, n, dtype=torch.float64) for n in (width, fields))
    c = torch.randn(batch, told, dtype=torch.float64)
    received, sent, own = one.roles.weight.chunk(3)
    first_bias, sent_bias, own_bias = one.roles.bias.chunk(3)
    to_message, to_update = one.told.weight.chunk(2) if told else (c.new_zeros(width, 0),) * 2
    first = torch.cat([received, sent, one.difference.weight, one.relative.weight, to_message], 1)
    second = torch.cat([own, one.heard.weight, to_update], 1)
    expected = torch.empty_like(h)
    for i, b in itertools.product(range(points), range(batch)):
        messages = []
        for k in torch.nonzero(found.present[i])[:, 0]:
            j = found.index[i, k]
            seen = torch.cat([h[i, b], h[j, b], u[i, b] - u[j, b], found.offset[i, k], c[b]])
            hidden = nn.functional.silu(first @ seen + first_bias + sent_bias)
            messages.append(nn.functional.silu(one.message(hidden)))
        heard = torch.stack(messages).mean(0)
        own_side = second @ torch.cat([h[i, b], heard, c[b]]) + own_bias
        if one.sloping is not None:
            sent_values = h[:, b] @ sent.T + sent_bias - u[:, b] @ one.difference.weight.T
            mine = tables.derivatives.senders.view(points, -1)[i]
            own_side = own_side + one.sloping((tables.derivatives.weights[i] @ sent_values[mine]).flatten())
        expected[i, b] = h[i, b] + one.update(nn.functional.silu(own_side))
    assert torch.allclose(one(h, u, c, tables.messages[0], tables.derivatives), expected, rtol=0, atol=1e-12)


def test_a_node_in_a_gap_hears_nothing():
    boundary = Boundary([WALL])
    cloud = PointCloud(
        torch.tensor([[0.0], [0.05], [0.1], [1.0]], dtype=torch.float64), torch.full((4,), 0.25).double(), boundary
    )
    net = network(boundary, WithinRadius(1.0))
    u, c = inputs([4], batch=1)
    y, changed = on(net, cloud, u, c), u.clone()
    changed[..., :3] += 1
    assert torch.isfinite(y).all()
    assert torch.equal(on(net, cloud, changed, c)[..., 3], y[..., 3])


def test_trajectories_in_boxes_of_other_shapes_do_not_change_one_another():
    boundary = Boundary([AROUND, WALL])
    cloud = random_nodes(40, boundary, seed=1)
    net = network(boundary)
    u, c = inputs([40], batch=4)
    extent = torch.tensor([[1.0, 1.0], [1.0, 9.0], [2.0, 2.0], [9.0, 1.0]], dtype=torch.float64)
    together = on(net, cloud, u, c, extent)
    for row in range(4):
        assert torch.allclose(on(net, cloud, u[[row]], c[[row]], extent[[row]]), together[[row]], rtol=0, atol=1e-12)
    assert (on(net, cloud, u, c) - together)[[1, 3]].abs().max() > 1e-3


def test_a_network_is_bound_to_the_points_of_its_batch():
    """A Network knows its geometry: two of them over one surrogate may take turns."""
    boundary = Boundary.periodic(2)
    net = network(boundary)
    empty = torch.zeros(2, 0, dtype=torch.float64)
    asked = []
    for cloud in (random_nodes(40, boundary, seed=1), random_nodes(40, boundary, seed=2)):
        extent = torch.ones(2, 2, dtype=torch.float64)
        conditions = Conditions(empty, empty, extent, empty, cloud)
        asked.append((Network(net, Normalizer.empty(2, 2, 1).double(), conditions), cloud))
    u, c = inputs([40])
    t = torch.zeros(2, dtype=torch.float64)
    first, second = (called.raw(u, t, c) for called, _ in asked)
    assert torch.equal(first, on(net, asked[0][1], u, c))
    assert (first - second).abs().max() > 1e-3
    assert torch.equal(asked[0][0].raw(u, t, c), first)


def test_coordinates_and_tables_of_other_points_are_refused():
    boundary = Boundary.periodic(2)
    net = network(boundary)
    u, c = inputs([40])
    with pytest.raises(ValueError, match=r"from points\(geometry, extent, dtype\), got a tensor \(2, 2, 40\)"):
        net(u, c, torch.zeros(2, 2, 40))
    on(net, random_nodes(40, boundary), u, c)
    with pytest.raises(ValueError, match=r"on the points of its tables, \(30,\), got it on \(40,\)"):
        on(net, random_nodes(30, boundary), u, c)
    with pytest.raises(ValueError, match=r"on the points of its tables, \(8, 5\), got it on \(5, 8\)"):
        on(net, Grid([8, 5], boundary), u.view(2, 2, 5, 8), c)


def test_a_network_that_first_answered_without_gradients_can_be_trained():
    net = network(Boundary.periodic(2), **FAR)
    u, c = inputs([8, 8])
    grid = Grid([8, 8], Boundary.periodic(2))
    with torch.inference_mode():
        expected = on(net, grid, u, c)
    y = on(net, grid, u, c)
    y.square().sum().backward()
    assert torch.allclose(y, expected, rtol=0, atol=1e-12)
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_copies_and_other_precisions_have_tables_of_their_own():
    boundary = Boundary.periodic(2)
    cloud, net = random_nodes(40, boundary), network(boundary)
    u, c = inputs([40])
    y = on(net, cloud, u, c)
    other = copy.deepcopy(net).float()
    single = on(other, cloud, u.float(), c.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), y, rtol=0, atol=1e-4)
    assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}


@pytest.mark.parametrize("fields", [1, 3])
@pytest.mark.parametrize("bundle", [1, 2, 5, 25, 50])
def test_the_temporal_decoder_reads_snapshot_after_snapshot(bundle, fields):
    """Every output of a bundle hears a stretch of the hidden vector that moves on with time; all of it is heard."""
    torch.manual_seed(0)
    decoder = TemporalDecoder(bundle).build(128, bundle * fields).double()
    h = torch.randn(2, 3, 128, dtype=torch.float64)
    y = decoder(h)
    assert y.shape == (2, 3, bundle * fields)
    convolved = decoder.second(torch.nn.functional.silu(decoder.first(h.view(6, 1, 128))))
    assert torch.allclose(y.view(6, bundle, fields), convolved.mT, rtol=0, atol=1e-12)
    heard = torch.autograd.functional.jacobian(decoder, h[0, 0]).unflatten(0, (bundle, fields)).abs() > 0
    starts = [torch.nonzero(heard[m, 0])[0].item() for m in range(bundle)]
    stride = decoder.first.stride[0]
    assert starts == [m * stride for m in range(bundle)]
    assert heard.any(0).any(0).all()
    # A signal moved by one stride is the same snapshots one later.
    later = decoder(h.roll(stride, -1)).unflatten(-1, (bundle, fields))
    inner = y.unflatten(-1, (bundle, fields))[..., :-1, :]
    assert torch.allclose(later[..., 1:, :], inner, rtol=0, atol=1e-12)


def test_a_decoder_that_does_not_fit_says_so():
    with pytest.raises(ValueError, match=r"model.decoder.bundle: .* asks for 3 channels; got 2"):
        TemporalDecoder(2).build(8, 3)
    with pytest.raises(ValueError, match=r"model.width: .* expected at least 25, got 8"):
        TemporalDecoder(25).build(8, 25)


@pytest.mark.parametrize(
    "geometry",
    [
        Grid([6, 5], Boundary([AROUND, WALL])),
        Grid([6, 5], Boundary([AROUND, AROUND])),
        random_nodes(30, Boundary([WALL, WALL])),
    ],
)
def test_an_exported_network_answers_as_it_does(geometry):
    net = network(geometry.boundary, WithinRadius(1.5), decoder=TemporalDecoder(2), norm=InstanceNorm(), **FAR)
    u, c = inputs(geometry.shape)
    extent = torch.ones(2, 2, dtype=torch.float64)
    expected = on(net, geometry, u, c, extent)
    x = net.points(geometry, extent, u.dtype)
    program = torch.export.export(net, (u, c, x)).module()
    assert torch.allclose(program(u + 1, c, x), net(u + 1, c, x), rtol=0, atol=1e-12)
    assert torch.allclose(program(u, c, x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("geometry", [Grid([6, 5], Boundary([AROUND, WALL])), random_nodes(30, Boundary([WALL]))])
def test_an_exported_step_answers_for_any_batch(geometry):
    """The tables of its geometry are inside."""
    net = network(geometry.boundary, WithinRadius(1.5), **FAR)
    step = Step(SurrogateStepper(net, IncrementPrediction(), Normalizer.empty(2, 2, 1)), geometry)

    def given(batch):
        u, c = inputs(geometry.shape, batch)
        t = torch.zeros(batch, dtype=torch.float64)
        return u[:, None], t, t + 0.1, c, torch.ones(batch, net.spatial_dims, dtype=torch.float64)

    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad():
        expected = step(*given(5))
        program = torch.export.export(step, given(3), dynamic_shapes=({0: batch},) * 5).module()
        assert torch.allclose(program(*given(5)), expected, rtol=0, atol=1e-12)


def test_who_hears_a_point_is_known_where_all_points_are_alike():
    around, walled = (Grid([6, 5], Boundary([side, AROUND])) for side in (AROUND, WALL))
    (table,) = tables_of(around).messages
    places = table.heard.view(30, -1)
    assert torch.equal(table.senders[places], torch.arange(30)[:, None].expand(places.shape))
    assert torch.equal(places.flatten().sort().values, torch.arange(len(table.senders)))
    assert tables_of(walled).messages[0].heard is None


def tables_of(grid):
    return TableStore(RULES[0]).of(grid, (1.0, 1.0), torch.device("cpu"), torch.float64)


@pytest.mark.parametrize(
    ("side", "rule", "backend"),
    [
        # Each takes ten seconds.
        pytest.param(WALL, RULES[1], "aot_eager", id="wall-radius-aot_eager"),
        pytest.param(AROUND, RULES[0], "aot_eager", marks=pytest.mark.slow, id="around-nearest-aot_eager"),
        *(
            pytest.param(side, rule, "inductor", marks=pytest.mark.slow, id=f"{name}-{how}-inductor")
            for side, name in ((WALL, "wall"), (AROUND, "around"))
            for rule, how in zip(RULES, ("nearest", "radius"), strict=True)
        ),
    ],
)
def test_compiled_equals_eager_with_gradients_and_on_another_geometry(side, rule, backend):
    boundary = Boundary([side, AROUND])
    net = network(boundary, rule, **FAR)
    # What is compiled is kept by the code of the class, and at most eight times.
    torch.compiler.reset()
    compiled = torch.compile(net, backend=backend)
    for geometry in (random_nodes(30, boundary), random_nodes(40, boundary), Grid([6, 5], boundary)):
        u, c = inputs(geometry.shape)
        found = []
        for called in (net, compiled):
            net.zero_grad()
            y = on(called, geometry, u, c)
            y.square().sum().backward()
            found.append([y.detach(), *(p.grad.clone() for p in net.parameters())])
        for eager, fused in zip(*found, strict=True):
            assert torch.allclose(eager, fused, rtol=0, atol=1e-10)


def test_a_network_is_one_graph():
    """Nothing about tables is traced: they are made before."""
    grid = Grid([8, 6], Boundary([AROUND, WALL]))
    net = network(grid.boundary, WithinRadius(1.5))
    u, c = inputs(grid.shape)
    expected = on(net, grid, u, c)
    torch.compiler.reset()
    traced = torch.compile(net, backend="eager", fullgraph=True)
    assert torch.allclose(
        traced(u, c, net.points(grid, torch.ones(2, 2).double(), u.dtype)), expected, rtol=0, atol=1e-12
    )
