"""Problems as the configuration builds them, conditions by hand, and calculus.py beside the tests."""

import functools
import sys
from pathlib import Path

import pytest
import torch

from tendency.app.configuration.build import load_problem
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.small_form import problem_node
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

PDES = sorted(path.stem for path in (conf_folder() / "pde").glob("*.yaml"))
MOST_WORK = 750_000
"""Points (images behind walls too) times steps per unit of time: a problem above it is tested in its small form."""


@functools.cache
def work(name):
    node = problem_node(name)
    points = 1.0
    for n, (lower, _) in zip(node["geometry"]["shape"], node["geometry"]["boundary"]["sides"], strict=True):
        points *= n if lower == "periodic" else 2 * n
    return points / float(node["simulator"].get("max_step", 1.0))


@pytest.fixture(params=PDES)
def problem(request):
    """Each problem of conf/pde in turn; in its small form if it is large, or if its solutions jump on any grid."""
    full = load_problem(request.param)
    small = full.simulator.error_norm == 1 or work(request.param) > MOST_WORK
    return load_problem(request.param, small=True) if small else full


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
