"""The rows of a report's table, as the page and the Markdown show them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendency.evaluation.statistics.intervals import Interval
from tendency.evaluation.statistics.summary import COLUMNS, cell


@dataclass(frozen=True)
class TableCell:
    """One figure of one method.

    Args:
        text: as it is read.
        value: that it is sorted by; None where there is none, which comes last.
        note: said when the reader asks, such as an interval.
        best: whether it is the best of its column, or cannot be told from it.
    """

    text: str
    value: float | None
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class TableRow:
    """One method.

    Args:
        name: of it.
        cells: one for each column.
        note: beside the name, such as the number of seeds.
        baseline: whether it is one that the others must beat.
    """

    name: str
    cells: Sequence[TableCell]
    note: str = ""
    baseline: bool = False


@dataclass(frozen=True)
class SummaryTable:
    """A section of a page with a table that sorts.

    Args:
        title: of the section.
        notes: sentences above the table.
        columns: its head, without the first column.
        rows: its body.
        first: head of the first column.
        link: a text and the page that it leads to, beside this one.
    """

    title: str
    notes: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[TableRow]
    first: str = "method"
    link: tuple[str, str] | None = None

    def lines(self) -> list[str]:
        """The table as plain text, its columns aligned."""
        texts = [["", *self.columns], *([row.name, *(cell.text for cell in row.cells)] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        aligned = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in texts]
        return [self.title, *("  ".join(line).rstrip() for line in aligned)]


def summary_columns() -> list[str]:
    """The head of the table, without the method's own column."""
    return [*(label for _, label in COLUMNS), "network calls per step"]


def summary_rows(
    summary: Mapping[str, Mapping[str, Any]],
    learned: Sequence[str],
    calls: Mapping[str, Any],
    seeds: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None = None,
) -> list[TableRow]:
    """One row for each method that was trained with several seeds, and one for each run and baseline.

    Args:
        summary: from ``summarise``.
        learned: the methods that are no baselines.
        calls: of the network in one step, by method.
        seeds: {method: {figure: {mean, low, high}}} over the seeds of each method that has several.
    """
    rows = [_group(name, figures) for name, figures in (seeds or {}).items()]
    for name, figures in summary.items():
        cells = [_cell(figures, key) for key, _ in COLUMNS]
        rows.append(TableRow(name, [*cells, _count(calls.get(name, 0))], baseline=name not in learned))
    return rows


def _group(name: str, figures: Mapping[str, Mapping[str, float | None]]) -> TableRow:
    """Several seeds of one method: means, with the intervals that say how well they are known."""
    cells = []
    for key, _ in COLUMNS:
        known = figures.get(key, Interval(math.inf).to_dict())
        cells.append(
            TableCell(Interval.from_dict(known).text(), known["mean"], "mean over the seeds, with its 95 % interval")
        )
    return TableRow(name, [*cells, TableCell("", None)])


def _cell(figures: Mapping[str, Any], key: str) -> TableCell:
    value = float(figures[key])
    note = f"median over {figures['trajectories']} trajectories"
    if figures.get(f"{key}_censored"):
        note = "more than half of the trajectories last longer than was looked at"
    elif key == "stable_share":
        note = f"of {figures['trajectories']} trajectories"
    return TableCell(cell(dict(figures), key), value if np.isfinite(value) else None, note)


def _count(calls: Any) -> TableCell:
    try:
        return TableCell(str(calls), float(calls))
    except ValueError:
        return TableCell(str(calls), None)
