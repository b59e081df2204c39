"""All figures of a report, as their metrics state them, stored with its results."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import xarray as xr

from tendency.evaluation.metrics.figure import (
    SMALLER,
    Better,
    Mean,
    MetricFigure,
    Statistic,
    Summary,
    SummaryFigure,
    summary_figures,
)
from tendency.evaluation.metrics.metric import Metric
from tendency.evaluation.metrics.pointwise import LOST
from tendency.evaluation.metrics.standard_metrics import standard_metrics
from tendency.simulation.problem import CharacteristicTime

ATTRIBUTE = "figures"
"""Attribute of metrics.nc that holds the figures as JSON."""

ONE_STEP = MetricFigure(
    "one_step_nrmse",
    "nRMSE of one step from the truth",
    SMALLER,
    Mean.GEOMETRIC,
    lost=LOST,
    logarithmic=True,
    summaries=(Summary("one_step_nrmse", "one-step nRMSE", Statistic.SINGLE_STEPS, table=True, leaderboard=True),),
)
"""Error of one step from every true snapshot, which no metric measures: the rollout itself takes these steps."""

ONE_STEP_KEY = "one_step_nrmse"
"""Figure that a report's headline compares methods by."""
ROLLOUT_KEY = "rollout_nrmse"
"""Figure that a leaderboard ranks methods by: the error of a whole rollout."""
FINAL_CORRELATION_KEY = "final_correlation"
"""Figure that a validation logs beside these two."""

MOST_LABELS = 8
"""Most fields or bands with a curve and a summary of their own; a figure with more is a function, as a spectrum is."""


@dataclass(frozen=True)
class StatedFigures:
    """The figures of a report.

    Args:
        arrays: figures that were measured, by the names of their variables.
        summary: numbers of the summary, in the order of its tables.
    """

    arrays: Mapping[str, MetricFigure]
    summary: Sequence[SummaryFigure]

    def __getitem__(self, key: str) -> SummaryFigure:
        """The figure of a key of the summary."""
        return next(figure for figure in self.summary if figure.key == key)

    @property
    def in_table(self) -> list[SummaryFigure]:
        """Figures of the summary table."""
        return [figure for figure in self.summary if figure.table]

    @property
    def ranked(self) -> list[SummaryFigure]:
        """Figures that methods are ranked by, that of a whole rollout first."""
        return sorted((one for one in self.summary if one.leaderboard), key=lambda one: one.key != ROLLOUT_KEY)

    @property
    def compared(self) -> list[SummaryFigure]:
        """Figures that methods are compared by in pairs, that of a whole rollout first."""
        return sorted((one for one in self.summary if one.comparisons), key=lambda one: one.key != ROLLOUT_KEY)

    @classmethod
    def of_metrics(
        cls, metrics: Iterable[Metric], labels: Mapping[str, Sequence[Any]], time: CharacteristicTime | None = None
    ) -> Self:
        """The figures of some metrics, with that of one step.

        Args:
            metrics: metrics that were measured.
            labels: labels along the figures' axes, by axis; an axis without labels has no summaries.
            time: a time natural to the problem, which times are also given in multiples of.
        """
        stated = [(ONE_STEP, ONE_STEP.summaries or ())]
        stated += [(figure, metric.summaries(figure)) for metric in metrics for figure in metric.figures]
        numbers: list[SummaryFigure] = []
        for figure, summaries in stated:
            along = list(labels.get(figure.axes[0], ())) if figure.axes else []
            for number in summary_figures(figure, summaries, along if len(along) <= MOST_LABELS else []):
                numbers.append(number)
                if time is not None and number.statistic is Statistic.TIME:
                    numbers.append(_in_multiples(number, time))
        return cls({figure.name: figure for figure, _ in stated}, numbers)

    @classmethod
    def of_results(cls, results: xr.Dataset) -> Self:
        """The figures that results were written with; of results that state none, those of every report.

        Args:
            results: the results of ``evaluate_rollouts``, or the content of metrics.nc.
        """
        if ATTRIBUTE in results.attrs:
            return cls.from_dict(json.loads(results.attrs[ATTRIBUTE]))
        return cls.of_metrics(standard_metrics(), {})

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        arrays = [_plain_figure(figure) for figure in self.arrays.values()]
        return {"arrays": arrays, "summary": [figure.to_dict() for figure in self.summary]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``, without the statements from which the summary was made."""
        arrays = [_read_figure(figure) for figure in content["arrays"]]
        return cls({one.name: one for one in arrays}, [SummaryFigure.from_dict(one) for one in content["summary"]])


def _in_multiples(figure: SummaryFigure, time: CharacteristicTime) -> SummaryFigure:
    """A time in multiples of one that is natural to the problem, which stands in no table."""
    return replace(
        figure,
        key=f"{figure.key}_characteristic",
        title=f"{figure.title}, in multiples of the {time.name}",
        unit=time.name,
        divisor=float(time.value),
        table=False,
        leaderboard=False,
        comparisons=False,
    )


def _plain_figure(figure: MetricFigure) -> dict[str, Any]:
    entries = {entry.name: getattr(figure, entry.name) for entry in fields(figure) if entry.name != "summaries"}
    return entries | {"better": figure.better.to_plain()}


def _read_figure(content: Mapping[str, Any]) -> MetricFigure:
    known = {entry.name: content[entry.name] for entry in fields(MetricFigure) if entry.name in content}
    known |= {"mean": Mean(known["mean"]), "axes": tuple(known["axes"]), "better": Better.from_plain(known["better"])}
    return MetricFigure(**known)
