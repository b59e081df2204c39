"""The part of a report's results that one method predicts."""

import numpy as np
import xarray as xr

from tendency.evaluation.report_description import FIRST_SNAPSHOT


def first_snapshots(results: xr.Dataset) -> dict[str, int]:
    """The snapshot at which each method's rollout starts, counted from the start of the report.

    Args:
        results: results of ``evaluate_rollouts``; those of older versions have one start for all methods.
    """
    names = [str(name) for name in results.simulator.values]
    starts = results[FIRST_SNAPSHOT].values if FIRST_SNAPSHOT in results else np.zeros(len(names), int)
    return dict(zip(names, (int(start) for start in starts), strict=True))


def results_of_method(results: xr.Dataset, method: str, start: int | None = None) -> xr.Dataset:
    """The results of one method from the start of its own rollout on, its first snapshot being that start.

    Args:
        results: results of ``evaluate_rollouts``.
        method: name of the method.
        start: snapshot to begin with, that of a later method in a comparison; None for the method's own start.
    """
    start = first_snapshots(results)[method] if start is None else start
    return results.sel({"simulator": method}).isel(snapshot=slice(start, None))


def late_start_sentences(results: xr.Dataset) -> list[str]:
    """A sentence on each method that starts later than the others.

    Args:
        results: results of ``evaluate_rollouts``.
    """
    late = {name: count for name, count in first_snapshots(results).items() if count}
    return [
        f"{name} needs more snapshots than the surrogates and starts {count} later: its figures rest on the snapshots "
        "after its own start, and comparisons with it on those that both methods predict."
        for name, count in late.items()
    ]
