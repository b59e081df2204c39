"""Whether a surrogate pays: its error and seconds against those of every setting of the solver that it replaces.

References:
    McGreivy, Hakim: Weak baselines and reporting biases lead to overoptimism in machine learning for fluid-related
    partial differential equations. Nat. Mach. Intell. 6 (2024), doi:10.1038/s42256-024-00897-5 (compare at equal error,
    with the best setting of an efficient solver).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tendency.evaluation.cost.call_cost import with_prefix

AT_BEST = ", best batch"
"""Suffix of a method's name for its points at the best batch."""


@dataclass(frozen=True)
class CostPoint:
    """Error and cost of one method at one batch size.

    Args:
        method: name of a surrogate, or ``solver``.
        label: text of the solver's setting, e.g. ``64 x 64, ETDRK4, 4 x the step, float32``.
        seconds: seconds for one trajectory from the start to the horizon.
        error: nRMSE at the horizon against the refined truth, geometric mean over trajectories; infinite where lost.
        batch: number of trajectories that were solved together.
        peak_bytes: most memory that the batch took at one moment, beside the network and the initial states; None
            where it is not known.
        network_calls: network calls for one trajectory and unit of time; None for the solver.
        flops: operations of these calls: products, convolutions and Fourier transforms alone; None for the solver.
    """

    method: str
    label: str
    seconds: float
    error: float
    batch: int
    peak_bytes: int | None = None
    network_calls: float | None = None
    flops: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What a surrogate saves at one batch size.

    Args:
        surrogate: name of the surrogate.
        batch: 1, or the surrogate's best; the solver has its own best.
        error: error of the surrogate.
        seconds: seconds of the surrogate for one trajectory.
        solver_seconds: seconds of the solver's fastest setting with no larger error; None where none was as accurate.
        speed_up: solver_seconds / seconds, at equal error.
        solver_error: smallest error that the solver reaches in no more seconds; None where none was as fast.
        solves_until_paid: trajectories after which data generation and training have paid for themselves; None where
            they never do, or where their seconds are not known.
        wins: whether the surrogate is faster than every setting of the solver that is as accurate.
        sentence: the verdict in words.
    """

    surrogate: str
    batch: int
    error: float
    seconds: float
    solver_seconds: float | None
    speed_up: float | None
    solver_error: float | None
    solves_until_paid: float | None
    wins: bool
    sentence: str


def pareto_front(points: Sequence[CostPoint]) -> list[CostPoint]:
    """The points that no other one is below in both error and seconds, the fastest first."""
    kept: list[CostPoint] = []
    for point in sorted(points, key=lambda p: (p.seconds, p.error)):
        if math.isfinite(point.error) and (not kept or point.error < kept[-1].error):
            kept.append(point)
    return kept


def judge_surrogate(
    surrogate: CostPoint, solver: Sequence[CostPoint], investment: float | None, how: str = ""
) -> Verdict:
    """Compares a surrogate with a solver's settings at the same kind of batch.

    Nothing is interpolated: only settings that were run count.

    Args:
        surrogate: point of the surrogate.
        solver: points of the solver's settings.
        investment: seconds of data generation and training together; None where they are not known.
        how: beginning of the sentence, on how both solve.
    """
    settings = pareto_front(solver)
    as_accurate = [p.seconds for p in settings if p.error <= surrogate.error]
    as_fast = [p.error for p in settings if p.seconds <= surrogate.seconds]
    seconds = min(as_accurate, default=None)
    error = min(as_fast, default=None)
    finite = math.isfinite(surrogate.error)
    wins = finite and (seconds is None or seconds > surrogate.seconds)
    speed_up = None if seconds is None or not finite else seconds / surrogate.seconds
    paid = None
    if investment is not None and wins and seconds is not None:
        paid = investment / (seconds - surrogate.seconds)
    return Verdict(
        surrogate.method,
        surrogate.batch,
        surrogate.error,
        surrogate.seconds,
        seconds,
        speed_up,
        error,
        paid,
        wins,
        how + _sentence(surrogate, settings, speed_up, error, paid, wins),
    )


def _sentence(
    surrogate: CostPoint,
    settings: Sequence[CostPoint],
    speed_up: float | None,
    solver_error: float | None,
    paid: float | None,
    wins: bool,
) -> str:
    name = surrogate.method
    if not math.isfinite(surrogate.error):
        return f"{name} loses: its rollout blew up"
    if not settings:
        return f"{name} stands alone: no setting of the solver stayed finite"
    if speed_up is None:
        return f"{name} wins: no setting of the solver that was tried is as accurate"
    if not wins:
        better = f", and reaches an error of {solver_error:.2g} in its time" if solver_error is not None else ""
        return f"{name} does not win: the solver is {1 / speed_up:.3g} times faster at equal error{better}"
    cost = "" if paid is None else f"; data and training have paid for themselves after {paid:.3g} solves"
    return f"{name} wins: {speed_up:.3g} times faster than the solver at equal error{cost}"


@dataclass(frozen=True)
class GenerationCost:
    """The time that the solver took for the training and validation data.

    Args:
        seconds: seconds; None where they are not known.
        source: where the seconds come from, in words.
    """

    seconds: float | None
    source: str

    @property
    def sentence(self) -> str:
        """Seconds and source in a sentence."""
        known = "not known" if self.seconds is None else f"{self.seconds:.3g} s"
        return f"Solving the training and validation data: {known}, {self.source}."


@dataclass(frozen=True)
class BreakEven:
    """The measured points of surrogates and solver, and the verdicts.

    Args:
        points: points of surrogates and solver at a batch of one.
        best_points: points at the best batch of each; of the solver only the settings on the front at a batch of one.
        verdicts: verdict on each surrogate at a batch of one, then on each at its best.
        horizon: time since the start at which errors are taken.
        trajectories: number of trajectories that errors are averaged over.
        machine: machine on which seconds were measured.
        generation: time of generating the training and validation data.
        training_seconds: seconds of each surrogate's training, where they are known.
    """

    points: Sequence[CostPoint]
    best_points: Sequence[CostPoint]
    verdicts: Sequence[Verdict]
    horizon: float
    trajectories: int
    machine: str
    generation: GenerationCost
    training_seconds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The entries ``break_even`` and ``break_even_verdict`` of a metrics.json; what is not finite is None.

        ``break_even`` is a list of points, each its fields and ``seconds_per_time``, for one trajectory and unit of
        time: those at a batch of one under the methods' names, those at the best batch under ``<name>, best batch``.
        ``break_even_verdict`` holds the verdicts as a list of their fields, ``notes`` in words what they rest on, and
        the other fields as they are.
        """
        best = [{**asdict(point), "method": point.method + AT_BEST} for point in self.best_points]
        points = [asdict(point) for point in self.points] + best
        for point in points:
            point["seconds_per_time"] = point["seconds"] / self.horizon
        return {
            "break_even": [_plain(point) for point in points if math.isfinite(point["error"])],
            "break_even_verdict": {
                "verdicts": [_plain(asdict(one)) for one in self.verdicts],
                "horizon": self.horizon,
                "trajectories": self.trajectories,
                "machine": self.machine,
                "generation_seconds": self.generation.seconds,
                "generation_seconds_from": self.generation.source,
                "training_seconds": dict(self.training_seconds),
                "notes": [*self._cost_sentences(), MEMORY, self._setting_sentence(), self.generation.sentence],
            },
        }

    def _setting_sentence(self) -> str:
        trajectories = "trajectory" if self.trajectories == 1 else "trajectories"
        return (
            f"Errors: {self.horizon:.3g} units of time after the start, geometric mean over {self.trajectories} "
            f"{trajectories}. Seconds: on {self.machine}."
        )

    def _cost_sentences(self) -> list[str]:
        """A sentence on the cost of each surrogate, at a batch of one and at its best."""
        names = {one.surrogate for one in self.verdicts}
        alone = [point for point in self.points if point.method in names]
        together = [p for p in self.best_points if p.method in names and p.batch != 1]
        return [cost_sentence(point, self.horizon) for point in [*alone, *together]]


