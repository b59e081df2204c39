"""All settings of a problem's own solver that trade accuracy for time: grid, step, integrator, precision."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulation.geometry import Grid
from simulation.problem import Problem
from surrogates.coarse_solver import CoarseSolver
from tendency.build import build

STEPS = ("max_step", "cfl")
"""The arguments by which solvers are told how long their steps may be."""


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
    simulator: CoarseSolver


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
    for coarsening, (name, scheme), precision in itertools.product(coarsenings, schemes.items(), chosen):
        grid = problem.geometry
        if not isinstance(grid, Grid) or any(n % coarsening or n // coarsening < 4 for n in grid.shape):
            continue
        shape = " x ".join(str(n // coarsening) for n in grid.shape)
        for factor in factors if step is not None else (1.0,):
            changed = dict(simulator) | ({} if scheme is None else {"integrator": scheme})
            changed |= {"precision": precision} if len(chosen) > 1 else {}
            if step is not None:
                changed[step] = simulator[step] * factor
                if step == "max_step" and factor > 1 and changed[step] >= 2 * longest:
                    continue
            try:
                solver = build(changed, "pde.simulator")
            except ValueError:
                continue  # a Courant number above 1, or an integrator that the equation refuses
            group = f"{shape}, {name}, {precision}"
            yield SolverSetting(
                group, f"{shape}, {name}, {factor:g} x the step, {precision}", CoarseSolver(solver, coarsening)
            )


def _interchangeable(problem: Problem, integrators: Mapping[str, Any]) -> dict[str, Any]:
    """The integrators that share the abstract class of the problem's own, and are not that one."""
    own = getattr(getattr(problem.simulator, "solver", problem.simulator), "integrator", None)
    if own is None:
        return {}
    kind = type(own).__mro__[1]
    return {
        name: other
        for name, other in integrators.items()
        if isinstance(other, kind) and (type(other), vars(other)) != (type(own), vars(own))
    }


def _arguments(problem: Problem) -> set[str]:
    code = type(problem.simulator).__init__.__code__
    return set(code.co_varnames[: code.co_argcount])
