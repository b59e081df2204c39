"""The sentences of a report's page: what it is about, its most important result, and what is not in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.report_description import ReportDescription


def lead_sentence(results: xr.Dataset, description: ReportDescription) -> str:
    """What was rolled out: trajectories, problem, horizon and dataset."""
    resolved = description.resolution == "resolved"
    return (
        f"{results.sizes['trajectory']} test trajectories of {description.pde}, rolled out over "
        f"{float(results.time.max()):.4g} units of time. Dataset {description.dataset}"
        + ("." if resolved else ", under-resolved as published in its source.")
    )


def omission_sentences(description: ReportDescription) -> list[str]:
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


def headline_sentences(summary: Mapping[str, Mapping[str, Any]], learned: Sequence[str]) -> str:
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
    errors = {name: figures["rollout_nrmse"] for name, figures in summary.items()}
    best = min(errors[name] for name in learned)
    ahead = [name for name, error in errors.items() if name not in learned and error < best]
    if not ahead:
        return ""
    return f" Over the rollout, ahead of all that was trained: {', '.join(ahead)}."
