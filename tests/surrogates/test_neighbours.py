"""Neighbour tables against a search of all pairs, on grids, clouds and both, with walls and around the torus."""

import itertools

import pytest
import torch
from clouds import as_cloud, box_of_square_cells

from tendency.simulation.geometry import Boundary, Grid, PointCloud, chebyshev_nodes, random_nodes
from tendency.surrogates.layers.messages.message_tables import KEPT, TableStore, box_shapes
from tendency.surrogates.layers.messages.neighbours import Nearest, WithinRadius

WALL, AROUND = ["dirichlet", "neumann"], ["periodic", "periodic"]
BOUNDARIES = [
    Boundary(sides)
    for sides in (
        [AROUND],
        [WALL],
        [AROUND, AROUND],
        [WALL, AROUND],
        [AROUND, WALL],
        [WALL, WALL],
        [AROUND, WALL, WALL],
    )
]


def search(positions, sides, boundary):
    """Offsets (M, M, D) to the nearest image of each point, from all images there are."""
    dims = boundary.spatial_dims
    ranges = [(-1, 0, 1) if boundary.is_periodic(axis) else (0,) for axis in range(dims)]
    images = torch.tensor(list(itertools.product(*ranges)), dtype=torch.float64) * sides
    apart = positions[None, :, None] + images - positions[:, None, None]
    closest = apart.norm(dim=-1).argmin(-1)
    return torch.take_along_dim(apart, closest[..., None, None], 2)[:, :, 0]


def rows_of(found):
    return [set(row[there].tolist()) for row, there in zip(found.index, found.present, strict=True)]


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: f"{boundary.to_dict()['sides']}")
@pytest.mark.parametrize("box", [(1.0, 1.0, 1.0), (2.0, 0.5, 1.0)])
def test_nodes_of_a_cloud_have_the_neighbours_that_a_search_finds(boundary, box):
    dims = boundary.spatial_dims
    cloud = random_nodes(70, boundary, seed=3)
    box = torch.tensor(box[:dims], dtype=torch.float64)
    box = box / box.prod() ** (1 / dims)
    sides = box * 70 ** (1 / dims)
    apart = search(cloud.positions * sides, sides, boundary)
    distance = apart.norm(dim=-1).fill_diagonal_(torch.inf)
    nearest = Nearest(7).of(cloud, box.tolist())
    assert nearest.present.all()
    assert rows_of(nearest) == [set(row.tolist()) for row in distance.topk(7, largest=False).indices]
    within = WithinRadius(1.3).of(cloud, box.tolist())
    assert rows_of(within) == [set(torch.nonzero(row <= 1.3)[:, 0].tolist()) for row in distance]
    for found in (nearest, within):
        rows = torch.arange(70)[:, None].expand_as(found.index)
        expected = apart[rows, found.index][found.present]
        assert torch.allclose(found.offset[found.present], expected, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: f"{boundary.to_dict()['sides']}")
@pytest.mark.parametrize(
    "rule",
    [Nearest([4, 8, 18]), Nearest(5), WithinRadius(1.5), WithinRadius(2.5)],
    ids=["nearest", "nearest-5", "radius-1.5", "radius-2.5"],
)
def test_a_cloud_of_a_grids_points_has_the_grids_neighbours(boundary, rule):
    """Square cells in a box that is no square; ties are broken alike."""
    shape = [6, 9, 5][: boundary.spatial_dims]
    grid = Grid(shape, boundary)
    on_grid, on_nodes = rule.of(grid, (1.0,) * len(shape)), rule.of(as_cloud(grid), box_of_square_cells(grid))
    assert rows_of(on_grid) == rows_of(on_nodes)
    assert torch.equal(on_grid.present.sum(1), on_nodes.present.sum(1))
    for node in range(len(on_grid.index)):
        places = [
            {(int(j), *(round(float(s), 6) for s in step)) for j, step, there in zip(*row, strict=True) if there}
            for row in ((f.index[node], f.offset[node] + 0.0, f.present[node]) for f in (on_grid, on_nodes))
        ]
        assert places[0] == places[1]


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: f"{boundary.to_dict()['sides']}")
@pytest.mark.parametrize("rule", [Nearest([4, 8, 18]), WithinRadius(1.5)], ids=["nearest", "radius"])
@pytest.mark.parametrize("dilation", [2, 3])
def test_far_neighbours_of_a_cloud_of_a_grids_points_are_the_grids(boundary, rule, dilation):
    """All at ``dilation`` times the steps of the rule, in the same order; beyond a wall there is none."""
    shape = [14, 13, 15][: boundary.spatial_dims]
    grid = Grid(shape, boundary)
    on_grid = rule.far(grid, (1.0,) * len(shape), dilation)
    on_nodes = rule.far(as_cloud(grid), box_of_square_cells(grid), dilation)
    assert torch.equal(on_grid.present, on_nodes.present)
    assert on_grid.present.all() == all(boundary.periodic_axes)
    assert torch.equal(on_grid.index[on_grid.present], on_nodes.index[on_grid.present])
    steps = dilation * torch.tensor(rule.steps(len(shape)), dtype=torch.float64)
    assert torch.equal(on_grid.offset, steps.expand_as(on_grid.offset))
    assert torch.allclose(on_nodes.offset[on_grid.present], on_grid.offset[on_grid.present], atol=1e-9)


