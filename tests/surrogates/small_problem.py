"""A small equation, windows of known fields and a small network, for the tests of predictions."""

import math

import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import begin
from tendency.simulation.window import Window
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.spectral_solver import SpectralSolver
from tendency.surrogates.interface import Interface
from tendency.surrogates.models.fno import FNO
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate

BATCH, POINTS = 3, 16
GRID = Grid([POINTS], Boundary.periodic(1))


def problem(equation, extent):
    """A solver, conditions and smooth initial states (B, 1, N) of mean zero."""
    diffusivity = torch.linspace(0.5, 1.0, BATCH, dtype=torch.float64)[:, None]
    named = equation.parameter_names
    empty = torch.zeros(BATCH, 0, dtype=torch.float64)
    conditions = Conditions(
        params=diffusivity if named else empty,
        hidden=empty,
        extent=torch.full((BATCH, 1), extent, dtype=torch.float64),
        boundary_values=empty,
        geometry=GRID,
        param_names=named,
    )
    x = 2 * math.pi * torch.arange(POINTS, dtype=torch.float64) / POINTS
    phase = torch.arange(BATCH, dtype=torch.float64)[:, None]
    u = torch.sin(x + phase) + 0.5 * torch.cos(2 * x - phase)
    return SpectralSolver(equation, ETDRK4(), max_step=1e-3), conditions, u[:, None]


def window(history=1, dt=0.1, future=1):
    """Windows of history + future snapshots of fields that grow in time, present at the last of the history."""
    _, conditions, u = problem(Heat(), 16.0)
    times = dt * torch.arange(history + future, dtype=torch.float64).expand(BATCH, -1)
    snapshots = u[:, None] * torch.exp(0.3 * times)[..., None, None]
    present = torch.full((BATCH,), history - 1)
    return Window(
        snapshots, times, conditions, None, torch.arange(BATCH), present, torch.ones(BATCH, dtype=torch.int64)
    )


def fitted(prediction, data, seed=0):
    """An untrained network with the units of a window."""
    return SurrogateStepper(network(prediction, seed), prediction, fit_normalizer(prediction, [data]))


class Answering(Surrogate):
    """A network that is a function of its input and conditions, in network units; it counts its calls."""

    def __init__(self, prediction, answer):
        super().__init__(interface(prediction))
        self.answer, self.calls = answer, 0

    def forward(self, u, c, x):
        self.calls += 1
        self.require_shapes(u, c)
        return self.answer(u, c)


def interface(prediction):
    """Of a network for one field and one parameter."""
    return Interface(prediction.in_channels(1), prediction.out_channels(1), prediction.num_conditions(1), GRID.boundary)


def network(prediction, seed=0):
    torch.manual_seed(seed)
    return FNO(interface(prediction), width=8, modes=4, num_layers=2).double()


def advanced(stepper, data, dt=None):
    u, t = data.history(stepper.history)
    state = begin(stepper, u, t, data.conditions, data.index)
    dt = data.time(1) - data.time(0) if dt is None else dt
    with torch.no_grad():
        return stepper.advance(state.u, state.t, dt, data.conditions, state.memory)
