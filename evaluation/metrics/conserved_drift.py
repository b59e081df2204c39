"""The drift of quantities that the equation conserves."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import SMALLER, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.simulation.conserved import density_size, mean_drift, require_densities


class ConservedDrift(SnapshotMetric):
    """The drift |⟨d(t)⟩ − ⟨d(0)⟩| / ⟨|d|⟩ of each density d whose mean over the points the equation conserves.

    As the certificate of a dataset measures it of the reference solver. The solver names the densities: a velocity, the
    square of a field. Their size ⟨|d|⟩ is the truth's, the larger one of the start and of the same time: a flow may
    start at rest.
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
        start, now, true = (self._quantities(u, context) for u in (context.start, prediction, truth))
        sizes = {q: torch.maximum(density_size(start[q]), density_size(true[q])) for q in start}
        drifts = [mean_drift(now[q], start[q], sizes[q]) for q in sorted(start)]
        empty = torch.zeros(len(prediction), 0, dtype=torch.float64, device=prediction.device)
        return {"conserved_drift": torch.stack(drifts, 1) if drifts else empty}

    def _quantities(self, u: Tensor, context: BatchContext) -> dict[str, Tensor]:
        solver = context.subject.solver
        return {} if solver is None else require_densities(solver.conserved(u.double(), context.conditions), u)
