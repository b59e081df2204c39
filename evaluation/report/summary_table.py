"""The summary table of a report: one row for each method, one column for each figure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tendency.evaluation.report.table import TableCell, TableRow
from tendency.evaluation.statistics.intervals import Interval
from tendency.evaluation.statistics.summary import COLUMNS, figure_text


def summary_columns() -> list[str]:
    """Heads of the columns, without the first one."""
    return [*(label for _, label in COLUMNS), "network calls per step"]


def summary_rows(
    summary: Mapping[str, Mapping[str, Any]],
    learned: Sequence[str],
    calls: Mapping[str, Any],
    seeds: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None = None,
) -> list[TableRow]:
    """One row for each method that was trained with several seeds, and one for each run and baseline.

    Args:
        summary: summary from ``summarise``.
        learned: names of the methods that are no baselines.
        calls: network calls in one step, by method.
        seeds: {method: {figure: {mean, low, high}}} over the seeds of each method that has several.
    """
    rows = [_seeds_row(name, figures) for name, figures in (seeds or {}).items()]
    for name, figures in summary.items():
        cells = [_figure_cell(figures, key) for key, _ in COLUMNS]
        rows.append(TableRow(name, [*cells, _calls_cell(calls.get(name, 0))], baseline=name not in learned))
    return rows


def _seeds_row(name: str, figures: Mapping[str, Mapping[str, float | None]]) -> TableRow:
    """Means over several seeds of one method, with their intervals."""
    cells = []
    for key, _ in COLUMNS:
        interval = figures.get(key, Interval(math.inf).to_dict())
        cells.append(
            TableCell(
                Interval.from_dict(interval).text(), interval["mean"], "mean over the seeds, with its 95 % interval"
            )
        )
    return TableRow(name, [*cells, TableCell("", None)])


def _figure_cell(figures: Mapping[str, Any], key: str) -> TableCell:
    value = float(figures[key])
    note = f"median over {figures['trajectories']} trajectories"
    if figures.get(f"{key}_censored"):
        note = "more than half of the trajectories last longer than was looked at"
    elif key == "stable_share":
        note = f"of {figures['trajectories']} trajectories"
    return TableCell(figure_text(dict(figures), key), value if np.isfinite(value) else None, note)


def _calls_cell(calls: Any) -> TableCell:
    try:
        return TableCell(str(calls), float(calls))
    except ValueError:
        return TableCell(str(calls), None)
