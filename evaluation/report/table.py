"""Tables, as the page, the Markdown and the terminal show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tabulate import tabulate


@dataclass(frozen=True)
class TableCell:
    """One figure of one method.

    Args:
        text: text that is shown.
        value: number that rows are sorted by; None where there is none, which comes last.
        note: text of the tooltip, such as what the figure is a median of.
        best: whether it is the best of its column, or does not differ significantly from it.
    """

    text: str
    value: float | None
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class TableRow:
    """One method.

    Args:
        name: name of the method.
        cells: one cell for each column.
        note: text beside the name, such as the number of seeds.
        baseline: whether the method is a baseline.
    """

    name: str
    cells: Sequence[TableCell]
    note: str = ""
    baseline: bool = False


@dataclass(frozen=True)
class TableSection:
    """A section of a page with a table that sorts.

    Args:
        title: heading of the section.
        notes: sentences above the table.
        columns: heads of the columns, without the first one.
        rows: rows of the table.
        first: head of the first column.
        link: text and target of a link below the table.
    """

    title: str
    notes: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[TableRow]
    first: str = "method"
    link: tuple[str, str] | None = None

    def lines(self) -> list[str]:
        """The table as plain text, its columns aligned."""
        rows = [[row.name, *(cell.text for cell in row.cells)] for row in self.rows]
        return [self.title, *aligned_lines(["", *self.columns], rows, "plain")]


def aligned_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], style: Literal["plain", "pipe"]) -> list[str]:
    """The lines of a table, its first column to the left and all others to the right.

    Args:
        heads: heads of the columns.
        rows: texts of each row, as they shall be read: 1.50 does not become 1.5.
        style: ``plain`` for the terminal, ``pipe`` for Markdown, whose signs the texts hold escaped.
    """
    sides = ["left", *["right"] * (len(heads) - 1)] if rows else None
    return tabulate(rows, heads, tablefmt=style, disable_numparse=True, colalign=sides).splitlines()
