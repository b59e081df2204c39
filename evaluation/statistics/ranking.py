"""Names of the methods of a report, and its trajectories ranked by how well a method predicts them."""

import numpy as np
import xarray as xr

from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.method_results import results_of_method


def method_names(results: xr.Dataset) -> list[str]:
    """All methods, in the order of the results."""
    return [str(name) for name in results.simulator.values]


def learned_methods(results: xr.Dataset) -> list[str]:
    """The trained methods, without the baselines."""
    learned = ReportDescription.of_results(results).learned
    return [
        name for name in method_names(results) if (name in learned if learned is not None else name != "persistence")
    ]


def ranked_trajectories(results: xr.Dataset, method: str) -> dict[str, int]:
    """The rows of the best, the median and the worst trajectory of a method, each row once.

    One that stays finite for longer is better; of those that last equally long, the one with the smaller error at its
    last finite snapshot.

    Args:
        results: results of ``evaluate_rollouts``.
        method: name of a method.
    """
    error = results_of_method(results, method).nrmse.values
    finite = np.isfinite(error)
    lasted = np.where(finite.all(1), error.shape[1], finite.argmin(1))
    last = np.take_along_axis(error, np.maximum(lasted - 1, 0)[:, None], 1)[:, 0]
    order = np.lexsort((np.where(np.isfinite(last), last, np.inf), -lasted))
    chosen = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    rows: dict[str, int] = {}
    for rank in ("median", "worst", "best"):
        if int(chosen[rank]) not in rows.values():
            rows[rank] = int(chosen[rank])
    return {rank: rows[rank] for rank in ("best", "median", "worst") if rank in rows}


def shown_trajectories(results: xr.Dataset) -> list[int]:
    """The rows of the best, the median and the worst trajectory of each trained method, those that a page shows.

    Args:
        results: results of ``evaluate_rollouts``.
    """
    methods = learned_methods(results) or method_names(results)
    return sorted({row for method in methods for row in ranked_trajectories(results, method).values()})
