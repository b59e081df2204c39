"""A report for pull requests: its table and its figures in Markdown."""

import html
import re
from collections.abc import Sequence

from tendency.evaluation.report.figures import ReportFigure
from tendency.evaluation.report.page import PageContent
from tendency.evaluation.report.summary_table import SummaryTable, TableRow


def report_markdown(content: PageContent, figures: Sequence[ReportFigure], moving: str) -> str:
    """The text of report.md, which links to figures/.

    Args:
        content: of the page.
        figures: that lie in figures/.
        moving: what the animation shows.
    """
    lines = head_markdown(content.title, content.lead, content.headline)
    lines += [*_table("method", content.columns, content.rows), "", "Medians over the test trajectories.", ""]
    for table in content.tables:
        lines += table_markdown(table)
    if content.comparisons or content.verdicts:
        lines += [*(f"- {as_text(sentence)}" for sentence in (*content.comparisons, *content.verdicts)), ""]
    lines += [f"![{as_text(moving)}](figures/animation.gif)", ""]
    for figure in figures:
        lines += [f"![{as_text(figure.caption)}](figures/{figure.name}.png)", ""]
    for title, sentence in content.missing:
        lines += [f"## {as_text(title)}", "", as_text(sentence), ""]
    return "\n".join(lines)


def head_markdown(title: str, lead: str, headline: str) -> list[str]:
    """The lines that a page begins with; the headline may be empty."""
    return [f"# {as_text(title)}", "", as_text(lead), "", *([f"**{as_text(headline)}**", ""] if headline else [])]


def table_markdown(table: SummaryTable) -> list[str]:
    """The lines of a section with a table."""
    lines = [f"## {as_text(table.title)}", "", *(f"{as_text(note)}\n" for note in table.notes)]
    if table.rows:
        lines += [*_table(table.first, table.columns, table.rows), ""]
    if table.link is not None:
        lines += [f"[{as_text(table.link[0])}]({table.link[1]})", ""]
    return lines


def _table(first: str, columns: Sequence[str], rows: Sequence[TableRow]) -> list[str]:
    lines = [_line([first, *columns]), f"|{'---|' * (len(columns) + 1)}"]
    for row in rows:
        name = as_text(f"{row.name} {row.note}".strip())
        texts = [as_text(cell.text) for cell in row.cells]
        lines.append(
            _line([name, *(f"**{text}**" if cell.best else text for cell, text in zip(row.cells, texts, strict=True))])
        )
    return lines


def as_text(text: str) -> str:
    """A text that Markdown shows as it is: its signs are escaped, a line break is a space."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
