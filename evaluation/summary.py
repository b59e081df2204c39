"""The numbers of a report: medians over trajectories, with what is censored said so."""

from typing import Any

import numpy as np
import torch
import xarray as xr

from evaluation.metrics.correlation_time import censored_median


def summarise(results: xr.Dataset) -> dict[str, dict[str, Any]]:
    """The figures of each method.

    Args:
        results: from ``evaluate_rollouts``.

    Returns:
        {method: {figure: value}}; a correlation time that more than half of the trajectories exceed is the horizon, and
        its ``..._censored`` is True.
    """
    return {str(method): _figures(results.sel({"simulator": method})) for method in results.simulator.values}


def _figures(one: xr.Dataset) -> dict[str, Any]:
    error = one.nrmse.values[:, 1:]
    stable = np.isfinite(error).all(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        geometric = np.exp(np.log(np.maximum(error, 1e-300)).mean(1))
    figures: dict[str, Any] = {
        "one_step_nrmse": _median(one.one_step_nrmse.values[:, 1:].ravel()),
        "final_nrmse": _median(error[:, -1]),
        "geometric_mean_nrmse": _median(geometric),
        "final_correlation": _median(one.correlation.values[:, -1], worst=-np.inf),
        "stable_share": float(stable.mean()),
        "horizon": float(one.time.values[:, -1].max()),
        "trajectories": int(one.sizes["trajectory"]),
    }
    for column, threshold in enumerate(one.threshold.values):
        times = torch.from_numpy(one.correlation_time.values[:, column])
        censored = torch.from_numpy(one.correlation_time_censored.values[:, column])
        median, beyond = censored_median(times, censored)
        figures[f"correlation_time_{threshold:g}"] = median
        figures[f"correlation_time_{threshold:g}_censored"] = beyond
    return figures


def _median(values: np.ndarray, worst: float = np.inf) -> float:
    """The median, a value that is not finite counting as the worst."""
    return float(np.median(np.where(np.isnan(values), worst, values)))


COLUMNS = (
    ("one_step_nrmse", "one-step nRMSE"),
    ("final_nrmse", "nRMSE at the horizon"),
    ("geometric_mean_nrmse", "nRMSE, geometric mean"),
    ("final_correlation", "correlation at the horizon"),
    ("correlation_time_0.9", "time to correlation 0.9"),
    ("correlation_time_0.8", "time to correlation 0.8"),
    ("stable_share", "stable"),
)


def cell(figures: dict[str, Any], key: str) -> str:
    """A figure as text: ``> 12`` where it is censored, a percentage where it is a share."""
    value = figures[key]
    if key == "stable_share":
        return f"{100 * value:.0f} %"
    if not np.isfinite(value):
        return "blew up"
    text = f"{value:.3g}" if "time" in key or abs(value) < 0.1 else f"{value:.3f}"
    return f"> {text}" if figures.get(f"{key}_censored") else text


def summary_lines(results: xr.Dataset) -> list[str]:
    """A short plain-text table of all methods, for the end of a run."""
    summary = summarise(results)
    first = next(iter(summary.values()))
    width = max(len(name) for name in (*summary, "median over trajectories"))
    shown = [column for column in COLUMNS if column[0] not in ("geometric_mean_nrmse", "stable_share")]
    lines = [f"{first['trajectories']} test trajectories, rolled out over {first['horizon']:.4g}"]
    lines.append("  ".join(["median over trajectories".ljust(width), *(label for _, label in shown)]))
    for name, figures in summary.items():
        lines.append("  ".join([name.ljust(width), *(cell(figures, key).rjust(len(label)) for key, label in shown)]))
    return lines
