"""The page of a report: one file that needs nothing else, runs its own scripts alone, and loads nothing."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap

from tendency.evaluation.report.charts import Chart
from tendency.evaluation.report.document import deflate, plotly, read_template, render_document
from tendency.evaluation.report.figures import ReportFigure
from tendency.evaluation.report.mathml import mathml
from tendency.evaluation.report.player import PlayerRollouts
from tendency.evaluation.report.report_source import ReportSource
from tendency.evaluation.report.table import TableCell, TableRow, TableSection

MOST_BYTES = 25_000_000
MOST_PLAYER_BYTES = 15_000_000
ON_DARK = ("#cfeaff", "#5fb0ec", "#1f6fb4", "#1b1f25", "#b0432f", "#f08a62", "#ffe0d0")
"""Colours of fields with both signs on a dark page, where the white of nothing would be the brightest of all."""
SCRIPTS = ("page.js", "player.js")


@dataclass(frozen=True)
class PageContent:
    """Content of a report's page; every text in it is escaped, never taken for markup.

    Args:
        source: what the report is made of beside its results.
        lead: sentences below the title.
        headline: the most important result in a sentence; may be empty.
        findings: further results, a sentence each.
        columns: heads of the summary table, without the first one.
        rows: rows of the summary table.
        charts: charts in their order.
        files: texts that can be downloaded, by the names of the files.
        comparisons: sentences that compare two methods.
        verdicts: sentences on whether surrogates pay.
        tables: further sections with a table.
        notes: sentences on what is not in the page.
        pictures: of the data.
    """

    source: ReportSource
    lead: str
    headline: str
    columns: Sequence[str]
    rows: Sequence[TableRow]
    charts: Sequence[Chart]
    files: Mapping[str, str]
    findings: Sequence[str] = ()
    comparisons: Sequence[str] = ()
    verdicts: Sequence[str] = ()
    tables: Sequence[TableSection] = ()
    notes: Sequence[str] = field(default_factory=list)
    pictures: Sequence[ReportFigure] = ()

    @property
    def title(self) -> str:
        """The source's."""
        return self.source.title

    @property
    def configuration(self) -> dict[str, str]:
        """Configurations as text by their headings, a text for each run where there are several."""
        return configuration_texts(self.source.configuration)

    @property
    def equation(self) -> Markup:
        """The equation as the browser draws it; empty where none is stated, or none that can be drawn."""
        try:
            return Markup(mathml(self.source.formula)) if self.source.formula else Markup()  # noqa: S704  escaped there
        except ValueError:
            return Markup()

    @property
    def trainings(self) -> TableSection | None:
        """In what the trainings of several runs differ."""
        trainings = self.source.trainings
        if not trainings.differing:
            return None
        rows = [
            TableRow(run, [TableCell(facts.get(what, ""), None) for what in trainings.differing])
            for run, facts in trainings.facts.items()
        ]
        return TableSection("In what the trainings differ", (), trainings.differing, rows, first="run")


def render_page(content: PageContent, encode: Callable[[int], PlayerRollouts]) -> str:
    """The page as text, of at most ``MOST_BYTES`` bytes.

    Args:
        content: content of the page.
        encode: function that encodes the rollouts that the page plays, in at most as many bytes as it is given: those
            that nothing else needs.

    Raises:
        ValueError: the page would be too large without any rollout.
    """
    scripts = [read_template(name) for name in SCRIPTS]
    payload = {
        "charts": {chart.name: {"figures": chart.figures, "scales": chart.scales} for chart in content.charts},
        "colours": {
            "diverging": _colours(colormaps["RdBu_r"]),
            "diverging_on_dark": _colours(LinearSegmentedColormap.from_list("on dark", ON_DARK)),
            "sequential": _colours(colormaps["viridis"]),
        },
        "files": {name: deflate(text) for name, text in content.files.items()},
    }

    def page(rollouts: PlayerRollouts) -> str:
        whole = payload | {"recordings": rollouts.entries}
        return render_document("report.html", scripts, plotly(), content=content, payload=whole, rollouts=rollouts)

    # The entries that describe each rollout are not in the blobs: a tenth of the remaining bytes covers them.
    rest = MOST_BYTES - len(page(PlayerRollouts()).encode())
    if rest < 0:
        raise ValueError(f"report.html: {MOST_BYTES - rest} bytes without any rollout, expected at most {MOST_BYTES}")
    return page(encode(min(MOST_PLAYER_BYTES, int(0.9 * rest))))


def deflated_size(text: str) -> int:
    """The bytes that a text takes in a page that offers it for download."""
    return len(deflate(text))


def _colours(colours: Colormap) -> list[int]:
    """256 colours as red, green, blue, one after the other."""
    return (colours(np.arange(256))[:, :3] * 255).round().astype(int).ravel().tolist()


def configuration_texts(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Configurations as text by their headings, a text for each run where there are several.

    Args:
        configuration: configuration of one run, or {run: configuration}.
    """
    nested = configuration and all(isinstance(value, Mapping) and "model" in value for value in configuration.values())
    if not nested:
        return {"Configuration": json.dumps(configuration, indent=2, default=str)}
    return {f"Configuration of {run}": json.dumps(c, indent=2, default=str) for run, c in configuration.items()}
