"""Problems as the configuration builds them, and conditions by hand."""

import pytest
import torch

from simulation import Boundary, Conditions, Grid
from tendency.build import load_problem
from tendency.compose import conf_folder

PDES = sorted(path.stem for path in (conf_folder() / "pde").glob("*.yaml"))


@pytest.fixture(params=PDES)
def problem(request):
    """Each problem of conf/pde in turn; where solutions jump its small form, since no grid is fine enough anyway."""
    problem = load_problem(request.param)
    return load_problem(request.param, small=True) if problem.simulator.error_norm == 1 else problem


@pytest.fixture
def conditions():
    """``conditions([64], [[16.0]], speed=[1.0])``: one row for each parameter value; periodic unless ``sides`` say."""

    def make(shape, extent, sides=None, **parameters):
        values = torch.tensor([list(row) for row in zip(*parameters.values(), strict=True)], dtype=torch.float64)
        lengths = torch.tensor(extent, dtype=torch.float64)
        empty = torch.zeros(len(lengths), 0, dtype=torch.float64)
        grid = Grid(shape, Boundary(sides) if sides else Boundary.periodic(len(shape)))
        params = values if parameters else empty
        return Conditions(params, empty, lengths, empty, grid, tuple(parameters), ())

    return make
