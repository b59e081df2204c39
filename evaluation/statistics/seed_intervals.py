"""Means over the seeds of a method, and their intervals, of the figures of a report."""

from collections.abc import Mapping, Sequence
from typing import Any

from tendency.evaluation.metrics.figure import Mean
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.statistics.intervals import Interval, log_t_interval, t_interval


def intervals_over_seeds(
    summary: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]], figures: StatedFigures
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The mean over the seeds of each group, and its t-interval, of the figures of a summary.

    Args:
        summary: summary from ``tendency.evaluation.statistics.summary.summarise``.
        groups: names of the methods that differ in their seed alone, by what they have in common.
        figures: figures of the summary, which state how they are averaged.

    Returns:
        {group: {figure: {mean, low, high}}}. A time that is censored for some seed has no interval, and what is not
        finite is None.
    """
    geometric = {figure.key for figure in figures.summary if figure.mean is Mean.GEOMETRIC}
    # Beside the figures a summary says which times are censored.
    flags = {f"{figure.key}_censored" for figure in figures.summary}
    intervals: dict[str, dict[str, dict[str, float | None]]] = {}
    for group, names in groups.items():
        runs = [summary[name] for name in names]
        intervals[group] = {
            key: _interval(key, key in geometric, runs).to_dict()
            for key in runs[0]
            if key not in flags and all(key in run for run in runs)
        }
    return intervals


def _interval(key: str, geometric: bool, runs: Sequence[Mapping[str, Any]]) -> Interval:
    values = [run[key] for run in runs]
    if any(run.get(f"{key}_censored", False) for run in runs):
        return Interval(sum(values) / len(values))
    return log_t_interval(values) if geometric else t_interval(values)
