"""The rows of a comparison's tables: what the seeds of each variant say, persistence among them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tendency.app.studies.comparison_plan import ComparisonPlan, Trial
from tendency.app.studies.training_record import NETWORK, StepCost, TrainingRecord
from tendency.evaluation.statistics.intervals import Interval, log_t_interval, t_interval

PERSISTENCE = "persistence"
"""The method of every report that forecasts no change: what has learned something is better."""
LEARNED = 0.95
"""A network has learned something where its error is below this share of persistence's. One that has not predicts
almost no change, and lies a per cent or two on either side of it."""
THRESHOLD = "correlation_time_0.8"


@dataclass(frozen=True)
class ComparisonRow:
    """What the seeds of one variant say on one problem with one model; None stands for what is not known.

    Args:
        problem: name of the problem.
        model: name of the model.
        variant: name of the variant.
        title: name in tables.
        seeds: number of trainings that are judged.
        nrmse: geometric mean over the snapshots of a rollout, median over trajectories; interval over seeds.
        one_step: nRMSE of one step from each true snapshot, median over all.
        method: method of the networks' reports that the row shows; None for the networks.
        data: what it is judged on, where that is not the data of the training.
        high_band: error of a rollout's first step in the high band of wavenumbers, over the norm of the whole truth.
        high_energy: energy in the high band at a rollout's end, over the truth's.
        correlation_time: physical time until the correlation falls below 0.8, median over trajectories.
        censored: whether some seed's median trajectory was above 0.8 to the end.
        correlation_steps: the same time in steps.
        dt: physical time of one step.
        calls: network calls in one step.
        seconds: seconds of one step of one trajectory.
        parameters: number of the network's parameters.
        training_seconds: mean over the seeds.
        falls: by which share the validation error still fell over the last quarter, the largest of the seeds.
        short_curve: whether too few validations were made to say so.
        stable: share of the trajectories that did not blow up.
    """

    problem: str
    model: str
    variant: str
    title: str
    seeds: int
    nrmse: Interval
    one_step: Interval
    method: str | None = None
    data: str = ""
    high_band: Interval | None = None
    high_energy: Interval | None = None
    correlation_time: Interval | None = None
    censored: bool | None = None
    correlation_steps: float | None = None
    dt: float | None = None
    calls: float | None = None
    seconds: float | None = None
    parameters: int | None = None
    training_seconds: float | None = None
    falls: float | None = None
    short_curve: bool | None = None
    stable: float | None = None

    def error(self, figure: str) -> Interval:
        """The error that a ratio compares.

        Args:
            figure: one of ``variants.FIGURES``.
        """
        return {"one_step_nrmse": self.one_step, "rollout_nrmse": self.nrmse}[figure]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; what is not known is left out."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            key: value.to_dict() if isinstance(value, Interval) else value
            for key, value in content.items()
            if value is not None and value != ""
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ComparisonRow":
        """The inverse of ``to_dict``."""
        values: dict[str, Any] = {
            key: Interval.from_dict(value) if isinstance(value, Mapping) else value for key, value in content.items()
        }
        return cls(**values)


@dataclass(frozen=True)
class MeasuredRatio:
    """The geometric mean of a ratio of errors over the seeds, and the t-interval of its logarithm.

    Args:
        problem: name of the problem.
        model: name of the model.
        of: variant above the line.
        to: variant below the line.
        figure: one of ``variants.FIGURES``.
        measured: the ratio, taken seed by seed.
    """

    problem: str
    model: str
    of: str
    to: str
    figure: str
    measured: Interval

    @property
    def defined(self) -> bool:
        """Whether it is a ratio of errors that are finite and above zero, with every seed."""
        return 0 < self.measured.mean < math.inf

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"measured": self.measured.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "MeasuredRatio":
        """The inverse of ``to_dict``."""
        return cls(**{**content, "measured": Interval.from_dict(content["measured"])})


@dataclass(frozen=True)
class ComparisonResults:
    """All figures of a comparison's page.

    Args:
        rows: rows of its tables, section by section.
        ratios: ratios that its claims are about.
    """

    rows: tuple[ComparisonRow, ...]
    ratios: tuple[MeasuredRatio, ...]

    def learned(self, row: ComparisonRow, figure: str) -> bool | None:
        """Whether a row's error is below ``LEARNED`` of persistence's on the same data; None where that is not known.

        A row that is no network has nothing to learn, and counts as one that has.
        """
        if row.method is not None:
            return True
        for other in self.rows:
            same = (other.problem, other.model, other.data) == (row.problem, row.model, row.data)
            if same and other.method == PERSISTENCE:
                return row.error(figure).mean < LEARNED * other.error(figure).mean
        return None

    def row(self, problem: str, model: str, variant: str) -> ComparisonRow | None:
        """The row of a variant; None where there is none yet."""
        found = (r for r in self.rows if (r.problem, r.model, r.variant) == (problem, model, variant))
        return next(found, None)


def results_of(
    plan: ComparisonPlan, trials: Sequence[Trial], records: Mapping[str, TrainingRecord], datasets: Path
) -> ComparisonResults:
    """The figures for which there are records, in the order of the plan.

    Args:
        plan: the plan.
        trials: its trials.
        records: records by identity.
        datasets: folder of the datasets, which the names of reports depend on.
    """
    rows: list[ComparisonRow] = []
    ratios: list[MeasuredRatio] = []
    for problem in plan.problems:
        for model in plan.models:
            here = [trial for trial in trials if (trial.problem, trial.model) == (problem, model)]
            judged: dict[str, list[_Judged]] = {name: [] for name in plan.variants}
            for trial in here:
                record = records.get(trial.training.identity)
                report = trial.report_name(datasets)
                if record is not None and record.figures(report, trial.variant.method) is not None:
                    judged[trial.name].append(_Judged(trial, report, record))
            own = [_row(there, plan.comparison.title_of(name)) for name, there in judged.items() if there]
            rows += own + _persistence(own, judged)
            ratios += _ratios(plan, problem, model, judged)
    return ComparisonResults(tuple(rows), tuple(ratios))


@dataclass(frozen=True)
class _Judged:
    """A trial with the record that it is read from."""

    trial: Trial
    report: str
    record: TrainingRecord

    def figures(self, method: str | None) -> Mapping[str, Any]:
        """The figures of a method of the report; of the network where it is None."""
        return self.record.figures(self.report, method) or {}

    def cost(self, method: str | None) -> StepCost | None:
        """What a step of a method costs; None where it was not timed."""
        return self.record.steps.get(self.report, {}).get(method or NETWORK)

    @property
    def data(self) -> str:
        """What it is judged on, where that is not the data of the training."""
        return " ".join(self.trial.variant.judge)


def _persistence(own: Sequence[ComparisonRow], judged: Mapping[str, Sequence[_Judged]]) -> list[ComparisonRow]:
    """A row of persistence for all data on which no variant stands for it, from the reports of the networks there."""
    there = {row.data for row in own if row.method == PERSISTENCE}
    rows = []
    for name, trials in judged.items():
        if trials and trials[0].data not in there and trials[0].figures(PERSISTENCE):
            there.add(trials[0].data)
            where = f", on the data of {name}" if trials[0].data else ""
            rows.append(_row(trials, f"{PERSISTENCE}{where}", PERSISTENCE))
    return rows


def _row(judged: Sequence[_Judged], title: str, method: str | None = None) -> ComparisonRow:
    """The row of a variant, or of another method of the reports that it is read from."""
    first = judged[0]
    name, method = (first.trial.name, first.trial.variant.method) if method is None else (method, method)
    figures = [one.figures(method) for one in judged]
    cost, step = first.cost(method), first.cost(None)
    dt = None if step is None else step.dt
    time, censored = _correlation_time(figures)
    seconds = [s for one in judged if (s := one.record.training_seconds) is not None]
    falls = [fall for one in judged if (fall := last_fall(one.record.validation)) is not None]
    learned = method is None
    return ComparisonRow(
        problem=first.trial.problem,
        model=first.trial.model,
        variant=name,
        title=title,
        seeds=len(judged),
        nrmse=log_t_interval([_finite(figure["rollout_nrmse"]) for figure in figures]),
        one_step=log_t_interval([_finite(figure["one_step_nrmse"]) for figure in figures]),
        method=method,
        data=first.data,
        high_band=_over_seeds(figures, "first_band_error_high"),
        high_energy=_over_seeds(figures, "final_band_energy_high"),
        correlation_time=time,
        censored=censored,
        correlation_steps=None if time is None or dt is None else time.mean / dt,
        dt=dt,
        calls=None if cost is None else cost.calls,
        seconds=None if cost is None else cost.seconds,
        parameters=first.record.parameters if learned else 0,
        training_seconds=sum(seconds) / len(seconds) if seconds and learned else None,
        falls=max(falls) if falls and learned else None,
        short_curve=learned and not falls,
        stable=sum(figure["stable_share"] for figure in figures) / len(figures),
    )


def _correlation_time(figures: Sequence[Mapping[str, Any]]) -> tuple[Interval | None, bool | None]:
    """A median that lies beyond the horizon is only known to do so: no interval then."""
    if not all(figure.get(THRESHOLD) is not None for figure in figures):
        return None, None
    times = [figure[THRESHOLD] for figure in figures]
    censored = any(figure[f"{THRESHOLD}_censored"] for figure in figures)
    return (Interval(sum(times) / len(times)) if censored else t_interval(times)), censored


def _ratios(
    plan: ComparisonPlan, problem: str, model: str, judged: Mapping[str, Sequence[_Judged]]
) -> list[MeasuredRatio]:
    """Each claim about variants that are judged, over the seeds that both have."""
    found = []
    for ratio in plan.comparison.ratios:
        above, below = (
            {
                one.trial.seed: _finite(one.figures(one.trial.variant.method)[ratio.figure])
                for one in judged.get(name, ())
            }
            for name in (ratio.of, ratio.to)
        )
        values = [_quotient(above[seed], below[seed]) for seed in plan.seeds if seed in above and seed in below]
        if values:
            found.append(MeasuredRatio(problem, model, ratio.of, ratio.to, ratio.figure, log_t_interval(values)))
    return found


def _quotient(above: float, below: float) -> float:
    """The ratio of two errors; not finite where there is none to speak of."""
    return above / below if below > 0 else math.nan


def _over_seeds(figures: Sequence[Mapping[str, Any]], name: str) -> Interval | None:
    """The geometric mean; None where the figure does not apply."""
    if not all(name in figure for figure in figures):
        return None
    mean = log_t_interval([_finite(figure[name]) for figure in figures])
    return None if math.isnan(mean.mean) else mean


def _finite(value: float | None) -> float:
    """An error that is not finite is written as null."""
    return math.inf if value is None else value


def last_fall(curve: Sequence[tuple[int, float]]) -> float | None:
    """By which share the best validation error fell in the last quarter of a run; None where too few were made.

    Args:
        curve: (step, error) of each validation.
    """
    if not curve:
        return None
    before = [error for step, error in curve if step <= 0.75 * curve[-1][0]]
    if not before or not math.isfinite(min(before)):
        return None
    return 1 - min(error for _, error in curve) / min(before)
