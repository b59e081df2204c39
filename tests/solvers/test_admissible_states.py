"""States from which an equation has no solution: refused where they are known, and named where a solution fails."""

import math

import pytest
import torch

from tendency.simulation.simulator import InstabilityError
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.explicit_runge_kutta import ExplicitSSPRK3, RungeKuttaLegendre
from tendency.solvers.finite_volume import HLL, Piecewise
from tendency.solvers.finite_volume_solver import FiniteVolumeSolver
from tendency.solvers.method_of_lines_solver import MethodOfLinesSolver
from tendency.solvers.pdes.diffusion_sorption import DiffusionSorption
from tendency.solvers.pdes.fisher import Fisher
from tendency.solvers.pdes.shallow_water import ShallowWater
from tendency.solvers.reflected_solver import ReflectedSolver
from tendency.solvers.spectral_solver import SpectralSolver

ZERO = torch.zeros(1, dtype=torch.float64)


def wave(c):
    return torch.sin(2 * math.pi * c.geometry.coordinates(c.extent) / c.extent[:, 0, None, None])


def test_a_population_below_zero_is_refused_before_anything_is_solved(conditions):
    c = conditions([16], [[1.0]], diffusivity=[0.01], growth=[1.0])
    torus = SpectralSolver(Fisher(), ETDRK4(), 0.05)
    for solver in (torus, ReflectedSolver(Fisher(), ETDRK4(), 0.05)):
        with pytest.raises(ValueError, match=r"pde.initial_condition: fisher has solutions from u >= 0 on, got -1"):
            solver.start(wave(c)[:, None], ZERO[:, None], c, ZERO.long())
        for lowest in (0.0, -1e-3):
            solver.start((lowest + (1 + wave(c)) / 2)[:, None], ZERO[:, None], c, ZERO.long())


def test_a_start_that_nobody_refused_is_named_where_its_solution_ends(conditions):
    """Every kind of solver says that the start may be to blame, beside its own settings."""
    population = conditions([16], [[1.0]], diffusivity=[0.01], growth=[1.0])
    lake = conditions([16], [[1.0]], [["open", "open"]], gravity=[1.0])
    soil = conditions([16], [[1.0]], [["dirichlet", "open"]], diffusivity=[5e-4])
    water = torch.cat([wave(lake) + 2, 0 * wave(lake)], 1)
    solved = [
        (SpectralSolver(Fisher(), ETDRK4(), 0.05), population, wave(population) - 2, r"max_step \(now 0.05\)"),
        (
            FiniteVolumeSolver(ShallowWater(), Piecewise(), HLL(), ExplicitSSPRK3()),
            lake,
            water * math.nan,
            "simulator.cfl",
        ),
        (
            MethodOfLinesSolver(DiffusionSorption(), RungeKuttaLegendre(), 1.0),
            soil,
            water[:, :1] * math.nan,
            "max_step",
        ),
    ]
    for solver, c, start, setting in solved:
        with pytest.raises(InstabilityError, match=f"{setting}.* or start where the equation has solutions"):
            solver.advance(start, ZERO, ZERO + 20, c, {})
