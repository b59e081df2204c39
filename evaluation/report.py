"""The report of an evaluation: one page that opens anywhere, and the numbers behind it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined

from data.whole_file import whole_file
from evaluation.figures import ReportFigure, curves, rollout_images, spectra, write_figures
from evaluation.summary import COLUMNS, cell, summarise


def write_report(
    results: xr.Dataset,
    folder: Path,
    *,
    title: str,
    configuration: Mapping[str, Any],
    certificate: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Path:
    """Writes report.html, metrics.json and figures/ beside metrics.nc and rollouts.nc.

    The page holds its images, loads nothing from anywhere, and escapes every text that it is given.

    Args:
        results: from ``evaluate_rollouts``, whose files lie in ``folder``.
        folder: of the report.
        title: of the page.
        configuration: of the runs, plain data.
        certificate: of the dataset, plain data.
        provenance: of the dataset, plain data.

    Returns:
        The path of report.html.
    """
    summary = summarise(results)
    figures = _figures(results, folder)
    write_figures(figures, folder / "figures")
    _write_whole(folder / "metrics.json", json.dumps(_numbers(results, summary), indent=1))
    environment = Environment(
        loader=PackageLoader("evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    best = min(
        (name for name in summary if name != "persistence"), key=lambda n: summary[n]["one_step_nrmse"], default=None
    )
    page = environment.get_template("report.html").render(
        title=title,
        description=json.loads(results.attrs["description"]),
        columns=[label for _, label in COLUMNS],
        rows=[(name, [cell(values, key) for key, _ in COLUMNS]) for name, values in summary.items()],
        trajectories=results.sizes["trajectory"],
        horizon=f"{float(results.time.max()):.4g}",
        gain=_gain(summary, best),
        best=best,
        figures=figures,
        certificate=certificate,
        configuration=json.dumps(configuration, indent=2, default=str),
        provenance=provenance,
    )
    _write_whole(folder / "report.html", page)
    return folder / "report.html"


def _figures(results: xr.Dataset, folder: Path) -> list[ReportFigure]:
    figures = [curves(results, "nrmse", "nRMSE", True), curves(results, "correlation", "Correlation", False)]
    if "true_spectrum" in results:
        figures.append(spectra(results))
    learned = [str(name) for name in results.simulator.values if str(name) != "persistence"]
    if not learned or "true_spectrum" not in results:
        return figures
    with xr.open_dataset(folder / "rollouts.nc", engine="h5netcdf") as rollouts:
        for number, method in enumerate(learned[:4]):
            error = results.nrmse.sel({"simulator": method}).values[:, -1]
            order = np.argsort(np.where(np.isfinite(error), error, np.inf), kind="stable")
            for which, row in (("median", order[(len(order) - 1) // 2]), ("worst", order[-1])):
                figures.append(rollout_images(rollouts, method, int(row), f"rollout_{number}_{which}", which))
    return figures


def _gain(summary: Mapping[str, Mapping[str, Any]], best: str | None) -> str | None:
    """How many times smaller the best one-step error is than persistence's."""
    if best is None or "persistence" not in summary or not summary[best]["one_step_nrmse"]:
        return None
    return f"{summary['persistence']['one_step_nrmse'] / summary[best]['one_step_nrmse']:.1f}"


def _numbers(results: xr.Dataset, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary, and the value of each trajectory that it came from; what is not finite is null."""
    per_trajectory = {}
    for method in results.simulator.values:
        one = results.sel({"simulator": method})
        per_trajectory[str(method)] = {
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


def _data_uri(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode()


def _write_whole(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
