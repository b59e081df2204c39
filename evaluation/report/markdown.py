"""Reports as Markdown for pull requests: their tables, sentences and figures."""

import html
import re
from collections.abc import Sequence

from tendency.evaluation.report.figures import ReportFigure
from tendency.evaluation.report.page import PageContent
from tendency.evaluation.report.table import TableRow, TableSection, aligned_lines


def report_markdown(content: PageContent, figures: Sequence[ReportFigure], animation: str) -> str:
    """The text of report.md, which links to figures/.

    Args:
        content: content of the report's page.
        figures: figures whose files lie in figures/.
        animation: caption of the animation.
    """
    lines = head_lines(content.title, content.lead, content.headline)
    lines += [*(f"- {escape(sentence)}" for sentence in content.findings), ""] if content.findings else []
    lines += [*_rows("method", content.columns, content.rows), "", "Medians over the test trajectories.", ""]
    for table in content.tables:
        lines += table_lines(table)
    if content.comparisons or content.verdicts:
        lines += [*(f"- {escape(sentence)}" for sentence in (*content.comparisons, *content.verdicts)), ""]
    lines += [f"![{escape(animation)}](figures/animation.gif)", ""]
    for figure in figures:
        lines += [f"![{escape(figure.caption)}](figures/{figure.name}.png)", ""]
    return "\n".join(lines)


def head_lines(title: str, lead: str, headline: str) -> list[str]:
    """The lines that a page begins with; the headline may be empty."""
    return [f"# {escape(title)}", "", escape(lead), "", *([f"**{escape(headline)}**", ""] if headline else [])]


def table_lines(table: TableSection) -> list[str]:
    """The lines of a section with a table."""
    lines = [f"## {escape(table.title)}", "", *(f"{escape(note)}\n" for note in table.notes)]
    if table.rows:
        lines += [*_rows(table.first, table.columns, table.rows), ""]
    if table.link is not None:
        lines += [f"[{escape(table.link[0])}]({table.link[1]})", ""]
    return lines


def _rows(first: str, columns: Sequence[str], rows: Sequence[TableRow]) -> list[str]:
    lines = []
    for row in rows:
        texts = [escape(cell.text) for cell in row.cells]
        marked = [f"**{text}**" if cell.best else text for cell, text in zip(row.cells, texts, strict=True)]
        lines.append([escape(f"{row.name} {row.note}".strip()), *marked])
    return aligned_lines([escape(head) for head in (first, *columns)], lines, "pipe")


def escape(text: str) -> str:
    """A text with Markdown's and HTML's signs escaped, and line breaks as spaces."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
