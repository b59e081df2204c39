"""Spectra of a rollout at three moments."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tendency.evaluation.metrics.metric import TrajectoryMetric
from tendency.evaluation.metrics.setting import Setting, Subject
from tendency.simulation.geometry import Grid

MOMENTS = ("start", "middle", "end")
NODES = "the snapshots lie on scattered nodes, which have no spectrum"


class Spectra(TrajectoryMetric):
    """Isotropic energy spectra at the start, the middle and the end of a rollout, and those of the truth."""

    variables = {
        "spectrum": ("moment", "channel", "shell"),
        "true_spectrum": ("moment", "channel", "shell"),
        "wavenumber": ("shell",),
    }
    of_truth = frozenset({"true_spectrum", "wavenumber"})

    def reason_against(self, subject: Subject) -> str | None:
        """Nodes have no spectrum."""
        return None if isinstance(subject.geometry, Grid) else NODES

    def labels(self, setting: Setting) -> Mapping[str, Sequence[Any]]:
        """The moments' names."""
        return {"moment": MOMENTS}

    def take(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, setting: Setting) -> Any:
        """Keeps the spectra of three snapshots; in a short rollout one snapshot may be several of the moments."""
        last = setting.times.shape[1] - 1
        memory = memory or [None] * len(MOMENTS)
        for place, moment in enumerate((0, last // 2, last)):
            if moment == snapshot:
                memory[place] = (setting.spectrum(prediction), setting.spectrum(truth))
        return memory

    def result(self, memory: Any, curves: Mapping[str, Tensor], setting: Setting) -> dict[str, Tensor]:
        """Spectra (B, 3, C, K) and their wavenumbers (B, K)."""
        wavenumbers = setting.isotropic().wavenumbers
        return {
            "spectrum": torch.stack([energy for energy, _ in memory], 1),
            "true_spectrum": torch.stack([energy for _, energy in memory], 1),
            "wavenumber": wavenumbers.expand(len(setting.start), -1),
        }
