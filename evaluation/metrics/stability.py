"""Which rollouts blow up, when, and the error of a rollout as one number."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.evaluation.metrics.setting import Setting
from tendency.simulation.annotations import PositiveFloat


class BlowUp(TrajectoryMetric):
    """When a rollout is lost: its first snapshot that is not finite, or whose nRMSE exceeds a limit.

    A rollout that stays bounded is not lost, however wrong it is: predicting zero has an nRMSE of 1.

    Args:
        limit: of the nRMSE over all channels.
    """

    variables = {"blow_up_time": (), "blew_up": ()}

    def __init__(self, limit: PositiveFloat = 100.0) -> None:
        self.limit = limit

    def result(self, memory: Any, curves: Mapping[str, Tensor], setting: Setting) -> dict[str, Tensor]:
        """The time (B,) since the start, the horizon where nothing blew up; and whether something did (B,)."""
        # The comparison is false for NaN.
        lost = ~(curves["nrmse"] <= self.limit)
        times = setting.times - setting.times[:, :1]
        first = times.gather(1, lost.int().argmax(1, keepdim=True))[:, 0]
        blew_up = lost.any(1)
        return {"blow_up_time": torch.where(blew_up, first, times[:, -1]), "blew_up": blew_up}


class GeometricMean(TrajectoryMetric):
    """The geometric mean of the nRMSE over all snapshots after the start: exp(mean_t log e_t).

    Errors grow by orders of magnitude during a rollout; a plain mean would be that of the last few snapshots.

    References:
        Koehler et al.: APEBench. arXiv:2411.00180, section 3.
    """

    variables = {"geometric_mean_nrmse": ()}

    def result(self, memory: Any, curves: Mapping[str, Tensor], setting: Setting) -> dict[str, Tensor]:
        """(B,), not finite where a snapshot is not."""
        return {"geometric_mean_nrmse": curves["nrmse"][:, 1:].clamp(min=1e-300).log().mean(1).exp()}
