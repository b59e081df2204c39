"""How far data files are from solving an equation: our solver's steps beside the stored ones."""

import math
import time
from dataclasses import dataclass, replace

import torch

from tendency.data.certificate import Figure
from tendency.data.file_certificate import names_of, noted
from tendency.data.index_files import ReportProgress
from tendency.data.stored_steps import StoredSteps, step_errors, stepped
from tendency.data.suspected_changes import Explanation, best_change, constant_term, suspected_changes
from tendency.simulation.geometry import Grid
from tendency.simulation.simulator import AdjustableSolver, InstabilityError, ReferenceSolver, WrittenEquation

SOLVES = 1e-2
"""Error of a step, as a share of the change, up to which files are said to solve the equation."""
DIAGNOSED = 3e-3
"""Error above which an explanation is sought."""
EXPLAINS = 10.0
"""By how much an explanation lowers the error."""
AS_WELL, ALIKE = 3.0, 1e-4
"""How much more than the best explanation another may leave and still be named, and what is little in any case."""
OWN_SHARE = 5.0
"""How many times our solver's own error, and the rounding of the files, a difference is that says something."""
ROUNDING = 2.0**-23
"""Of a stored snapshot: single precision."""
ROUNDED_AWAY = 1e-3
"""Share of the change that rounding may be: steps that change less are not judged while there are others."""
SETTLED, SETTLED_SHARE = 3e-4, 1e-2
"""Error of our solver's time steps that is small enough: of the change, or of the difference."""
REFINEMENTS = 12
TIME_STEPS, GRID_STEPS, SEARCH_STEPS = 4, 4, 8
"""Stored steps on which time steps are refined, the grid is refined, and factors are sought."""
SEARCH_VALUES = 2**16
"""Of the steps on which factors are sought; two steps are taken at least."""
SEARCH_SECONDS = 300.0
"""After which no further change is tried; the note says which were not."""


@dataclass(frozen=True)
class SolverComparison:
    """What a solver's steps beside stored ones have shown.

    Args:
        figures: of a certificate.
        notes: the verdict, and what explains a difference.
    """

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def compare_with_solver(solver: ReferenceSolver, steps: StoredSteps, progress: ReportProgress) -> SolverComparison:
    """Takes our solver's steps from stored snapshots.

    Args:
        solver: of the equation that the files are said to solve.
        steps: stored in them.
        progress: is told how many explanations of a difference were tried.

    Raises:
        ValueError: conditions that the solver cannot take.
    """
    solver.check(steps.conditions)
    steps = _judged(steps, solver.error_norm)
    title = solver.title if isinstance(solver, WrittenEquation) else solver.name.replace("_", " ")
    solver = _settled(solver, steps.chosen(_spread(len(steps), TIME_STEPS)))
    errors = _finite_errors(solver, steps)
    middle = float(errors.median())
    own, rounding = _own_error(solver, steps), float(_rounding(steps, solver.error_norm).median())
    steps_taken = f"{len(steps)} steps of {len(steps.numbers.unique())} trajectories"
    figures = [
        noted("error of one step beside our solver, median", middle, SOLVES, ""),
        noted("error of one step beside our solver, largest", float(errors.max()), 10 * SOLVES, _worst(errors, steps)),
        noted("our solver's own error, against a 2x refined run", own, SOLVES, "the files' grid is too coarse for it"),
    ]
    numbers = f"(median of {steps_taken}; our solver's own error {own:.1e}, rounding of the file {rounding:.0e})"
    within = f"one step of our solver from a stored snapshot misses the next by {middle:.2g} of the change between them"
    unclear = not middle > OWN_SHARE * max(own, rounding)
    explained = []
    if middle > (SOLVES if unclear else DIAGNOSED):
        found, text = _diagnosis(solver, steps, middle, progress)
        # What cannot be told from our solver's own error needs no explanation, but may have one.
        explained = [text] if found or not unclear else []
    if middle <= SOLVES:
        verdict = f"certified against a solver: the data files solve {title}, {within} {numbers}"
    elif unclear and not explained:
        verdict = (
            f"not certified: whether the data files solve {title} cannot be told on their grid, {within} {numbers}"
        )
    else:
        verdict = f"not certified: the data files do not solve {title} as stated, {within} {numbers}"
    return SolverComparison(tuple(figures), (verdict, *explained))


def _judged(steps: StoredSteps, p: float) -> StoredSteps:
    """The steps whose change is more than rounding; all where there is none."""
    kept = _rounding(steps, p) < ROUNDED_AWAY
    return steps.chosen(kept) if bool(kept.any()) else steps


