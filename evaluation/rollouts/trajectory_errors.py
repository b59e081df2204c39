"""The errors of one simulator on whole trajectories: what a validation measures, as a report defines it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tendency.evaluation.metrics.error_figures import one_step_error
from tendency.evaluation.metrics.pointwise import combined_correlation, combined_nrmse
from tendency.evaluation.metrics.rollout_error import geometric_mean_error
from tendency.evaluation.rollouts.side_by_side import SnapshotSource, roll_out_side_by_side, split_at_start
from tendency.simulation.simulator import Simulator

NAME = "simulator"


@dataclass(frozen=True)
class TrajectoryErrors:
    """The errors of a simulator on each of B trajectories, the arguments of ``error_figures``.

    Args:
        rollout_nrmse: (B,) float64 geometric mean of the nRMSE over the snapshots after the start; not finite where the
            rollout blew up.
        one_step_nrmse: (B,) float64 median over the snapshots of the nRMSE of one step from the true snapshot before.
        final_correlation: (B,) float64 correlation over all channels at the last snapshot.
    """

    rollout_nrmse: Tensor
    one_step_nrmse: Tensor
    final_correlation: Tensor


@torch.no_grad()
def measure_trajectories(simulator: Simulator, source: SnapshotSource) -> TrajectoryErrors:
    """Rolls a simulator out from where its history ends, and takes one step from every true snapshot.

    The loop and the formulas are those of ``evaluate_rollouts``; only the figures that a report has beside them are not
    measured.

    Args:
        simulator: simulator that is measured.
        source: B whole trajectories.
    """
    start = simulator.history - 1
    past, following = split_at_start(source, start)
    weights = source.conditions.weights()
    rollout_errors, step_errors = [], []
    for current in roll_out_side_by_side({NAME: simulator}, source, start, past, following, weights):
        if current.snapshot > 0:
            rollout_errors.append(combined_nrmse(current.predictions[NAME], current.truth, weights))
            step_errors.append(current.one_step_nrmse[NAME])
    return TrajectoryErrors(
        geometric_mean_error(torch.stack(rollout_errors, 1)),
        torch.from_numpy(one_step_error(torch.stack(step_errors, 1).cpu().numpy())).to(source.t.device),
        combined_correlation(current.predictions[NAME], current.truth, weights),
    )
