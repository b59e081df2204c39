"""The numbers of a report: the content of metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import xarray as xr

from tendency.evaluation.metrics.figure import SummaryFigure
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.method_results import results_of_method
from tendency.evaluation.statistics.ranking import method_names
from tendency.evaluation.statistics.summary import applies, values_per_trajectory

DEFINITIONS = 2
"""Raised when the figures of reports are defined anew: figures of different definitions do not stand in one table."""


@dataclass(frozen=True)
class ReportNumbers:
    """The content of metrics.json; what is not finite is None, and entries that were not measured are left out.

    Args:
        description: what the report is about.
        summary: {method: {figure: value}} medians over the trajectories, from ``summarise``.
        per_trajectory: {method: {figure: one value for each trajectory}}.
        seeds: {group: {figure: {mean, low, high}}} over the seeds of a method, from ``intervals_over_seeds``.
        comparisons: pairs of methods compared, from ``compare_all``.
        break_even: points of error and cost, from ``BreakEven.to_dict``.
        break_even_verdict: verdicts and notes on these points, from ``BreakEven.to_dict``.
        in_distribution: figures on the data of the training, from ``InDistribution.to_dict``.
        figures: what each figure is: title, unit, which values are better, and where it stands.
    """

    description: ReportDescription
    summary: Mapping[str, Mapping[str, Any]]
    per_trajectory: Mapping[str, Mapping[str, Sequence[Any]]]
    seeds: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None = None
    comparisons: Sequence[Mapping[str, Any]] | None = None
    break_even: Sequence[Mapping[str, Any]] | None = None
    break_even_verdict: Mapping[str, Any] | None = None
    in_distribution: Mapping[str, Any] | None = None
    figures: Mapping[str, Any] | None = None

    @classmethod
    def of_results(
        cls, results: xr.Dataset, summary: Mapping[str, Mapping[str, Any]], further: Mapping[str, Any]
    ) -> Self:
        """The numbers of some results.

        Args:
            results: results of ``evaluate_rollouts``.
            summary: their summary from ``summarise``.
            further: further entries by their names, those from ``seeds`` to ``in_distribution``.
        """
        finite = {
            method: {key: value if np.isfinite(value) else None for key, value in figures.items()}
            for method, figures in summary.items()
        }
        stated = StatedFigures.of_results(results)
        shown = [figure for figure in stated.summary if applies(results, figure) and figure.divisor == 1]
        per_trajectory = {method: _trajectory_figures(results, method, shown) for method in method_names(results)}
        description = ReportDescription.of_results(results)
        return cls(description, finite, per_trajectory, figures=stated.to_dict(), **further)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        entries = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        measured = {name: value for name, value in entries.items() if value is not None}
        return {"definitions": DEFINITIONS} | measured | {"description": self.description.to_dict()}


def definitions_of(content: Mapping[str, Any]) -> int:
    """The number of the definitions that a report's figures have.

    Args:
        content: the content of metrics.json, of any version.
    """
    # The first definitions were not numbered, nor the second ones for a while, which say what each figure is.
    return int(content.get("definitions", 2 if "figures" in content else 1))


def _trajectory_figures(results: xr.Dataset, method: str, figures: Sequence[SummaryFigure]) -> dict[str, list[Any]]:
    """The figures of each trajectory, from which the summary's medians come."""
    one = results_of_method(results, method)
    return {
        "trajectory": results.trajectory.values.tolist(),
        **{figure.key: _finite_or_none(values_per_trajectory(one, figure)) for figure in figures},
    }


def _finite_or_none(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
