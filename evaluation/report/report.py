"""The report of an evaluation: one page that opens anywhere, and the numbers behind it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tendency.data.whole_file import write_whole
from tendency.evaluation.cost.break_even import break_even_sentences
from tendency.evaluation.report.animation import write_animation
from tendency.evaluation.report.charts import break_even_chart, error_chart, spectra_chart
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
    curves_figure,
    rollout_figure,
    spectra_figure,
    write_figures,
)
from tendency.evaluation.report.in_distribution import InDistribution
from tendency.evaluation.report.markdown import report_markdown
from tendency.evaluation.report.page import PageContent, configuration_texts, deflated_size, render_page
from tendency.evaluation.report.player import encode_rollouts
from tendency.evaluation.report.space import Space
from tendency.evaluation.report.summary_table import summary_columns, summary_rows
from tendency.evaluation.report.table import TableRow, TableSection
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.statistics.ranking import learned_methods, method_names, ranked_trajectories
from tendency.evaluation.statistics.summary import summarise

MOST_FIGURES = 4
"""Methods whose rollouts are drawn for papers; the page plays more."""
MOST_TABLE = 2_000_000
"""Bytes that metrics.csv may take in the page; beside it, it is always whole."""


def write_report(
    results: xr.Dataset,
    folder: Path,
    *,
    title: str,
    space: Space,
    configuration: Mapping[str, Any],
    certificate: Mapping[str, Any],
    provenance: Mapping[str, Any],
    further: Mapping[str, Any] | None = None,
) -> Path:
    """Writes report.html, report.md, metrics.json, metrics.csv, animation.gif and figures/ beside what is there.

    The page holds all that it shows, loads nothing from anywhere, and escapes every text that it is given.

    Args:
        results: results of ``evaluate_rollouts``, whose files lie in ``folder``.
        folder: folder of the report.
        title: title of the page.
        space: geometry and domains of the trajectories.
        configuration: configurations of the runs, plain data.
        certificate: certificate of the dataset, plain data.
        provenance: provenance of the dataset, plain data.
        further: further entries of metrics.json: ``seeds``, ``comparisons`` and ``in_distribution`` stand in the page,
            ``break_even`` is drawn.

    Returns:
        The path of report.html.
    """
    content = prepare_page(
        results,
        folder,
        title=title,
        configuration=configuration,
        certificate=certificate,
        provenance=provenance,
        further=further,
    )
    with RolloutReader(folder / "rollouts.nc") as reader:
        figures = _figures(results, reader, space)
        write_figures(figures, folder / "figures")
        best = (learned_methods(results) or method_names(results))[0]
        middle = ranked_trajectories(results, best)
        row = middle.get("median", next(iter(middle.values())))
        write_animation(reader, results, space, best, row, folder / "figures" / "animation.gif")
        page = render_page(content, lambda most_bytes: encode_rollouts(results, reader, space, most_bytes))
    write_whole(folder / "report.html", page)
    caption = f"{reader.channels[0]} of one test trajectory: truth, prediction by {best}, and their difference."
    write_whole(folder / "report.md", report_markdown(content, figures, caption))
    return folder / "report.html"


def prepare_page(
    results: xr.Dataset,
    folder: Path,
    *,
    title: str,
    configuration: Mapping[str, Any],
    certificate: Mapping[str, Any],
    provenance: Mapping[str, Any],
    further: Mapping[str, Any] | None = None,
) -> PageContent:
    """Writes metrics.json and metrics.csv, and returns the content of the page. Arguments as of ``write_report``."""
    summary = summarise(results)
    numbers = _metrics_content(results, summary) | dict(further or {})
    description = ReportDescription.of_results(results)
    rows = summary_rows(summary, learned_methods(results), description.network_calls, numbers.get("seeds"))
    write_whole(folder / "metrics.json", json.dumps(numbers, indent=1))
    write_metrics_csv(results, folder / "metrics.csv")
    points, away = numbers.get("break_even") or [], numbers.get("in_distribution")
    files, notes = _files(results, folder, numbers, rows, certificate)
    return PageContent(
        title=title,
        lead=_lead_sentence(results, description),
        headline=_headline(summary, learned_methods(results)),
        columns=summary_columns(),
        rows=rows,
        charts=[
            error_chart(results),
            *([spectra_chart(results)] if "true_spectrum" in results else []),
            *([break_even_chart(points)] if points else []),
        ],
        comparisons=[one["sentence"] for one in numbers.get("comparisons", [])],
        verdicts=break_even_sentences(numbers.get("break_even_verdict", {})),
        tables=[] if away is None else [_in_distribution_table(away, results, summary, description.step)],
        missing=[] if points else [("Break-even", NOT_MEASURED)],
        certificate=certificate,
        configuration=configuration_texts(configuration),
        provenance=provenance,
        files=files,
        notes=[*_omissions(description), *notes],
    )


def _in_distribution_table(
    away: Mapping[str, Any], results: xr.Dataset, summary: Mapping[str, Any], step: float | None
) -> TableSection:
    return InDistribution.from_dict(away).table(summary, learned_methods(results), step)


NOT_MEASURED = "Not measured: python evaluate.py runs=[...] evaluation/cost=full sets error against computing time."


def _lead_sentence(results: xr.Dataset, description: ReportDescription) -> str:
    resolved = description.resolution == "resolved"
    return (
        f"{results.sizes['trajectory']} test trajectories of {description.pde}, rolled out over "
        f"{float(results.time.max()):.4g} units of time. Dataset {description.dataset}"
        + ("." if resolved else ", under-resolved as published in its source.")
    )


def _omissions(description: ReportDescription) -> list[str]:
    """Sentences on the runs, baselines and metrics that are not in the report, with the reasons."""
    lines = []
    for what, reasons in (
        ("Runs", description.skipped_runs),
        ("Baselines", description.missing_baselines),
        ("Metrics", description.not_applicable),
    ):
        names_of: dict[str, list[str]] = {}
        for name, why in reasons.items():
            names_of.setdefault(why, []).append(name)
        if names_of:
            lines.append(
                f"{what} left out: " + "; ".join(f"{', '.join(n)} ({why})" for why, n in names_of.items()) + "."
            )
    return lines


def _headline(summary: Mapping[str, Mapping[str, Any]], learned: Sequence[str]) -> str:
    """A sentence on the best one-step error over persistence's, and on the baselines whose rollouts are better."""
    best = min(learned, key=lambda name: summary[name]["one_step_nrmse"], default=None)
    if best is None or "persistence" not in summary or not summary[best]["one_step_nrmse"]:
        return ""
    gain = summary["persistence"]["one_step_nrmse"] / summary[best]["one_step_nrmse"]
    if not np.isfinite(gain) or gain == 0:
        return ""
    worth = f"{gain:.3g} times smaller" if gain >= 1 else f"{1 / gain:.3g} times larger"
    return f"{best} has a one-step error {worth} than persistence's.{_baselines_ahead(summary, learned)}"


