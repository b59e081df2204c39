"""A report for pull requests: its table and its figures in Markdown."""

import html
import re
from collections.abc import Sequence

from evaluation.figures import ReportFigure
from evaluation.page import PageContent


def report_markdown(content: PageContent, figures: Sequence[ReportFigure], moving: str) -> str:
    """The text of report.md, which links to figures/.

    Args:
        content: of the page.
        figures: that lie in figures/.
        moving: what the animation shows.
    """
    lines = [f"# {as_text(content.title)}", "", as_text(content.lead), ""]
    if content.headline:
        lines += [f"**{as_text(content.headline)}**", ""]
    lines += [_line(["method", *content.columns]), f"|{'---|' * (len(content.columns) + 1)}"]
    for row in content.rows:
        name = as_text(f"{row.name} {row.note}".strip())
        lines.append(_line([name, *(as_text(cell.text) for cell in row.cells)]))
    lines += ["", "Medians over the test trajectories.", ""]
    if content.comparisons or content.verdicts:
        lines += [*(f"- {as_text(sentence)}" for sentence in (*content.comparisons, *content.verdicts)), ""]
    lines += [f"![{as_text(moving)}](figures/animation.gif)", ""]
    for figure in figures:
        lines += [f"![{as_text(figure.caption)}](figures/{figure.name}.png)", ""]
    for title, sentence in content.missing:
        lines += [f"## {as_text(title)}", "", as_text(sentence), ""]
    return "\n".join(lines)


def as_text(text: str) -> str:
    """A text that Markdown shows as it is: its signs are escaped, a line break is a space."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
