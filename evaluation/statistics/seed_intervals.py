"""Means over the seeds of a method, and their intervals, of the figures of a report."""

from collections.abc import Mapping, Sequence
from typing import Any

from tendency.evaluation.statistics.intervals import Interval, log_t_interval, t_interval


def intervals_over_seeds(
    summary: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The mean over the seeds of each group, and its t-interval, of the figures of a summary.

    Args:
        summary: summary from ``tendency.evaluation.statistics.summary.summarise``.
        groups: names of the methods that differ in their seed alone, by what they have in common.

    Returns:
        {group: {figure: {mean, low, high}}}; errors are averaged by their logarithms. A time that is censored for some
        seed has no interval, and what is not finite is None.
    """
    intervals: dict[str, dict[str, dict[str, float | None]]] = {}
    for group, names in groups.items():
        runs = [summary[name] for name in names]
        intervals[group] = {
            figure: _interval(figure, [run[figure] for run in runs], runs).to_dict()
            for figure in runs[0]
            if not figure.endswith("_censored") and all(figure in run for run in runs)
        }
    return intervals


def _interval(figure: str, values: list[float], runs: Sequence[Mapping[str, Any]]) -> Interval:
    if any(run.get(f"{figure}_censored", False) for run in runs):
        return Interval(sum(values) / len(values))
    if "nrmse" in figure and "time" not in figure:
        return log_t_interval(values)
    return t_interval(values)
