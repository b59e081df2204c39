"""All settings of a problem's own solver that trade accuracy for time: grid, step, integrator, precision."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendency.app.configuration.build import build
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import InstabilityError, ReferenceSolver
from tendency.simulation.tree import Tree
from tendency.surrogates.predictions.coarse_solver import CoarseSolver

STEPS = ("max_step", "cfl")
"""The arguments by which solvers are told how long their steps may be."""
ROUNDING = 1e-6
"""By which a number of steps may exceed an integer: differences of stored times carry rounding."""


@dataclass(frozen=True)
class SolverSetting:
    """One setting.

    Args:
        group: what it shares with settings of other steps only; where one of these is unstable, so are longer ones.
        label: for people.
        simulator: of states on the problem's grid.
    """

    group: str
    label: str
    simulator: "SolverRun"


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
    node: Mapping[str, Any],
    problem: Problem,
    integrators: Mapping[str, Any],
    coarsenings: Sequence[int],
    factors: Sequence[float],
    precisions: Sequence[str],
    longest: float,
) -> Iterator[SolverSetting]:
    """The settings of a problem's solver, those of one group one after the other with growing steps.

    Args:
        node: the problem's, plain data.
        problem: what it builds.
        integrators: by name; those of the kind of the problem's own are interchangeable with it.
        coarsenings: of the grid; those that do not divide it are left out.
        factors: on the solver's own step.
        precisions: ``float64`` and ``float32``, where the solver has a choice.
        longest: time between snapshots, beyond which no step gets longer.
    """
    simulator = node["simulator"]
    step = next((key for key in STEPS if key in simulator), None)
    schemes = {"its own integrator": simulator.get("integrator")} | _interchangeable(problem, integrators)
    chosen = list(precisions) if "precision" in _arguments(problem) else ["float64"]
    for coarsening, (name, integrator), precision in itertools.product(coarsenings, schemes.items(), chosen):
        try:
            shape = " x ".join(map(str, CoarseSolver(problem.simulator, coarsening).shape(problem.geometry)))
        except ValueError:
            continue  # a grid that cannot be thinned so
        inner_steps = 0
        for factor in factors if step is not None else (1.0,):
            changed = dict(simulator) | ({} if integrator is None else {"integrator": integrator})
            changed |= {"precision": precision} if len(chosen) > 1 else {}
            if step is not None:
                if step == "max_step" and inner_steps == 1:
                    continue  # one step takes it from snapshot to snapshot already
                changed[step] = simulator[step] * factor
                inner_steps = math.ceil(longest / changed[step] - ROUNDING)
            try:
                solver = build(changed, "pde.simulator")
            except ValueError:
                continue  # a Courant number above 1, or an integrator that the equation refuses
            group = f"{shape}, {name}, {precision}"
            label = f"{shape}, {name}, {factor:g} x the step, {precision}"
            yield SolverSetting(group, label, SolverRun(solver, coarsening))


def _interchangeable(problem: Problem, integrators: Mapping[str, Any]) -> dict[str, Any]:
    """The integrators that share the abstract class of the problem's own, and are not that one."""
    own = getattr(getattr(problem.simulator, "solver", problem.simulator), "integrator", None)
    if own is None:
        return {}
    kind = type(own).__mro__[1]
    return {
        name: other for name, other in integrators.items() if isinstance(other, kind) and scheme(other) != scheme(own)
    }


def scheme(integrator: Any) -> list[Any]:
    """What an integrator is, as plain data: its class and its settings, schemes inside it included."""
    settings = {key: scheme(value) if hasattr(value, "__dict__") else value for key, value in vars(integrator).items()}
    return [type(integrator).__name__, settings]


def _arguments(problem: Problem) -> set[str]:
    code = type(problem.simulator).__init__.__code__
    return set(code.co_varnames[: code.co_argcount])
