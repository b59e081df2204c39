"""Ways in which data files may differ from the equation that they are said to solve, each tried on stored steps."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from tendency.data.stored_steps import StoredSteps, step_errors, with_constant_term
from tendency.simulation.conditions import Conditions
from tendency.simulation.simulator import InstabilityError, ReferenceSolver

RATIO = 7.0**0.25
FACTORS = (*(RATIO**i for i in range(-4, 5)), 1 / 1.03, 1 / 1.006, 1.006, 1.03)
"""From 1/7 to 7: larger ones of times and states would take a solver many times as many steps. Some lie close to 1,
where a factor that is slightly off shows."""
SOUGHT = 0.8
"""Share of the squared error that the best of these leaves at most where the search goes on around it."""
DECADES = (0.01, 0.1, 10.0)
OTHER_SIGN = (-2.0, -1.0, -0.5)
NAMED = {
    "pi": math.pi,
    "1/pi": 1 / math.pi,
    "2 pi": 2 * math.pi,
    "1/(2 pi)": 0.5 / math.pi,
    "pi^2": math.pi**2,
    "1/2": 0.5,
    "1/4": 0.25,
}
CLOSE = 0.01
"""How close to one of these a factor is called by its name."""
ITERATIONS = 4
"""By which a constant term is found."""
WORST = 10.0
"""Error at which the search for a factor calls everything equally bad."""


@dataclass(frozen=True)
class Explanation:
    """A change of the equation, and the error that is left where it is made.

    Args:
        words: what would have to be changed.
        error: median over the steps.
    """

    words: str
    error: float


class SuspectedChange(ABC):
    """One way in which files may differ from an equation, told by a factor."""

    factors: Sequence[float] = FACTORS
    """That are tried first; between the best one's neighbours the search goes on."""

    @abstractmethod
    def changed(self, steps: StoredSteps, factor: float) -> StoredSteps:
        """The steps as the equation would have them, were it so."""

    @abstractmethod
    def words(self, factor: float) -> str:
        """What would have to be changed."""


class ReversedTime(SuspectedChange):
    """The last snapshot is stored first."""

    factors = ()

    def changed(self, steps: StoredSteps, factor: float) -> StoredSteps:
        """As of ``SuspectedChange``."""
        return replace(steps, u=steps.v, v=steps.u)

    def words(self, factor: float) -> str:
        """As of ``SuspectedChange``."""
        return "reversed time: the snapshots are stored from the last to the first"


class ScaledParameter(SuspectedChange):
    """A parameter is another one than the files say.

    Args:
        name: of the parameter.
    """

    factors = (*OTHER_SIGN, *DECADES, *FACTORS)

    def __init__(self, name: str) -> None:
        self.name = name

    def changed(self, steps: StoredSteps, factor: float) -> StoredSteps:
        """As of ``SuspectedChange``."""
        return replace(steps, conditions=_scaled(steps.conditions, self.name, factor))

    def words(self, factor: float) -> str:
        """As of ``SuspectedChange``."""
        return f"{self.name} times {factor_words(factor)}"


class ScaledStep(SuspectedChange):
    """The time between snapshots is another one."""

    def changed(self, steps: StoredSteps, factor: float) -> StoredSteps:
        """As of ``SuspectedChange``."""
        return replace(steps, dt=steps.dt * factor)

    def words(self, factor: float) -> str:
        """As of ``SuspectedChange``."""
        return f"the time between snapshots times {factor_words(factor)}"


class ScaledSides(SuspectedChange):
    """The domain has another size."""

    # In a small domain explicit steps of diffusion are very short.
    factors = tuple(factor for factor in FACTORS if factor > 1 / 4)

    def changed(self, steps: StoredSteps, factor: float) -> StoredSteps:
        """As of ``SuspectedChange``."""
        return replace(steps, conditions=replace(steps.conditions, extent=steps.conditions.extent * factor))

    def words(self, factor: float) -> str:
        """As of ``SuspectedChange``."""
        return f"the side lengths times {factor_words(factor)}"