def test_far_neighbours_among_random_nodes_are_the_nearest_to_their_places():
    boundary = Boundary([AROUND, WALL])
    cloud = random_nodes(200, boundary, seed=3)
    found = Nearest(8).far(cloud, (1.0, 1.0), 3)
    sides = torch.full((2,), 200**0.5, dtype=torch.float64)
    apart = search(cloud.positions * sides, sides, boundary)
    for column, step in enumerate(Nearest(8).steps(2)):
        place = 3 * torch.tensor(step, dtype=torch.float64)
        there = found.present[:, column]
        miss = (apart - place).norm(dim=-1).amin(1)
        assert torch.allclose((found.offset[:, column] - place).norm(dim=-1)[there], miss[there], atol=1e-9)
        height = cloud.positions[:, 1] * sides[1] + place[1]
        assert torch.equal(there, (height >= 0) & (height <= sides[1]))


def test_neighbours_of_a_grid_wrap_or_end():
    around = WithinRadius(1).of(Grid([4], Boundary.periodic(1)), (1.0,))
    assert around.index.tolist() == [[3, 1], [0, 2], [1, 3], [2, 0]]
    assert around.present.all()
    walled = WithinRadius(1).of(Grid([4], Boundary([["open", "open"]])), (1.0,))
    assert walled.present.tolist() == [[False, True], [True, True], [True, True], [True, False]]
    one_sided = Nearest(2).of(Grid([4], Boundary([["open", "open"]])), (1.0,))
    assert one_sided.offset[..., 0].tolist() == [[1, 2], [-1, 1], [-1, 1], [-1, -2]]


@pytest.mark.parametrize(("dims", "counts"), [(1, (2, 2, 4)), (2, (4, 8, 20)), (3, (6, 18, 80))])
def test_radii_of_a_grid_are_the_known_stencils(dims, counts):
    grid = Grid([8] * dims, Boundary.periodic(dims))
    for radius, count in zip((1.0, 1.5, 2.5), counts, strict=True):
        assert WithinRadius(radius).of(grid, (1.0,) * dims).index.shape[1] == count


def test_no_point_of_a_small_torus_is_heard_twice():
    for rule in (WithinRadius(9.0), Nearest(3)):
        found = rule.of(Grid([4], Boundary.periodic(1)), (1.0,))
        assert [sorted(row) for row in found.index.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_what_cannot_be_is_named():
    walled = Boundary([WALL])
    with pytest.raises(ValueError, match=r"model.neighbours.count: each of 5 points has 4 others, got 6"):
        Nearest(6).of(chebyshev_nodes(5, walled), (1.0,))
    with pytest.raises(ValueError, match=r"model.neighbours.count: each of 16 points has 15 others, got 18"):
        Nearest([4, 18, 18]).of(Grid([4, 4], Boundary.periodic(2)), (1.0, 1.0))
    with pytest.raises(ValueError, match="expected one number or three"):
        Nearest([4, 8])
    with pytest.raises(ValueError, match=r"model.neighbours.radius: no point has another within 0.5 spacings"):
        WithinRadius(0.5).of(Grid([8], walled), (1.0,))
    with pytest.raises(ValueError, match=r"model.neighbours.radius: no point has another within 0.5 spacings"):
        WithinRadius(0.5).far(Grid([8], walled), (1.0,), 2)
    weights = torch.full((4,), 0.25, dtype=torch.float64)
    twice = torch.tensor([[0.1], [0.5], [0.9], [0.5]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"pde.store_on: nodes 1 and 3 lie at the same place"):
        Nearest(2).of(PointCloud(twice, weights, walled), (1.0,))
    for geometry in (Grid([16, 32], Boundary.periodic(2)), random_nodes(256, Boundary.periodic(2))):
        with pytest.raises(
            ValueError, match=r"model.dilations: 8 reaches 8 spacings; expected less than half of the 16"
        ):
            Nearest(8).far(geometry, (1.0, 1.0), 8)
    assert not Nearest(8).far(Grid([8, 8], Boundary([WALL, WALL])), (1.0, 1.0), 8).present.any()
    ends = torch.tensor([[0.0], [0.3], [0.6], [1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="nodes 0 and 3 lie at the same place"):
        Nearest(2).of(PointCloud(ends, weights, Boundary.periodic(1)), (1.0,))
    Nearest(2).of(PointCloud(ends, weights, walled), (1.0,))


def test_tables_are_made_once_and_not_kept_for_ever(monkeypatch):
    rule, made = Nearest(2), []
    monkeypatch.setattr(rule, "of", lambda geometry, box: made.append(geometry) or Nearest(2).of(geometry, box))
    tables, cpu = TableStore(rule), torch.device("cpu")

    def table(points, dtype=torch.float64):
        return tables.of(Grid([points], Boundary.periodic(1)), (1.0,), cpu, dtype)

    assert table(8) is table(8)
    assert table(8, torch.float32).messages[0].offset.dtype == torch.float32
    assert len(made) == 2
    for points in range(9, 9 + KEPT):
        table(points)
    assert len(tables.made) == KEPT
    table(8)
    assert len(made) == 3 + KEPT


def test_boxes_of_equal_shape_are_one():
    extent = torch.tensor([[1.0, 2.0], [0.1, 0.2], [2.0, 1.0], [3.0, 6.0]])
    shapes, which = box_shapes(extent)
    assert len(shapes) == 2
    assert which.tolist() == [which[0], which[0], which[2], which[0]]
    assert torch.allclose(shapes.prod(1), torch.ones(2, dtype=torch.float64), atol=1e-5)
