"""Energy spectra of a rollout at its start, middle and end."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import UNRANKED, MetricFigure
from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.simulation.geometry import Grid

MOMENTS = ("start", "middle", "end")
NODES_HAVE_NO_SPECTRUM = "the snapshots lie on scattered nodes, which have no spectrum"


class EnergySpectra(TrajectoryMetric):
    """Isotropic energy spectra at the start, the middle and the end of a rollout, and those of the truth."""

    figures = (
        MetricFigure("spectrum", "energy spectrum", UNRANKED, axes=("moment", "channel", "shell"), summaries=()),
        MetricFigure(
            "true_spectrum",
            "energy spectrum of the truth",
            UNRANKED,
            axes=("moment", "channel", "shell"),
            of_truth=True,
            summaries=(),
        ),
        MetricFigure("wavenumber", "wavenumber", UNRANKED, axes=("shell",), of_truth=True, summaries=()),
    )

    def reason_against(self, subject: Subject) -> str | None:
        """Nodes have no spectrum."""
        return None if isinstance(subject.geometry, Grid) else NODES_HAVE_NO_SPECTRUM

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The moments' names."""
        return {"moment": MOMENTS}

    def update(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, context: BatchContext) -> Any:
        """Keeps the spectra of three snapshots; in a short rollout one snapshot may be several of the moments.

        They are the same three for all methods: NaN at the start for one that starts later.
        """
        last = context.missed + context.times.shape[1] - 1
        if memory is None:
            unknown = torch.full_like(context.spectrum(truth), torch.nan)
            memory = [(unknown, unknown)] * len(MOMENTS)
        for position, moment in enumerate((0, last // 2, last)):
            if moment == context.missed + snapshot:
                memory[position] = (context.spectrum(prediction), context.spectrum(truth))
        return memory

    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """Spectra (B, 3, C, K) and their wavenumbers (B, K)."""
        wavenumbers = context.isotropic_spectrum().wavenumbers
        return {
            "spectrum": torch.stack([energy for energy, _ in memory], 1),
            "true_spectrum": torch.stack([energy for _, energy in memory], 1),
            "wavenumber": wavenumbers.expand(len(context.start), -1),
        }
