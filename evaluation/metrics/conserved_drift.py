"""The drift of quantities that the equation conserves."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import SMALLER, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import ratio


class ConservedDrift(SnapshotMetric):
    """The drift |q(t) − q(0)| / max(|q(0)|, max|u(0)|) of each quantity q that the equation conserves.

    As the certificate of a dataset measures it of the reference solver. The solver names the quantities: the mean of a
    density, the energy of a wave.
    """

    figures = (
        MetricFigure(
            "conserved_drift",
            "drift of a conserved quantity",
            SMALLER,
            axes=("quantity",),
            logarithmic=True,
            summaries=(Summary("conserved_drift", "largest drift of a conserved quantity", Statistic.LARGEST),),
        ),
    )

    def reason_against(self, subject: Subject) -> str | None:
        """There is no solver that names the conserved quantities."""
        return None if subject.solver is not None else "no reference solver works where the snapshots lie"

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The quantities' names; none where nothing is conserved."""
        return {"quantity": sorted(self._quantities(context.start, context))}

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B, quantities)."""
        start = self._quantities(context.start, context)
        now = self._quantities(prediction, context)
        scale = context.start.double().flatten(1).abs().amax(1)
        drifts = [ratio((now[q] - start[q]).abs(), torch.maximum(start[q].abs(), scale)) for q in sorted(start)]
        empty = torch.zeros(len(prediction), 0, dtype=torch.float64, device=prediction.device)
        return {"conserved_drift": torch.stack(drifts, 1) if drifts else empty}

    def _quantities(self, u: Tensor, context: BatchContext) -> dict[str, Tensor]:
        solver = context.subject.solver
        return {} if solver is None else solver.conserved(u.double(), context.conditions)