MEMORY = (
    "Memory: what the tensors of the whole batch take, without the network itself, the initial states and work space "
    "that libraries take for themselves. FLOP: products, convolutions and Fourier transforms, nothing pointwise."
)


def cost_sentence(point: CostPoint, horizon: float) -> str:
    """A sentence on the cost of one trajectory in a unit of time, and on the memory of its batch.

    Args:
        point: point of a surrogate.
        horizon: time that its seconds are for.
    """
    each = [f"{point.seconds / horizon:.3g} s"]
    if point.network_calls is not None:
        calls = f"{point.network_calls:.3g}"
        each.append(f"{calls} network call{'' if calls == '1' else 's'}")
    if point.flops is not None:
        each.append(f"{with_prefix(point.flops)}FLOP")
    memory = (
        "" if point.peak_bytes is None else f"; the batch takes {with_prefix(point.peak_bytes)}B of memory at its peak"
    )
    return f"{point.method} at a batch of {point.batch}: {', '.join(each)} per trajectory and unit of time{memory}"


def break_even_sentences(content: Mapping[str, Any]) -> list[str]:
    """The sentences of ``break_even_verdict`` of a metrics.json: the verdicts, then the notes on what they rest on."""
    return [*(one["sentence"] for one in content.get("verdicts", [])), *content.get("notes", [])]


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in content.items()}
