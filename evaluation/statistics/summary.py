"""The summary of a report: one number for each method and figure, made as the figure states."""

from typing import Any

import numpy as np
import torch
import xarray as xr

from tendency.evaluation.metrics.error_figures import median_of_all, one_step_error
from tendency.evaluation.metrics.figure import Statistic, SummaryFigure
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.statistics.censored_median import censored_median
from tendency.evaluation.statistics.method_results import results_of_method

OVER_SNAPSHOTS = (Statistic.AVERAGE, Statistic.SPREAD_OVER_SKILL)
"""Statistics that take the mean over all snapshots after the start, of ensembles: not every simulator is one."""


def summarise(results: xr.Dataset) -> dict[str, dict[str, Any]]:
    """The figures of each method.

    Args:
        results: results of ``evaluate_rollouts``.

    Returns:
        {method: {figure: value}}; a time that more than half of the trajectories exceed is the horizon, and its
        ``..._censored`` is True. Times with the suffix ``_characteristic`` are multiples of the problem's Lyapunov or
        eddy-turnover time, where it states one. Figures that do not apply are left out.
    """
    figures = StatedFigures.of_results(results)
    names = [str(name) for name in results.simulator.values]
    return {name: _summary_of(results_of_method(results, name), figures) for name in names}


def applies(results: xr.Dataset, figure: SummaryFigure) -> bool:
    """Whether a figure was measured, and has a value at all.

    Args:
        results: results of ``evaluate_rollouts``, of all methods or of one.
        figure: figure of the summary.
    """
    if any(name not in results for name in (figure.source, figure.denominator) if name is not None):
        return False
    if figure.statistic in OVER_SNAPSHOTS:
        return not bool(results[figure.source].isel(snapshot=slice(1, None)).isnull().all())
    if figure.defined_at_start:
        return not bool(_labelled(results, figure).isel(snapshot=0).isnull().all())
    return True


def values_per_trajectory(one: xr.Dataset, figure: SummaryFigure) -> np.ndarray:
    """The values (trajectory,) of one method that a figure of the summary is made of; what blew up is not finite.

    Args:
        one: results of one method from its start on (``results_of_method``), of a figure that applies.
        figure: figure of the summary.
    """
    values = _values(one, figure)
    match figure.statistic:
        case Statistic.LAST:
            return values[:, -1]
        case Statistic.FIRST_STEP:
            return values[:, 1]
        case Statistic.LARGEST:
            return np.where(np.isfinite(values), values, np.inf).reshape(len(values), -1).max(1)
        case Statistic.SINGLE_STEPS:
            return one_step_error(values[:, 1:], figure.better.worst)
        case Statistic.AVERAGE:
            return values[:, 1:].mean(1)
        case Statistic.SPREAD_OVER_SKILL:
            square = one[figure.denominator].sel(_selection(one, figure)).values if figure.denominator else 1.0
            return _spread_over_skill(one, values[:, 1:].mean(1), np.asarray(square)[:, 1:].mean(1))
        case Statistic.SHARE_WITHOUT:
            return 1 - values.astype(float)
        case Statistic.ROLLOUT | Statistic.TIME:
            return values / figure.divisor


def _summary_of(one: xr.Dataset, figures: StatedFigures) -> dict[str, Any]:
    """The summary of one method."""
    summary: dict[str, Any] = {}
    for figure in figures.summary:
        if not applies(one, figure):
            continue
        if figure.statistic is Statistic.TIME:
            censored = one[f"{figure.source}_censored"].sel(_selection(one, figure)).values.astype(bool)
            times = torch.from_numpy(np.asarray(_values(one, figure)))
            median, beyond = censored_median(times, torch.from_numpy(censored))
            summary |= {figure.key: median / figure.divisor, f"{figure.key}_censored": beyond}
        else:
            summary[figure.key] = _number(one, figure)
    return summary | {
        "horizon": float(one.time.values[:, -1].max()),
        "trajectories": int(one.sizes["trajectory"]),
    }


def _number(one: xr.Dataset, figure: SummaryFigure) -> float:
    """One number of one method, a value that is not finite counting as the worst."""
    match figure.statistic:
        case Statistic.SHARE_WITHOUT:
            return float(1 - _values(one, figure).astype(float).mean())
        case Statistic.AVERAGE:
            return _finite_or_worst(float(_values(one, figure)[:, 1:].mean()), figure)
        case Statistic.SPREAD_OVER_SKILL:
            square = one[figure.denominator].sel(_selection(one, figure)).values[:, 1:].mean()
            return float(_spread_over_skill(one, _values(one, figure)[:, 1:].mean(), square))
        case _:
            return float(median_of_all(values_per_trajectory(one, figure), figure.better.worst))


def _finite_or_worst(value: float, figure: SummaryFigure) -> float:
    return value if np.isfinite(value) else figure.better.worst


def _spread_over_skill(one: xr.Dataset, variance: Any, square: Any) -> Any:
    members = int(one.attrs["ensemble"])
    return np.sqrt((members + 1) / members * variance / square)


def _values(one: xr.Dataset, figure: SummaryFigure) -> np.ndarray:
    """The values of one label of a figure, over those of its denominator; the ensemble's ratio is taken of means."""
    values = _labelled(one, figure).values
    if figure.denominator is None or figure.statistic is Statistic.SPREAD_OVER_SKILL:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return values / one[figure.denominator].sel(_selection(one, figure)).values


def _labelled(results: xr.Dataset, figure: SummaryFigure) -> xr.DataArray:
    return results[figure.source].sel(_selection(results, figure))


def _selection(results: xr.Dataset, figure: SummaryFigure) -> dict[str, Any]:
    """The label that is taken of the figure's axis."""
    return {} if figure.axis is None else {figure.axis: figure.label}


def summary_lines(results: xr.Dataset) -> list[str]:
    """A short plain-text table of all methods, for the end of a run."""
    summary = summarise(results)
    first = next(iter(summary.values()))
    width = max(len(name) for name in (*summary, "median over trajectories"))
    shown = [figure for figure in StatedFigures.of_results(results).in_table if figure.key in first]
    test = counted(int(first["trajectories"]), "test trajectory", "test trajectories")
    lines = [f"{test}, rolled out over {first['horizon']:.4g}"]
    lines.append("  ".join(["median over trajectories".ljust(width), *(figure.title for figure in shown)]))
    for name, numbers in summary.items():
        texts = [figure_text(numbers, figure).rjust(len(figure.title)) for figure in shown]
        lines.append("  ".join([name.ljust(width), *texts]))
    return lines


def figure_text(numbers: dict[str, Any], figure: SummaryFigure) -> str:
    """A figure of a summary as text; empty where it does not apply.

    Args:
        numbers: summary of one method.
        figure: figure of the summary.
    """
    if figure.key not in numbers:
        return ""
    return figure.text(float(numbers[figure.key]), bool(numbers.get(f"{figure.key}_censored")))


def counted(count: int, one: str, several: str) -> str:
    """A number with its noun: ``1 trajectory``, ``2 trajectories``.

    Args:
        count: how many.
        one: the noun of one.
        several: of several.
    """
    return f"{count} {one if count == 1 else several}"
