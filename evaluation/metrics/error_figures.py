"""The errors that a validation logs and a report ranks by: one definition for both.

Of each trajectory: the rollout nRMSE (``geometric_mean_error``), the one-step nRMSE (``one_step_error``), and the
correlation at the last snapshot. Of all trajectories: the medians of these, one that is not finite being the worst.
"""

import numpy as np

from tendency.evaluation.metrics.standard_metrics import standard_metrics
from tendency.evaluation.metrics.stated_figures import FINAL_CORRELATION_KEY, ONE_STEP_KEY, ROLLOUT_KEY, StatedFigures


def median_of_all(values: np.ndarray, worst: float = np.inf, axis: int | None = None) -> np.ndarray:
    """The median, a value that is not finite counting as the worst.

    Args:
        values: values, not finite where a rollout blew up.
        worst: the worst value.
        axis: axis that is reduced; all axes where it is None.
    """
    return np.asarray(np.median(np.where(np.isfinite(values), values, worst), axis=axis))


def one_step_error(errors: np.ndarray, worst: float = np.inf) -> np.ndarray:
    """The one-step nRMSE of each trajectory: the median over its snapshots.

    Args:
        errors: (..., T) nRMSE of one step from the true snapshot before each of the T snapshots after the start.
        worst: the worst value; of errors infinity.

    Returns:
        (...); the worst value where more than half of the steps are not finite.
    """
    return median_of_all(errors, worst, axis=-1)


def error_figures(rollout_nrmse: np.ndarray, one_step_nrmse: np.ndarray, correlation: np.ndarray) -> dict[str, float]:
    """The figures of a method, medians over the trajectories.

    Args:
        rollout_nrmse: (B,) rollout nRMSE of each trajectory.
        one_step_nrmse: (B,) one-step nRMSE of each trajectory.
        correlation: (B,) correlation over all channels at the last snapshot.
    """
    values = {ONE_STEP_KEY: one_step_nrmse, ROLLOUT_KEY: rollout_nrmse, FINAL_CORRELATION_KEY: correlation}
    stated = StatedFigures.of_metrics(standard_metrics(), {})
    return {key: float(median_of_all(all_values, stated[key].better.worst)) for key, all_values in values.items()}