def _baselines_ahead(summary: Mapping[str, Mapping[str, Any]], learned: Sequence[str]) -> str:
    """A sentence on the baselines whose rollouts are better than those of all trained methods; may be empty."""
    errors = {name: figures["geometric_mean_nrmse"] for name, figures in summary.items()}
    best = min(errors[name] for name in learned)
    ahead = [name for name, error in errors.items() if name not in learned and error < best]
    if not ahead:
        return ""
    return f" Over the rollout, ahead of all that was trained: {', '.join(ahead)}."


def _figures(results: xr.Dataset, reader: RolloutReader, space: Space) -> list[ReportFigure]:
    figures = [
        curves_figure(results, "nrmse", "nRMSE", True),
        curves_figure(results, "correlation", "correlation", False),
    ]
    if "true_spectrum" in results:
        figures.append(spectra_figure(results))
    for number, method in enumerate(learned_methods(results)[:MOST_FIGURES]):
        ranked = ranked_trajectories(results, method)
        for rank, row in [(rank, ranked[rank]) for rank in ("median", "worst") if rank in ranked]:
            figures.append(rollout_figure(reader, results, space, method, row, f"rollout_{number}_{rank}", rank))
    return figures


def _files(
    results: xr.Dataset,
    folder: Path,
    numbers: Mapping[str, Any],
    rows: Sequence[TableRow],
    certificate: Mapping[str, Any],
) -> tuple[dict[str, str], list[str]]:
    """Texts that can be downloaded from the page, by name, and sentences on what lies beside it."""
    files = {
        "summary.csv": summary_csv(summary_columns(), rows),
        "trajectories.csv": trajectories_csv(numbers["per_trajectory"]),
        "curves.csv": curves_csv(results),
        "certificate.csv": records_csv(certificate["figures"]),
    }
    if "true_spectrum" in results:
        files["spectra.csv"] = spectra_csv(results)
    if numbers.get("break_even"):
        files["break_even.csv"] = records_csv(numbers["break_even"])
    if numbers.get("comparisons"):
        files["comparisons.csv"] = records_csv(numbers["comparisons"])
    beside = "Beside this page: metrics.nc, metrics.csv and metrics.json, the rollouts in rollouts.nc, and figures/."
    path = folder / "metrics.csv"
    # Ten to one is more than numbers can be squeezed; what is larger need not be read at all.
    if path.stat().st_size <= 10 * MOST_TABLE:
        everything = path.read_text(encoding="utf-8")
        if deflated_size(everything) <= MOST_TABLE:
            return {**files, "metrics.csv": everything}, [beside]
    return files, ["Every value of every trajectory and snapshot is too much for a page: metrics.csv has it.", beside]


def _metrics_content(results: xr.Dataset, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Description, summary and the values of each trajectory for metrics.json; what is not finite is None."""
    per_trajectory = {}
    for method in method_names(results):
        one = results.sel({"simulator": method})
        per_trajectory[method] = {
            "trajectory": results.trajectory.values.tolist(),
            "final_nrmse": _finite_or_none(one.nrmse.values[:, -1]),
            "final_correlation": _finite_or_none(one.correlation.values[:, -1]),
            "one_step_nrmse": _finite_or_none(np.median(one.one_step_nrmse.values[:, 1:], axis=1)),
            **{
                f"correlation_time_{threshold:g}": _finite_or_none(one.correlation_time.values[:, column])
                for column, threshold in enumerate(results.threshold.values)
            },
        }
    finite = {
        method: {key: value if np.isfinite(value) else None for key, value in figures.items()}
        for method, figures in summary.items()
    }
    return {
        "description": ReportDescription.of_results(results).to_dict(),
        "summary": finite,
        "per_trajectory": per_trajectory,
    }


def _finite_or_none(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
