"""Conditions of some rows, and of several batches as one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid

GRID = Grid([4], Boundary.periodic(1))


def conditions(rows, speed):
    return Conditions.from_values(GRID, [2.0], {"speed": speed, "viscosity": 0.1}, {"phase": -1.0}, rows)


def same(a, b):
    names = ("params", "hidden", "extent", "boundary_values")
    return (a.param_names, a.hidden_names) == (b.param_names, b.hidden_names) and all(
        torch.equal(getattr(a, name), getattr(b, name)) and getattr(a, name).dtype == torch.float64 for name in names
    )


def test_values_become_columns_of_one_number_for_each_row():
    c = conditions(3, np.array([1.0, 2.0, 3.0], dtype=np.float32))
    assert c.parameter("speed").tolist() == [1.0, 2.0, 3.0]
    assert c.parameter("viscosity").tolist() == [0.1] * 3
    assert c.parameter("phase").tolist() == [-1.0] * 3
    assert c.extent.tolist() == [[2.0]] * 3
    assert c.boundary_values.shape == (3, 0)
    with pytest.raises(ValueError, match=r"params: expected one number or 3, got shape \(2,\)"):
        conditions(3, [1.0, 2.0])


@pytest.mark.parametrize("rows", [slice(1, 3), torch.tensor([2, 0, 2]), torch.tensor([True, False, True])])
def test_rows_are_those_of_every_column(rows):
    speed = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert same(conditions(3, speed)[rows], conditions(len(speed[rows]), speed[rows]))


def test_joined_rows_are_the_whole():
    c = conditions(3, [1.0, 2.0, 3.0])
    joined = Conditions.joined([c[:1], c[1:]])
    assert same(joined, c)
    assert joined.geometry is GRID
    assert same(Conditions.joined([c]), c)


def test_what_is_no_batch_cannot_be_joined():
    c = conditions(1, 1.0)
    with pytest.raises(ValueError, match="at least one"):
        Conditions.joined([])
    with pytest.raises(ValueError, match="expected the parameters"):
        Conditions.joined([c, replace(c, param_names=("viscosity", "speed"))])
    with pytest.raises(ValueError, match="one geometry"):
        Conditions.joined([c, replace(c, geometry=GRID.scaled(2))])


def test_conditions_are_no_sequence():
    with pytest.raises(TypeError, match="not iterable"):
        list(conditions(2, 1.0))


def test_known_fields_go_with_the_rows_and_are_joined_by_name():
    speed = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    fields, times = torch.arange(24.0).reshape(3, 2, 4), torch.tensor([[0.0, 1.0]]).expand(3, -1)
    told = conditions(3, speed).with_given(fields, ["mask", "source"]).with_forcing(fields[:, :, None], times)
    assert (
        repr(told) == "Conditions(3 trajectories: speed, viscosity, phase, mask, source; Grid(4, Boundary(periodic)))"
    )
    again = Conditions.joined([told[2:], told[:2]])
    assert torch.equal(again.given, fields[[2, 0, 1]])
    assert torch.equal(again.forcing, fields[[2, 0, 1]][:, :, None])
    assert torch.equal(again.forcing_times, times)
    bare = told.without_fields()
    assert bare.given is None
    assert bare.known_at(times[:, 0]) is None
    for other, message in [
        (bare, "expected given in all batches to join, got some without"),
        (told.with_given(fields, ["mask", "sink"]), r"expected the constant fields \('mask', 'source'\) in each batch"),
        (told.with_forcing(fields[:, :1, None], times[:, :1]), "expected forcing of one shape in all batches to join"),
    ]:
        with pytest.raises(ValueError, match=message):
            Conditions.joined([told, other])
    with pytest.raises(ValueError, match=r"given: expected shape \(3, 1, 4\) for \['mask'\], got \(3, 2, 4\)"):
        told.with_given(fields, ["mask"])
    with pytest.raises(ValueError, match=r"forcing: expected \(3, K, C_f, 4\) and times \(3, K\), got"):
        told.with_forcing(fields[:, :, None], times[:2])
    with pytest.raises(ValueError, match="forcing: expected at least one time"):
        told.with_forcing(fields[:, :0, None], times[:, :0])


def test_an_obstacle_has_no_weight():
    mask = torch.tensor([[[1.0, 0.0, 0.5, 0.75]]]).expand(2, -1, -1)
    told = conditions(2, 1.0).with_given(mask, ["mask"])
    assert told.weights().tolist() == [[0.5, 0.0, 0.0, 0.5]] * 2
    assert conditions(2, 1.0).weights().tolist() == [[0.5] * 4] * 2
    assert told.with_given(mask, ["porosity"]).weights().tolist() == [[0.5] * 4] * 2
