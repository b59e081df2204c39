"""The summary of a report: medians over trajectories, and whether a time is censored."""

from typing import Any

import numpy as np
import torch
import xarray as xr

from tendency.evaluation.metrics.error_figures import error_figures, median_of_all, one_step_error
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.censored_median import censored_median
from tendency.evaluation.statistics.method_results import results_of_method


def summarise(results: xr.Dataset) -> dict[str, dict[str, Any]]:
    """The figures of each method.

    Args:
        results: results of ``evaluate_rollouts``.

    Returns:
        {method: {figure: value}}; a time that more than half of the trajectories exceed is the horizon, and its
        ``..._censored`` is True. Times with the suffix ``_characteristic`` are multiples of the problem's Lyapunov or
        eddy-turnover time, where it states one. Figures that do not apply are left out.
    """
    time = ReportDescription.of_results(results).characteristic_time
    unit = None if time is None else float(time.value)
    return {str(method): _figures(results_of_method(results, str(method)), unit) for method in results.simulator.values}


def _figures(one: xr.Dataset, unit: float | None) -> dict[str, Any]:
    error = one.nrmse.values[:, 1:]
    one_step, correlation = one_step_error(one.one_step_nrmse.values[:, 1:]), one.correlation.values[:, -1]
    figures: dict[str, Any] = {
        **error_figures(one.rollout_nrmse.values, one_step, correlation),
        "final_nrmse": _median(error[:, -1]),
        "stable_share": float(1 - one.blew_up.values.astype(float).mean()),
        "horizon": float(one.time.values[:, -1].max()),
        "trajectories": int(one.sizes["trajectory"]),
    }
    for name, thresholds in (("correlation_time", "threshold"), ("nrmse_time", "nrmse_threshold")):
        if name in one:
            for column, threshold in enumerate(one[thresholds].values):
                times, censored = one[name].values[:, column], one[f"{name}_censored"].values[:, column]
                figures |= _time_figures(f"{name}_{threshold:g}", times, censored, unit)
    figures |= _time_figures("blow_up_time", one.blow_up_time.values, ~one.blew_up.values.astype(bool), unit)
    return figures | _optional_figures(one) | _ensemble_figures(one)


def _time_figures(name: str, times: np.ndarray, censored: np.ndarray, unit: float | None) -> dict[str, Any]:
    """The median of times of which some are only known to be longer, and whether it is one of those."""
    median, beyond = censored_median(torch.from_numpy(times), torch.from_numpy(censored))
    figures = {name: median, f"{name}_censored": beyond}
    if unit is not None:
        figures |= {f"{name}_characteristic": median / unit, f"{name}_characteristic_censored": beyond}
    return figures


def _optional_figures(one: xr.Dataset) -> dict[str, float]:
    """Medians over trajectories of the metrics that not every report has."""
    figures: dict[str, float] = {}
    if "band_error" in one:
        for column, band in enumerate(one.band.values):
            for name in ("band_error", "band_energy"):
                values = one[name].values[:, -1, column]
                # A grid may have no modes in a band; NaN there says nothing of the prediction.
                if not np.isnan(one[name].values[:, 0, column]).all():
                    figures[f"final_{name}_{band}"] = _median(values)
                    figures[f"first_{name}_{band}"] = _median(one[name].values[:, 1, column])
    if "enstrophy" in one:
        figures["final_enstrophy_ratio"] = _median(one.enstrophy.values[:, -1] / one.true_enstrophy.values[:, -1])
    if "conserved_drift" in one:
        drift = one.conserved_drift.values.max(2)
        figures["conserved_drift"] = _median(np.where(np.isnan(drift), np.inf, drift).max(1))
    if "boundary_error" in one:
        figures["final_boundary_error"] = _median(one.boundary_error.values[:, -1])
    for name in ("wasserstein", "spectrum_log_error"):
        if name in one:
            for column, channel in enumerate(one.channel.values):
                figures[f"{name}_{channel}"] = _median(one[name].values[:, column])
    return figures


def _ensemble_figures(one: xr.Dataset) -> dict[str, float]:
    """Means over trajectories and snapshots, which come before the root of the spread over the error."""
    figures: dict[str, float] = {}
    if "crps" not in one or np.isnan(one.crps.values[:, 1:]).all():
        return figures
    members = int(one.attrs["ensemble"])
    for column, channel in enumerate(one.channel.values):
        variance, square, crps, coverage = (
            float(one[name].values[:, 1:, column].mean())
            for name in ("ensemble_variance", "ensemble_mse", "crps", "coverage")
        )
        figures |= {f"crps_{channel}": crps, f"coverage_{channel}": coverage}
        figures[f"spread_skill_{channel}"] = float(np.sqrt((members + 1) / members * variance / square))
    return figures


def _median(values: np.ndarray) -> float:
    """The median of errors, one that is no number counting as the worst."""
    return float(median_of_all(values))


COLUMNS = (
    ("one_step_nrmse", "one-step nRMSE"),
    ("final_nrmse", "nRMSE at the horizon"),
    ("rollout_nrmse", "nRMSE, geometric mean"),
    ("final_correlation", "correlation at the horizon"),
    ("correlation_time_0.9", "time to correlation 0.9"),
    ("correlation_time_0.8", "time to correlation 0.8"),
    ("stable_share", "stable"),
)


def figure_text(figures: dict[str, Any], key: str) -> str:
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
    shown = [column for column in COLUMNS if column[0] not in ("rollout_nrmse", "stable_share")]
    lines = [f"{first['trajectories']} test trajectories, rolled out over {first['horizon']:.4g}"]
    lines.append("  ".join(["median over trajectories".ljust(width), *(label for _, label in shown)]))
    for name, figures in summary.items():
        lines.append(
            "  ".join([name.ljust(width), *(figure_text(figures, key).rjust(len(label)) for key, label in shown)])
        )
    return lines
