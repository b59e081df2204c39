"""The page of a report: one file that needs nothing else, runs its own scripts alone, and loads nothing."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import colormaps
from plotly.offline import get_plotlyjs

from tendency.evaluation.report.charts import Chart
from tendency.evaluation.report.document import deflated, document, source
from tendency.evaluation.report.player import Recordings
from tendency.evaluation.report.summary_table import SummaryTable, TableRow

MOST_BYTES = 25_000_000
MOST_RECORDED = 15_000_000
SCRIPTS = ("page.js", "player.js")


@dataclass(frozen=True)
class PageContent:
    """What a page shows; every text in it is taken for text, never for markup.

    Args:
        title: of the page.
        lead: sentences below it.
        headline: what matters most, or nothing.
        columns: of the table.
        rows: of the table.
        tables: further ones.
        charts: in their order.
        comparisons: sentences on one method against another.
        verdicts: sentences on whether methods are worth their cost.
        missing: sections that have no chart, each a title and a sentence on how to get it.
        certificate: of the dataset, plain data.
        configuration: of the runs, by name, as text.
        provenance: of the dataset, plain data.
        files: texts that can be downloaded, by their names.
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
    tables: Sequence[SummaryTable] = ()
    notes: Sequence[str] = field(default_factory=list)


def render(content: PageContent, record: Callable[[int], Recordings]) -> str:
    """The page as text, of at most ``MOST_BYTES`` bytes.

    Args:
        content: of the page.
        record: rollouts to play in so many bytes, which are those that nothing else needs.

    Raises:
        ValueError: the page would be too large without any rollout.
    """
    scripts = [get_plotlyjs(), *map(source, SCRIPTS)]
    payload = {
        "charts": {chart.name: {"figures": chart.figures, "scales": chart.scales} for chart in content.charts},
        "colours": {"diverging": _colours("RdBu_r"), "sequential": _colours("viridis")},
        "files": {name: deflated(text) for name, text in content.files.items()},
    }

    def page(recordings: Recordings) -> str:
        whole = payload | {"recordings": recordings.entries}
        return document("report.html", scripts, content=content, payload=whole, recordings=recordings)

    # What describes each recording is not in the blobs: a tenth of what is left covers it.
    rest = MOST_BYTES - len(page(Recordings()).encode())
    if rest < 0:
        raise ValueError(f"report.html: {MOST_BYTES - rest} bytes without any rollout, expected at most {MOST_BYTES}")
    return page(record(min(MOST_RECORDED, int(0.9 * rest))))


def deflated_size(text: str) -> int:
    """Bytes that a text to download takes in a page."""
    return len(deflated(text))


def _colours(name: str) -> list[int]:
    """256 colours as red, green, blue, one after the other."""
    return (colormaps[name](np.arange(256))[:, :3] * 255).round().astype(int).ravel().tolist()


def configuration_texts(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Plain data as text, a text for each run where there are several.

    Args:
        configuration: of one run, or {run: configuration}.
    """
    nested = configuration and all(isinstance(value, Mapping) and "pde" in value for value in configuration.values())
    if not nested:
        return {"Configuration": json.dumps(configuration, indent=2, default=str)}
    return {f"Configuration of {run}": json.dumps(c, indent=2, default=str) for run, c in configuration.items()}