class ScaledState(SuspectedChange):
    """The fields have another unit or sign, which is the same as another factor of the nonlinear term."""

    factors = (*OTHER_SIGN, *FACTORS)

    def changed(self, steps: StoredSteps, factor: float) -> StoredSteps:
        """As of ``SuspectedChange``."""
        return replace(steps, u=steps.u * factor, v=steps.v * factor)

    def words(self, factor: float) -> str:
        """As of ``SuspectedChange``."""
        if abs(factor + 1) < CLOSE:
            return "the other sign of the fields, or of a quadratic term"
        return f"the fields (or a quadratic term) times {factor_words(factor)}"


def suspected_changes(solver: ReferenceSolver) -> list[SuspectedChange]:
    """All that is tried, the constant term apart."""
    parameters = [ScaledParameter(name) for name in solver.parameter_names]
    return [ReversedTime(), *parameters, ScaledStep(), ScaledSides(), ScaledState()]


def factor_words(factor: float) -> str:
    """A factor in digits, by its name where it is close to one that has one."""
    named = [name for name, value in NAMED.items() if abs(abs(factor) / value - 1) < CLOSE]
    return f"{factor:.4g}" + (f" ({'-' if factor < 0 else ''}{named[0]})" if named else "")


def best_change(change: SuspectedChange, solver: ReferenceSolver, few: StoredSteps, steps: StoredSteps) -> Explanation:
    """The factor that explains most, and what it leaves.

    Args:
        change: to try.
        solver: of the equation.
        few: steps on which the factor is sought.
        steps: all of them, on which it is judged.
    """

    def cost(factor: float) -> float:
        errors = step_errors(solver, change.changed(few, factor))
        return float(errors.clamp(max=WORST).square().mean())

    factor = 1.0
    if change.factors:
        first = min(change.factors, key=cost)
        ends = sorted((first / RATIO, first * RATIO))
        found = minimize_scalar(
            cost, bounds=ends, method="bounded", options={"xatol": 1e-6 * abs(first), "maxiter": 24}
        )
        factor = float(found.x) if found.fun < cost(first) else first
    left = step_errors(solver, change.changed(steps, factor))
    return Explanation(change.words(factor), float(left.median()))


def constant_term(solver: ReferenceSolver, steps: StoredSteps) -> Explanation:
    """The field that, added to u_t, explains most; found on every other trajectory and judged on the rest."""
    places = torch.unique(steps.numbers, return_inverse=True)[1]
    if not bool(places.any()):
        places = torch.arange(len(steps))
    seen, rest = steps.chosen(places % 2 == 0), steps.chosen(places % 2 == 1)
    words = "a constant term: what is missing is the same field in all snapshots, a force or a source"
    term = torch.zeros_like(steps.u[0])
    try:
        for _ in range(ITERATIONS):
            missed = seen.v - with_constant_term(solver, seen, term)
            term = term + (missed / seen.dt.reshape(-1, *[1] * (missed.ndim - 1))).mean(0)
        left = rest.errors(with_constant_term(solver, rest, term), solver.error_norm)
    except (InstabilityError, ValueError):
        return Explanation(words, math.inf)
    return Explanation(
        f"{words} of size {float(term.square().mean().sqrt()):.3g}", float(left.nan_to_num(nan=torch.inf).median())
    )


def _scaled(conditions: Conditions, name: str, factor: float) -> Conditions:
    """The conditions with a parameter times a factor."""

    def times(values: Tensor, names: tuple[str, ...]) -> Tensor:
        return values * torch.tensor([factor if each == name else 1.0 for each in names], dtype=values.dtype)

    return replace(
        conditions,
        params=times(conditions.params, conditions.param_names),
        hidden=times(conditions.hidden, conditions.hidden_names),
    )
