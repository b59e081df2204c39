"""All settings of a problem's own solver that trade accuracy for time: grid, step, integrator, precision."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import (
    AdjustableSolver,
    InstabilityError,
    Precision,
    ReferenceSolver,
    SolverSettings,
)
from tendency.simulation.tree import Tree
from tendency.surrogates.predictions.coarse_solver import CoarseSolver

OWN_INTEGRATOR = "its own integrator"
"""The name of the scheme that the problem's solver steps with."""
ROUNDING = 1e-6
"""By which a number of steps may exceed an integer: differences of stored times carry rounding."""


@dataclass(frozen=True)
class SolverSetting:
    """One setting of a problem's solver.

    Args:
        shape: points on each axis of the grid that it works on.
        integrator: the name of the scheme.
        step_factor: the length of its steps, in steps of the problem's solver.
        precision: the precision of its arithmetic.
        is_own: whether the problem's data were solved with it.
        simulator: the solver with this setting, a simulator of states on the problem's grid.
    """

    shape: tuple[int, ...]
    integrator: str
    step_factor: float
    precision: str
    is_own: bool
    simulator: "SolverRun"

    @property
    def group(self) -> tuple[tuple[int, ...], str, str]:
        """What it shares with settings of other steps only; where one of these is unstable, so are longer ones."""
        return self.shape, self.integrator, self.precision

    @property
    def label(self) -> str:
        """The setting in words."""
        grid = " x ".join(map(str, self.shape))
        return f"{grid}, {self.integrator}, {self.step_factor:g} x the step, {self.precision}"


class SolverRun:
    """A solver on a grid of its own from the start of a rollout to its end; a Simulator of states on the fine grid.

    It goes on from its own last state, so that a multistep scheme keeps its past: each state is brought to the fine
    grid, none is brought back. So it answers rollouts alone, whose states nobody changes on the way. Where it breaks
    down, all states are NaN.

    Args:
        solver: with its own time step and scheme.
        coarsening: how many times fewer points its grid has on each axis.
    """

    history = 1

    def __init__(self, solver: ReferenceSolver, coarsening: PositiveInt) -> None:
        self.solver, self.grids = solver, CoarseSolver(solver, coarsening)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The state on the solver's grid, and the solver's memory."""
        own = self.grids.coarse(conditions)
        state = self.grids.moved(u[:, -1].double(), conditions, own)
        return {"state": state, "solver": self.solver.start(state[:, None], t[:, -1:], own, seed)}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The solver's next state (B, C, *N), in the dtype of u."""
        own = self.grids.coarse(conditions)
        try:
            state, solver = self.solver.advance(memory["state"], t, dt, own, memory["solver"])
        except InstabilityError:
            state, solver = torch.full_like(memory["state"], torch.nan), memory["solver"]
        return self.grids.moved(state, own, conditions).to(u.dtype), {"state": state, "solver": solver}


def solver_settings(
    problem: Problem,
    integrators: Mapping[str, Any],
    coarsenings: Sequence[int],
    factors: Sequence[float],
    precisions: Sequence[Precision],
    longest: float,
) -> Iterator[SolverSetting]:
    """The settings of a problem's solver, those of one group one after the other with growing steps.

    A solver that states no settings has its own alone, on each of the grids.

    Args:
        problem: the problem whose solver is varied.
        integrators: schemes by name; those of the kind of the solver's own are interchangeable with it.
        coarsenings: factors by which the grid is thinned; those that do not divide it are left out.
        factors: factors on the solver's own step, increasing.
        precisions: precisions to choose from, where the solver has a choice.
        longest: the longest time between snapshots; no step needs to be longer.
    """
    variants = list(_variants(problem.simulator, integrators, factors, precisions, longest))
    for coarsening in coarsenings:
        try:
            shape = tuple(CoarseSolver(problem.simulator, coarsening).shape(problem.geometry))
        except ValueError:
            continue  # a grid that cannot be thinned so
        for variant in variants:
            yield SolverSetting(
                shape,
                variant.integrator,
                variant.step_factor,
                variant.precision,
                variant.is_own and coarsening == 1,
                SolverRun(variant.solver, coarsening),
            )


@dataclass(frozen=True)
class _Variant:
    """A setting of a solver on whatever grid; the fields are those of ``SolverSetting``."""

    integrator: str
    step_factor: float
    precision: Precision
    is_own: bool
    solver: ReferenceSolver


def _variants(
    solver: ReferenceSolver,
    integrators: Mapping[str, Any],
    factors: Sequence[float],
    precisions: Sequence[Precision],
    longest: float,
) -> Iterator[_Variant]:
    """The solver with each of its integrators, precisions and steps."""
    if not isinstance(solver, AdjustableSolver):
        yield _Variant(OWN_INTEGRATOR, 1.0, "float64", True, solver)
        return
    own = solver.settings()
    schemes = {OWN_INTEGRATOR: own.integrator} | _interchangeable(own, integrators)
    choices = [None] if own.precision is None else precisions
    for (name, integrator), precision in itertools.product(schemes.items(), choices):
        for factor in _useful_factors(own, factors, longest):
            settings = replace(own, step=own.step * factor, integrator=integrator, precision=precision)
            try:
                changed = solver.with_settings(settings)
            except ValueError:
                continue  # an integrator that the equation refuses
            yield _Variant(name, factor, precision or "float64", settings == own, changed)


def _useful_factors(own: SolverSettings, factors: Sequence[float], longest: float) -> Iterator[float]:
    """The factors on the solver's step up to the first that takes it from snapshot to snapshot in one."""
    for factor in factors:
        yield factor
        if own.step_is_time and math.ceil(longest / (own.step * factor) - ROUNDING) <= 1:
            return


def _interchangeable(own: SolverSettings, integrators: Mapping[str, Any]) -> dict[str, Any]:
    """The integrators that can stand in the place of the solver's own, and are not that one."""
    described = describe_integrator(own.integrator)
    return {
        name: other
        for name, other in integrators.items()
        if isinstance(other, own.integrator_kind) and describe_integrator(other) != described
    }


def describe_integrator(integrator: Any) -> list[Any]:
    """An integrator as plain data: its class and its settings, those of schemes inside it included."""
    settings = {
        key: describe_integrator(value) if hasattr(value, "__dict__") else value
        for key, value in vars(integrator).items()
    }
    return [type(integrator).__name__, settings]
