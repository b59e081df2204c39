"""Layers against formulas: padding, neighbours, the extension of axes with ends."""

import pytest
import torch

from simulation import Boundary, Grid
from surrogates.layers.neighbours import grid_neighbours, nearest_neighbours
from surrogates.layers.padding import pad
from surrogates.models.fno import FNO
from surrogates.models.message_passing import MessagePassing


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
