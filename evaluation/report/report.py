"""The report of an evaluation: one page that opens anywhere, and the numbers behind it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from tendency.data.whole_file import write_whole
from tendency.evaluation.cost.break_even import break_even_sentences
from tendency.evaluation.metrics.figure import SummaryFigure
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.metrics.valid_times import CorrelationTime
from tendency.evaluation.report.animation import write_animation
from tendency.evaluation.report.charts import Chart, break_even_chart, error_chart, horizon_curves, spectra_chart
from tendency.evaluation.report.csv_tables import (
    curves_csv,
    records_csv,
    spectra_csv,
    summary_csv,
    trajectories_csv,
    write_metrics_csv,
)
from tendency.evaluation.report.figures import (
    ReportFigure,
    constant_fields_figure,
    curves_figure,
    rollout_figure,
    spectra_figure,
    write_figures,
)
from tendency.evaluation.report.findings import finding_sentences
from tendency.evaluation.report.headline import headline_sentences
from tendency.evaluation.report.in_distribution import InDistribution
from tendency.evaluation.report.markdown import report_markdown
from tendency.evaluation.report.page import PageContent, deflated_size, render_page
from tendency.evaluation.report.player import encode_rollouts
from tendency.evaluation.report.report_numbers import ReportNumbers
from tendency.evaluation.report.report_source import ReportSource
from tendency.evaluation.report.sentences import lead_sentence, mask_sentences, omission_sentences
from tendency.evaluation.report.space import Space
from tendency.evaluation.report.summary_table import summary_columns, summary_rows, table_figures
from tendency.evaluation.report.table import TableRow
from tendency.evaluation.report.training_chart import training_chart
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.statistics.method_results import late_start_sentences
from tendency.evaluation.statistics.metric_curves import MetricCurve
from tendency.evaluation.statistics.ranking import learned_methods, method_names, ranked_trajectories
from tendency.evaluation.statistics.summary import summarise

MOST_FIGURES = 4
"""Methods whose rollouts are drawn for papers; the page plays more."""
MOST_TABLE = 250_000
"""Bytes that metrics.csv may take in the page; the file next to the page is always whole."""


def write_report(
    results: xr.Dataset,
    folder: Path,
    source: ReportSource,
    space: Space,
    further: Mapping[str, Any] | None = None,
) -> Path:
    """Writes report.html, report.md, metrics.json, metrics.csv, animation.gif and figures/ beside what is there.

    The page holds all that it shows, loads nothing from anywhere, and escapes every text that it is given.

    Args:
        results: results of ``evaluate_rollouts``, whose files lie in ``folder``.
        folder: folder of the report.
        source: what the report is made of beside its results.
        space: geometry and domains of the trajectories.
        further: further entries of metrics.json by their names, see ``ReportNumbers``.

    Returns:
        The path of report.html.
    """
    content = prepare_page(results, folder, source, further)
    with RolloutReader(folder / "rollouts.nc", results.trajectory.values) as reader:
        figures = _figures(results, reader, space)
        write_figures(figures, folder / "figures")
        best = (learned_methods(results) or method_names(results))[0]
        middle = ranked_trajectories(results, best)
        row = middle.get("median", next(iter(middle.values())))
        write_animation(reader, results, space, best, row, folder / "figures" / "animation.gif")
        if reader.given:
            told = constant_fields_figure(reader, results, space, row)
            write_figures([told], folder / "figures")
            figures, content = [*figures, told], replace(content, pictures=[told])
        page = render_page(content, lambda most_bytes: encode_rollouts(results, reader, space, most_bytes))
    caption = f"{reader.channels[0]} of one test trajectory: truth, prediction by {best}, and their difference."
    write_whole(folder / "report.md", report_markdown(content, figures, caption))
    # The last of all: a report without its page is not done.
    write_whole(folder / "report.html", page)
    return folder / "report.html"


def prepare_page(
    results: xr.Dataset, folder: Path, source: ReportSource, further: Mapping[str, Any] | None = None
) -> PageContent:
    """Writes metrics.json and metrics.csv, and returns the content of the page. Arguments as of ``write_report``."""
    summary = summarise(results)
    numbers = ReportNumbers.of_results(results, summary, further or {})
    description, learned = numbers.description, learned_methods(results)
    stated = StatedFigures.of_results(results)
    columns = table_figures(stated, summary)
    rows = summary_rows(columns, summary, learned, description.network_calls, numbers.seeds, description.seeds)
    write_whole(folder / "metrics.json", json.dumps(numbers.to_dict(), indent=1))
    write_metrics_csv(results, folder / "metrics.csv")
    tables = []
    if numbers.in_distribution is not None:
        away = InDistribution.from_dict(numbers.in_distribution)
        tables.append(
            away.table([one for one in stated.summary if one.leaderboard], summary, learned, description.step)
        )
    verdict = numbers.break_even_verdict
    found = [one["sentence"] for one in verdict.get("verdicts", [])] if verdict is not None else None
    if found is None and not source.has_solver:
        found = []
    # Of one run the network says more than the name of its folder.
    networks = source.trainings.networks
    called = {learned[0]: f"The {networks[0]}"} if len(learned) == len(networks) == 1 else {}
    files, notes = _files(results, folder, numbers, rows, columns, source.certificate)
    return PageContent(
        source=source,
        lead=lead_sentence(results, description, source),
        headline=headline_sentences(results, summary, called),
        findings=finding_sentences(results, summary, found, called),
        columns=summary_columns(columns),
        rows=rows,
        charts=_charts(results, numbers, source),
        comparisons=[pair["sentence"] for pair in numbers.comparisons or []],
        verdicts=break_even_sentences(numbers.break_even_verdict or {}),
        tables=tables,
        files=files,
        notes=[*mask_sentences(description), *omission_sentences(description), *late_start_sentences(results), *notes],
    )


def _charts(results: xr.Dataset, numbers: ReportNumbers, source: ReportSource) -> list[Chart]:
    charts = [error_chart(results)]
    if "true_spectrum" in results:
        charts.append(spectra_chart(results))
    if numbers.break_even:
        charts.append(break_even_chart(numbers.break_even))
    if source.trainings.histories:
        charts.append(training_chart(source.trainings.histories))
    return charts


def _figures(results: xr.Dataset, reader: RolloutReader, space: Space) -> list[ReportFigure]:
    figures = [curves_figure(results, curve, _thresholds(results, curve)) for curve in horizon_curves(results)]
    if "true_spectrum" in results:
        figures.append(spectra_figure(results))
    for number, method in enumerate(learned_methods(results)[:MOST_FIGURES]):
        ranked = ranked_trajectories(results, method)
        for rank, row in [(rank, ranked[rank]) for rank in ("median", "worst") if rank in ranked]:
            figures.append(rollout_figure(reader, results, space, method, row, f"rollout_{number}_{rank}", rank))
    return figures


def _thresholds(results: xr.Dataset, curve: MetricCurve) -> Sequence[float]:
    """The values of a curve at which the time of a rollout is taken."""
    return results.threshold.values.tolist() if curve.name == CorrelationTime.curve else []


def _files(
    results: xr.Dataset,
    folder: Path,
    numbers: ReportNumbers,
    rows: Sequence[TableRow],
    figures: Sequence[SummaryFigure],
    certificate: Mapping[str, Any],
) -> tuple[dict[str, str], list[str]]:
    """Texts that can be downloaded from the page, by name, and sentences on what lies beside it."""
    files = {
        "summary.csv": summary_csv(summary_columns(figures), rows),
        "trajectories.csv": trajectories_csv(numbers.per_trajectory),
        "curves.csv": curves_csv(results),
        "certificate.csv": records_csv(certificate["figures"]),
    }
    if "true_spectrum" in results:
        files["spectra.csv"] = spectra_csv(results)
    if numbers.break_even:
        files["break_even.csv"] = records_csv(numbers.break_even)
    if numbers.comparisons:
        files["comparisons.csv"] = records_csv(numbers.comparisons)
    nearby = "Beside this page: metrics.nc, metrics.csv and metrics.json, the rollouts in rollouts.nc, and figures/."
    path = folder / "metrics.csv"
    # Ten to one is more than numbers can be squeezed; what is larger need not be read at all.
    if path.stat().st_size <= 10 * MOST_TABLE:
        everything = path.read_text(encoding="utf-8")
        if deflated_size(everything) <= MOST_TABLE:
            return {**files, "metrics.csv": everything}, [nearby]
    return files, ["Every value of every trajectory and snapshot is too much for a page: metrics.csv has it.", nearby]