def _rounding(steps: StoredSteps, p: float) -> torch.Tensor:
    """The rounding (B,) of both snapshots as a share of the change."""
    sizes = steps.u.flatten(1).norm(p, dim=1) + steps.v.flatten(1).norm(p, dim=1)
    return ROUNDING * sizes / (steps.v - steps.u).flatten(1).norm(p, dim=1).clamp(min=1e-300)


def _spread(count: int, most: int) -> torch.Tensor:
    return torch.unique(torch.linspace(0, count - 1, min(most, count)).round().long())


def _settled(solver: ReferenceSolver, few: StoredSteps) -> ReferenceSolver:
    """The solver with time steps so short that their error counts for little beside the difference."""
    if isinstance(solver, AdjustableSolver) and (settings := solver.settings()).step_is_time:
        # The step of its own problem may be far from that of the files.
        solver = solver.with_settings(replace(settings, step=float(few.dt.max())))
    before: torch.Tensor | None = None
    for _ in range(REFINEMENTS):
        try:
            now = stepped(solver, few)
        except InstabilityError:
            now = None
        if before is not None and now is not None:
            between = replace(few, v=now).errors(before, solver.error_norm)
            error = few.errors(now, solver.error_norm)
            if bool((between <= torch.clamp(SETTLED_SHARE * error, min=SETTLED)).all()):
                return solver
        before, solver = now, solver.refined()
    return solver


def _finite_errors(solver: ReferenceSolver, steps: StoredSteps) -> torch.Tensor:
    """The errors (B,), each step by itself where some are unstable."""
    errors = step_errors(solver, steps)
    if bool(torch.isfinite(errors).all()):
        return errors
    return torch.cat([step_errors(solver, steps.chosen(torch.tensor([row]))) for row in range(len(steps))])


def _own_error(solver: ReferenceSolver, steps: StoredSteps) -> float:
    """The median error of our solver against half the step on twice the points, as a share of the change."""
    few = steps.chosen(_spread(len(steps), GRID_STEPS))
    grid = few.conditions.geometry
    if not isinstance(grid, Grid):
        return math.inf
    fine = replace(few.conditions, geometry=grid.scaled(2))
    try:
        ours = stepped(solver, few)
        begun = solver.resample(few.u, few.conditions, fine.geometry.shape)
        refined = stepped(solver.refined(), replace(few, u=begun, conditions=fine))
        errors = few.errors(few.v + ours - solver.resample(refined, fine, grid.shape), solver.error_norm)
    except (InstabilityError, ValueError):
        return math.inf
    return float(errors.nan_to_num(nan=torch.inf).median())


def _worst(errors: torch.Tensor, steps: StoredSteps) -> str:
    """The trajectories whose steps miss by far more than those of most."""
    median = float(errors.median())
    by_number = {int(n): float(errors[steps.numbers == n].median()) for n in steps.numbers.unique()}
    apart = [number for number, error in by_number.items() if error > max(EXPLAINS * median, SOLVES)]
    worst = int(steps.numbers[errors.argmax()])
    return f"all its steps miss: {names_of(apart)}" if apart else f"a step of trajectory {worst}"


def _diagnosis(solver: ReferenceSolver, steps: StoredSteps, error: float, progress: ReportProgress) -> tuple[bool, str]:
    """Whether a change explains the difference, and which, in a sentence."""
    state = steps.u[0].numel()
    few = steps.chosen(_spread(len(steps), max(2, min(SEARCH_STEPS, SEARCH_VALUES // state))))
    changes = suspected_changes(solver)
    began, found = time.monotonic(), [constant_term(solver, steps)]
    for number, change in enumerate(changes):
        progress(number, len(changes))
        if time.monotonic() - began > SEARCH_SECONDS:
            break
        found.append(best_change(change, solver, few, steps))
    progress(len(changes), len(changes))
    left = [change.words(1.0).split(" times ")[0] for change in changes[len(found) - 1 :]]
    untried = f"; not tried, as this takes long: {', '.join(left)}" if left else ""
    best = min(found, key=lambda each: each.error)
    if not best.error <= error / EXPLAINS:
        tried = "reversed time, factors of parameters, time, sides and fields, a constant term"
        nearest = f": the nearest is {best.words}, which leaves {best.error:.2g}" if best.error < error / 2 else ""
        return False, f"no simple change explains it ({tried}){nearest}{untried}"
    # Several may be one and the same: of heat conduction, a factor of the diffusivity and one of the time.
    same = [each for each in found if each.error <= min(max(AS_WELL * best.error, ALIKE), error / EXPLAINS)]
    return True, f"explained by {_alternatives(same)}{untried}"


def _alternatives(found: list[Explanation]) -> str:
    first, *others = found
    text = f"{first.words}, which leaves {first.error:.1e}"
    return text + "".join(f"; as well by {each.words} ({each.error:.1e})" for each in others)
