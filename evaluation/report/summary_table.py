"""The summary table of a report: one row for each method, one column for each figure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tendency.evaluation.metrics.figure import Statistic, SummaryFigure
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.table import TableCell, TableRow
from tendency.evaluation.statistics.intervals import Interval
from tendency.evaluation.statistics.summary import OVER_SNAPSHOTS, counted, figure_text

NOT_APPLICABLE = TableCell("", None, "not applicable")
"""Cell of a method that does not have the figure."""


def table_figures(stated: StatedFigures, summary: Mapping[str, Mapping[str, Any]]) -> list[SummaryFigure]:
    """The figures of the table: those that are meant for it, and that some method has.

    Args:
        stated: figures of the report.
        summary: summary from ``summarise``.
    """
    return [figure for figure in stated.in_table if any(figure.key in numbers for numbers in summary.values())]


def summary_columns(figures: Sequence[SummaryFigure]) -> list[str]:
    """Heads of the columns, without the first one."""
    return [*(figure.title for figure in figures), "network calls per step"]


def summary_rows(
    columns: Sequence[SummaryFigure],
    summary: Mapping[str, Mapping[str, Any]],
    learned: Sequence[str],
    calls: Mapping[str, Any],
    seeds: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> list[TableRow]:
    """One row for each method that was trained with several seeds, and one for each run and baseline.

    Args:
        columns: figures of the columns.
        summary: summary from ``summarise``.
        learned: names of the methods that are no baselines.
        calls: network calls in one step, by method.
        seeds: {method: {figure: {mean, low, high}}} over the seeds of each method that has several.
        groups: names of these seeds' runs, by method.
    """
    rows = []
    for name, means in (seeds or {}).items():
        runs = [summary[run] for run in (groups or {}).get(name, ())]
        beyond = {one.key for one in columns if any(run.get(f"{one.key}_censored") for run in runs)}
        rows.append(_seeds_row(name, columns, means, beyond))
    for name, figures in summary.items():
        cells = [_figure_cell(figures, column) for column in columns]
        rows.append(TableRow(name, [*cells, _calls_cell(calls.get(name, 0))], baseline=name not in learned))
    return rows


def _seeds_row(
    name: str,
    columns: Sequence[SummaryFigure],
    figures: Mapping[str, Mapping[str, float | None]],
    beyond: Collection[str],
) -> TableRow:
    """Means over several seeds of one method, with their intervals.

    Args:
        name: name of the method.
        columns: figures of the columns.
        figures: {figure: {mean, low, high}}.
        beyond: times that more than half of the trajectories of some seed exceed, of which no mean is known.
    """
    cells = []
    for column in columns:
        if column.key not in figures:
            cells.append(NOT_APPLICABLE)
            continue
        interval = Interval.from_dict(figures[column.key])
        text, note = interval.text(), "mean over the seeds, with its 95 % interval"
        if column.key in beyond:
            text, note = (
                column.text(interval.mean, True),
                "with some seed more than half of the trajectories last longer",
            )
        elif column.statistic is Statistic.SHARE_WITHOUT:
            text, note = column.text(interval.mean), "mean over the seeds"
        cells.append(TableCell(text, figures[column.key]["mean"], note))
    return TableRow(name, [*cells, TableCell("", None)])


def _figure_cell(figures: Mapping[str, Any], column: SummaryFigure) -> TableCell:
    if column.key not in figures:
        return NOT_APPLICABLE
    value = float(figures[column.key])
    note = f"median over {_trajectories(figures)}"
    if figures.get(f"{column.key}_censored"):
        note = "more than half of the trajectories last longer than was looked at"
    elif column.statistic is Statistic.SHARE_WITHOUT:
        note = f"of {_trajectories(figures)}"
    elif column.statistic in OVER_SNAPSHOTS:
        note = f"mean over {_trajectories(figures)}"
    return TableCell(figure_text(dict(figures), column), value if np.isfinite(value) else None, note)


def _trajectories(figures: Mapping[str, Any]) -> str:
    return counted(int(figures["trajectories"]), "trajectory", "trajectories")


def _calls_cell(calls: Any) -> TableCell:
    try:
        return TableCell(str(calls), float(calls))
    except ValueError:
        return TableCell(str(calls), None)
