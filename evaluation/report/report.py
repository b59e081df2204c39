"""The report of an evaluation: one page that opens anywhere, and the numbers behind it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tendency.data.whole_file import write_whole
from tendency.evaluation.cost.break_even import break_even_sentences
from tendency.evaluation.report.animation import animate
from tendency.evaluation.report.charts import break_even, error_curves, spectra
from tendency.evaluation.report.csv_tables import (
    curves_csv,
    records_csv,
    snapshots_csv,
    spectra_csv,
    summary_csv,
    trajectories_csv,
)
from tendency.evaluation.report.figures import ReportFigure, curves, rollout_images, write_figures
from tendency.evaluation.report.figures import spectra as spectra_figure
from tendency.evaluation.report.in_distribution import InDistribution
from tendency.evaluation.report.markdown import report_markdown
from tendency.evaluation.report.page import PageContent, configuration_texts, deflated_size, render
from tendency.evaluation.report.player import record
from tendency.evaluation.report.space import Space
from tendency.evaluation.report.summary_table import SummaryTable, TableRow, summary_columns, summary_rows
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
        results: from ``evaluate_rollouts``, whose files lie in ``folder``.
        folder: of the report.
        title: of the page.
        space: where the values lie.
        configuration: of the runs, plain data.
        certificate: of the dataset, plain data.
        provenance: of the dataset, plain data.
        further: more for metrics.json: ``seeds``, ``comparisons`` and ``in_distribution`` stand in the page,
            ``break_even`` is drawn.

    Returns:
        The path of report.html.
    """
    content = page_content(
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
        animate(reader, results, space, best, row, folder / "figures" / "animation.gif")
        page = render(content, lambda most_bytes: record(results, reader, space, most_bytes))
    write_whole(folder / "report.html", page)
    moving = f"{reader.channels[0]} of one test trajectory: truth, prediction by {best}, and their difference."
    write_whole(folder / "report.md", report_markdown(content, figures, moving))
    return folder / "report.html"


def page_content(
    results: xr.Dataset,
    folder: Path,
    *,
    title: str,
    configuration: Mapping[str, Any],
    certificate: Mapping[str, Any],
    provenance: Mapping[str, Any],
    further: Mapping[str, Any] | None = None,
) -> PageContent:
    """Writes metrics.json and metrics.csv; returns what the page says of them. Arguments as of ``write_report``."""
    summary = summarise(results)
    numbers = _numbers(results, summary) | dict(further or {})
    description = numbers["description"]
    rows = summary_rows(summary, learned_methods(results), description["network_calls"], numbers.get("seeds"))
    write_whole(folder / "metrics.json", json.dumps(numbers, indent=1))
    snapshots_csv(results, folder / "metrics.csv")
    points, away = numbers.get("break_even") or [], numbers.get("in_distribution")
    files, notes = _files(results, folder, numbers, rows, certificate)
    return PageContent(
        title=title,
        lead=_lead(results, description),
        headline=_headline(summary, learned_methods(results)),
        columns=summary_columns(),
        rows=rows,
        charts=[
            error_curves(results),
            *([spectra(results)] if "true_spectrum" in results else []),
            *([break_even(points)] if points else []),
        ],
        comparisons=[one["sentence"] for one in numbers.get("comparisons", [])],
        verdicts=break_even_sentences(numbers.get("break_even_verdict", {})),
        tables=[] if away is None else [_beside(away, results, summary, description.get("step"))],
        missing=[] if points else [("Break-even", NOT_MEASURED)],
        certificate=certificate,
        configuration=configuration_texts(configuration),
        provenance=provenance,
        files=files,
        notes=[*_left_out(description), *notes],
    )


def _beside(
    away: Mapping[str, Any], results: xr.Dataset, summary: Mapping[str, Any], step: float | None
) -> SummaryTable:
    return InDistribution.from_dict(away).table(summary, learned_methods(results), step)


NOT_MEASURED = "Not measured: python evaluate.py runs=[...] evaluation/cost=full sets error against computing time."


def _lead(results: xr.Dataset, description: Mapping[str, Any]) -> str:
    resolved = description["resolution"] == "resolved"
    return (
        f"{results.sizes['trajectory']} test trajectories of {description['pde']}, rolled out over "
        f"{float(results.time.max()):.4g} units of time. Dataset {description['dataset']}"
        + ("." if resolved else ", under-resolved as published in its source.")
    )


def _left_out(description: Mapping[str, Any]) -> list[str]:
    """Which runs, baselines and metrics are not in the report, and why."""
    lines = []
    for what, key in (("Runs", "skipped_runs"), ("Baselines", "missing_baselines"), ("Metrics", "not_applicable")):
        if reasons := description.get(key):
            alike: dict[str, list[str]] = {}
            for name, why in reasons.items():
                alike.setdefault(why, []).append(name)
            lines.append(f"{what} left out: " + "; ".join(f"{', '.join(n)} ({why})" for why, n in alike.items()) + ".")
    return lines


def _headline(summary: Mapping[str, Mapping[str, Any]], learned: Sequence[str]) -> str:
    """How many times smaller the best one-step error is than persistence's, and which baselines' rollouts are ahead."""
    best = min(learned, key=lambda name: summary[name]["one_step_nrmse"], default=None)
    if best is None or "persistence" not in summary or not summary[best]["one_step_nrmse"]:
        return ""
    gain = summary["persistence"]["one_step_nrmse"] / summary[best]["one_step_nrmse"]
    if not np.isfinite(gain) or gain == 0:
        return ""
    worth = f"{gain:.3g} times smaller" if gain >= 1 else f"{1 / gain:.3g} times larger"
    return f"{best} has a one-step error {worth} than persistence's.{_ahead(summary, learned)}"


def _ahead(summary: Mapping[str, Mapping[str, Any]], learned: Sequence[str]) -> str:
    """Where what needs no training is better, that is said in the same place."""
    errors = {name: figures["geometric_mean_nrmse"] for name, figures in summary.items()}
    best = min(errors[name] for name in learned)
    ahead = [name for name, error in errors.items() if name not in learned and error < best]
    if not ahead:
        return ""
    return f" Over the rollout, ahead of all that was trained: {', '.join(ahead)}."


def _figures(results: xr.Dataset, reader: RolloutReader, space: Space) -> list[ReportFigure]:
    figures = [curves(results, "nrmse", "nRMSE", True), curves(results, "correlation", "correlation", False)]
    if "true_spectrum" in results:
        figures.append(spectra_figure(results))
    for number, method in enumerate(learned_methods(results)[:MOST_FIGURES]):
        ranked = ranked_trajectories(results, method)
        for rank, row in [(rank, ranked[rank]) for rank in ("median", "worst") if rank in ranked]:
            figures.append(rollout_images(reader, results, space, method, row, f"rollout_{number}_{rank}", rank))
    return figures


def _files(
    results: xr.Dataset,
    folder: Path,
    numbers: Mapping[str, Any],
    rows: Sequence[TableRow],
    certificate: Mapping[str, Any],
) -> tuple[dict[str, str], list[str]]:
    """What can be downloaded from the page, and what cannot."""
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


def _numbers(results: xr.Dataset, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary, and the value of each trajectory that it came from; what is not finite is null."""
    per_trajectory = {}
    for method in method_names(results):
        one = results.sel({"simulator": method})
        per_trajectory[method] = {
            "trajectory": results.trajectory.values.tolist(),
            "final_nrmse": _plain(one.nrmse.values[:, -1]),
            "final_correlation": _plain(one.correlation.values[:, -1]),
            "one_step_nrmse": _plain(np.median(one.one_step_nrmse.values[:, 1:], axis=1)),
            **{
                f"correlation_time_{threshold:g}": _plain(one.correlation_time.values[:, column])
                for column, threshold in enumerate(results.threshold.values)
            },
        }
    finite = {
        method: {key: value if np.isfinite(value) else None for key, value in figures.items()}
        for method, figures in summary.items()
    }
    return {
        "description": json.loads(results.attrs["description"]),
        "summary": finite,
        "per_trajectory": per_trajectory,
    }


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
