"""The page of a report: one file that needs nothing else, runs its own scripts alone, and loads nothing."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import colormaps
from plotly.offline import get_plotlyjs

from tendency.evaluation.report.charts import Chart
from tendency.evaluation.report.document import deflate, read_template, render_document
from tendency.evaluation.report.player import PlayerRollouts
from tendency.evaluation.report.table import TableRow, TableSection

MOST_BYTES = 25_000_000
MOST_PLAYER_BYTES = 15_000_000
SCRIPTS = ("page.js", "player.js")


@dataclass(frozen=True)
class PageContent:
    """Content of a report's page; every text in it is escaped, never taken for markup.

    Args:
        title: title of the page.
        lead: sentences below the title.
        headline: the most important result in a sentence; may be empty.
        columns: heads of the summary table, without the first one.
        rows: rows of the summary table.
        charts: charts in their order.
        certificate: certificate of the dataset, plain data.
        configuration: configurations of the runs as text, by their headings.
        provenance: provenance of the dataset, plain data.
        files: texts that can be downloaded, by the names of the files.
        comparisons: sentences that compare two methods.
        verdicts: sentences on whether surrogates pay.
        missing: sections without a chart, each a title and a sentence on how to get it.
        tables: further sections with a table.
        notes: sentences on what is not in the page.
    """

    title: str
    lead: str
    headline: str
    columns: Sequence[str]
    rows: Sequence[TableRow]
    charts: Sequence[Chart]
    certificate: Mapping[str, Any]
    configuration: Mapping[str, str]
    provenance: Mapping[str, Any]
    files: Mapping[str, str]
    comparisons: Sequence[str] = ()
    verdicts: Sequence[str] = ()
    missing: Sequence[tuple[str, str]] = ()
    tables: Sequence[TableSection] = ()
    notes: Sequence[str] = field(default_factory=list)


def render_page(content: PageContent, encode: Callable[[int], PlayerRollouts]) -> str:
    """The page as text, of at most ``MOST_BYTES`` bytes.

    Args:
        content: content of the page.
        encode: function that encodes the rollouts that the page plays, in at most as many bytes as it is given: those
            that nothing else needs.

    Raises:
        ValueError: the page would be too large without any rollout.
    """
    scripts = [get_plotlyjs(), *map(read_template, SCRIPTS)]
    payload = {
        "charts": {chart.name: {"figures": chart.figures, "scales": chart.scales} for chart in content.charts},
        "colours": {"diverging": _colours("RdBu_r"), "sequential": _colours("viridis")},
        "files": {name: deflate(text) for name, text in content.files.items()},
    }

    def page(rollouts: PlayerRollouts) -> str:
        whole = payload | {"recordings": rollouts.entries}
        return render_document("report.html", scripts, content=content, payload=whole, rollouts=rollouts)

    # The entries that describe each rollout are not in the blobs: a tenth of the remaining bytes covers them.
    rest = MOST_BYTES - len(page(PlayerRollouts()).encode())
    if rest < 0:
        raise ValueError(f"report.html: {MOST_BYTES - rest} bytes without any rollout, expected at most {MOST_BYTES}")
    return page(encode(min(MOST_PLAYER_BYTES, int(0.9 * rest))))


def deflated_size(text: str) -> int:
    """The bytes that a text takes in a page that offers it for download."""
    return len(deflate(text))


def _colours(name: str) -> list[int]:
    """256 colours as red, green, blue, one after the other."""
    return (colormaps[name](np.arange(256))[:, :3] * 255).round().astype(int).ravel().tolist()


def configuration_texts(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Configurations as text by their headings, a text for each run where there are several.

    Args:
        configuration: configuration of one run, or {run: configuration}.
    """
    nested = configuration and all(isinstance(value, Mapping) and "pde" in value for value in configuration.values())
    if not nested:
        return {"Configuration": json.dumps(configuration, indent=2, default=str)}
    return {f"Configuration of {run}": json.dumps(c, indent=2, default=str) for run, c in configuration.items()}
