"""What a dataset must show before it is made: figures beside their tolerances."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tendency.data.metadata import DatasetError
from tendency.simulation.conditions import Conditions
from tendency.simulation.conserved import density_size, mean_drift, require_densities
from tendency.simulation.geometry import Grid
from tendency.simulation.problem import Draw, Problem
from tendency.simulation.simulator import ReferenceSolver, begin, rollout

MANY_DRAWS = 64
"""Draws that are looked at to see that parameters vary; they cost nothing beside a solve."""

NEVER_CERTIFIED = "never certified; no error of these data was ever measured"

SPACINGS = {1.0: 4096, 2.0: 64}
"""Into how many parts the time between snapshots is cut to compare u_t with a difference, by the norm of errors.

Where solutions jump, u_t changes while a front crosses a cell and has kinks where a limiter changes its mind: states
must lie much closer than the solver's own steps, so that next to no cell meets a kink between them.
"""


AS_PUBLISHED = "as published"


@dataclass(frozen=True)
class Figure:
    """One line of a certificate: a measured value, the most that it may be, and what helps if it is more.

    Args:
        name: what was measured.
        value: that was measured.
        tolerance: the most that it may be.
        remedy: where it is more.
        binding: whether data are refused then.
        otherwise: what is said then of a figure that does not bind.
    """

    name: str
    value: float
    tolerance: float
    remedy: str
    binding: bool = True
    otherwise: str = AS_PUBLISHED

    @property
    def holds(self) -> bool:
        """Whether the value is within its tolerance; NaN is not."""
        return self.value <= self.tolerance

    @property
    def limit(self) -> str:
        """The tolerance in digits, two where one does not say it."""
        short = f"{self.tolerance:.0e}"
        return short if float(short) == self.tolerance else f"{self.tolerance:.1e}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        plain = {name: getattr(self, name) for name in ("name", "value", "tolerance", "remedy", "binding")}
        return plain if self.otherwise == AS_PUBLISHED else plain | {"otherwise": self.otherwise}


@dataclass(frozen=True)
class Certificate:
    """The figures of a dataset, measured on ``trajectories`` sample trajectories.

    Args:
        figures: that were measured.
        trajectories: on which they were measured.
        notes: sentences on data that were not solved here: whether they solve an equation, first of all.
    """

    figures: tuple[Figure, ...]
    trajectories: int
    notes: tuple[str, ...] = ()

    @property
    def certified(self) -> bool:
        """Whether anything was measured."""
        return bool(self.figures) and self.trajectories > 0

    @property
    def passed(self) -> bool:
        """Whether something was measured, and every figure that binds holds."""
        return self.certified and all(figure.holds or not figure.binding for figure in self.figures)

    def lines(self) -> list[str]:
        """A small table."""
        if not self.certified:
            return [f"certificate: {NEVER_CERTIFIED}"]
        lines = [f"certificate on {self.trajectories} trajectories"]
        for figure in self.figures:
            verdict = "ok" if figure.holds else "FAILS" if figure.binding else figure.otherwise
            lines.append(f"  {figure.name:<48} {figure.value:9.2e}  <= {figure.limit}  {verdict}")
        return [*lines, *(f"  {line}" for line in self.told())]

    def told(self) -> list[str]:
        """What is told of data that were not solved here: the notes, and each figure above its tolerance in words."""
        if not self.notes:
            return []
        # Of a figure without a remedy the notes say all.
        above = [figure for figure in self.figures if figure.remedy and not figure.holds]
        return [*self.notes, *(f"{figure.name}, {figure.value:.3g}: {figure.remedy}" for figure in above)]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        plain = {
            "trajectories": self.trajectories,
            "passed": self.passed,
            "figures": [figure.to_dict() for figure in self.figures],
        }
        # Without notes it reads as those that were written before there were any.
        return plain | ({"notes": list(self.notes)} if self.notes else {})

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Certificate":
        """The inverse of ``to_dict``."""
        figures = tuple(Figure(**figure) for figure in plain["figures"])
        return cls(figures, plain["trajectories"], tuple(plain.get("notes", ())))

    def require(self) -> None:
        """Refuses a dataset whose figures do not hold.

        Raises:
            DatasetError: with the figures and the remedies.
        """
        if self.passed:
            return
        if not self.certified:
            raise DatasetError(f"certificate: {NEVER_CERTIFIED}")
        failing = [figure for figure in self.figures if figure.binding and not figure.holds]
        remedies = [f"{figure.name}: {figure.remedy}" for figure in failing]
        raise DatasetError(
            "\n".join(
                [
                    "the certificate fails, so the dataset is not used, and nothing was generated",
                    *self.lines()[1 : 1 + len(self.figures)],
                    *remedies,
                ]
            )
        )


def certify(problem: Problem) -> Certificate:
    """Measures the figures of a problem on a sample of its training trajectories.

    The sample is the first two, and among the first ``MANY_DRAWS`` those with the smallest and the largest value of
    each parameter that surrogates are told: thin fronts and fast flows lie at the ends of a range, not in its middle.

    Args:
        problem: with its tolerances.

    Raises:
        InstabilityError: the solver itself fails.
    """
    solver, tolerances = problem.simulator, problem.tolerances
    sample = _sample(problem)
    draw = problem.draws("train", sample)
    start = problem.first_snapshot(draw)
    binding = problem.resolution == "resolved"
    finer = "lower pde.simulator.max_step (or cfl), or raise pde.geometry.shape"
    norm = f"L{solver.error_norm:g}"
    figures = [
        Figure(
            f"{norm} error against a 2x refined run over {tolerances.window:g}",
            _refinement_error(problem, draw, start),
            tolerances.refinement,
            finer,
            binding,
        ),
        Figure(
            f"u_t against a difference of the trajectory, {norm}",
            _derivative_error(solver, draw, start),
            tolerances.derivative,
            "the time derivative of the equation and its trajectory disagree; " + finer,
        ),
    ]
    u, conserved = _trajectory_and_drift(solver, draw, start)
    figures += [Figure(f"drift of {name}", drift, tolerances.conservation, finer) for name, drift in conserved.items()]
    return Certificate((*figures, *_variation(problem, u)), len(sample))


def _sample(problem: Problem) -> list[int]:
    """Indices of the training trajectories that are measured."""
    names = [name for name in problem.param_names if problem.parameters[name].varies]
    chosen = {0, 1}
    if names:
        conditions = [problem.draw("train", index).conditions for index in range(MANY_DRAWS)]
        for name in names:
            values = [float(c.parameter(name)) for c in conditions]
            chosen |= {values.index(min(values)), values.index(max(values))}
    return sorted(chosen)


def _solve(solver: ReferenceSolver, u: Tensor, times: Tensor, conditions: Conditions) -> list[Tensor]:
    seed = torch.zeros(len(u), dtype=torch.int64)
    progress = begin(solver, u[:, None], times[:, :1], conditions, seed)
    return [u, *(state.u for state in rollout(solver, progress, times[:, 1:], conditions))]


def _relative(solver: ReferenceSolver, error: Tensor, truth: Tensor) -> float:
    """The largest relative error over the batch and the fields, each measured by its own size: their units differ."""
    p = solver.error_norm
    sizes = [field.channels(error.ndim - 2) for field in solver.fields]
    ratios = [
        e.flatten(1).norm(p, dim=1) / t.flatten(1).norm(p, dim=1).clamp(min=1e-300)
        for e, t in zip(error.split(sizes, 1), truth.split(sizes, 1), strict=True)
    ]
    return float(torch.stack(ratios).nan_to_num(nan=torch.inf).max())


def _refinement_error(problem: Problem, draw: Draw, start: Tensor) -> float:
    """The relative error at the end of the window against half the step on twice the points, from the same start."""
    solver, conditions, grid = problem.simulator, draw.conditions, problem.geometry
    if not isinstance(grid, Grid):
        raise ValueError("pde.geometry: only a grid can be refined; the solver solves on grids")
    fine_grid = grid.scaled(2)
    fine_conditions = replace(conditions, geometry=fine_grid)
    times = torch.stack([draw.times[:, 0], draw.times[:, 0] + problem.tolerances.window], 1)
    coarse = _solve(solver, start, times, conditions)[-1]
    refined = solver.refined()
    fine = _solve(refined, solver.resample(start, conditions, fine_grid.shape), times, fine_conditions)[-1]
    truth = solver.resample(fine, fine_conditions, grid.shape)
    return _relative(solver, coarse - truth, truth)


def _derivative_error(solver: ReferenceSolver, draw: Draw, start: Tensor) -> float:
    """Relative difference between u_t and the fourth-order difference of five closely spaced states."""
    dt = (draw.times[:, 1] - draw.times[:, 0]) / SPACINGS[solver.error_norm]
    times = draw.times[:, :1] + dt[:, None] * torch.arange(5)
    u = _solve(solver, start, times, draw.conditions)
    difference = (-u[4] + 8 * u[3] - 8 * u[1] + u[0]) / (12 * dt.reshape(-1, *[1] * (start.ndim - 1)))
    exact = solver.time_derivative(u[2], times[:, 2], draw.conditions)
    return _relative(solver, exact - difference, difference)


def _trajectory_and_drift(solver: ReferenceSolver, draw: Draw, start: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The states, and of each conserved quantity the largest drift over the size of its own density at any time."""
    states = _solve(solver, start, draw.times, draw.conditions)
    densities = [require_densities(solver.conserved(u, draw.conditions), u) for u in states]
    drifts = {}
    for name, before in densities[0].items():
        size = torch.stack([density_size(now[name]) for now in densities]).amax(0)
        drift = torch.stack([mean_drift(now[name], before, size) for now in densities])
        drifts[name] = float(drift.nan_to_num(nan=torch.inf).max())
    return torch.stack(states, 1), drifts


def _variation(problem: Problem, u: Tensor) -> list[Figure]:
    """That every field varies in space and time, and every parameter that was given a distribution between draws."""
    u = u.float().double()  # as stored
    scale = u.abs().amax().clamp(min=1e-300)
    spread = min(
        float((u.std(1) / scale).amax(tuple(range(2, u.ndim - 1))).min()),
        float((u.flatten(3).std(3) / scale).amax(1).min()),
    )
    remedy = "check pde.initial_condition and pde.times"
    figures = [Figure("fields that never vary", float(not spread > 1e-9), 0.0, remedy)]
    varying = [name for name, parameter in problem.parameters.items() if parameter.varies]
    if varying:
        draws = [problem.draw("train", index).conditions for index in range(MANY_DRAWS)]
        still = [name for name in varying if len({float(c.parameter(name)) for c in draws}) == 1]
        name = "parameters that should vary and do not"
        figures.append(Figure(name, float(len(still)), 0.0, f"check pde.parameters: {', '.join(still)}"))
    return figures
