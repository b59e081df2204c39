"""Errors and energies of a prediction in bands of wavenumbers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Len
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.energy_spectra import NODES_HAVE_NO_SPECTRUM
from tendency.evaluation.metrics.figure import SMALLER, Mean, MetricFigure, Statistic, Summary, closest_to
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import ratio
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.geometry import Grid

SINGLE_PRECISION = 1e-12
"""Share of the energy that numbers stored in single precision leave anywhere."""


def _summaries(name: str, title: str) -> tuple[Summary, ...]:
    """A figure at the horizon and after one step. A grid may have no modes in a band, where neither exists."""
    return (
        Summary(f"final_{name}", f"{title} at the horizon,", Statistic.LAST, defined_at_start=True),
        Summary(f"first_{name}", f"{title} after one step,", Statistic.FIRST_STEP, defined_at_start=True),
    )


class BandErrors(SnapshotMetric):
    """The error and the energy in low, middle and high wavenumbers, over all channels.

    With E_j the energy in shell j of width κ, and S a band of shells::

        band_error  = √( Σ_{j ∈ S} E_j(p − y) / Σ_j E_j(y) )             so that  Σ_bands band_error² = nRMSE²
        band_energy = Σ_{j ∈ S} E_j(p) / Σ_{j ∈ S} E_j(y)                1 where the band holds as much as the truth's

    The first counts a wave in the wrong place as an error, the second does not: a prediction that is blurred has too
    little energy in the high band, one that breaks up too much. A band without modes on a grid is NaN, and so is the
    energy in one where the truth has nothing but rounding.

    Args:
        edges: shells j at which the middle and the high band begin; PDEBench's by default.

    Raises:
        ValueError: edges that do not increase.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix B (errors in low, middle and high frequencies).
    """

    figures = (
        MetricFigure(
            "band_error",
            "error in a band of wavenumbers",
            SMALLER,
            Mean.GEOMETRIC,
            axes=("band",),
            logarithmic=True,
            summaries=_summaries("band_error", "error of the band"),
        ),
        MetricFigure(
            "band_energy",
            "energy in a band of wavenumbers over the truth's",
            closest_to(1.0),
            # Half of the truth's energy is as far from it as twice as much.
            Mean.GEOMETRIC,
            axes=("band",),
            logarithmic=True,
            summaries=_summaries("band_energy", "energy over the truth's in the band"),
        ),
    )

    def __init__(self, edges: Annotated[list[PositiveInt], Len(2, 2)] = (4, 12)) -> None:  # type: ignore[assignment]
        if edges[0] >= edges[1]:
            raise ValueError(f"edges: expected two shells that increase, got {list(edges)}")
        self.edges = tuple(edges)

    def reason_against(self, subject: Subject) -> str | None:
        """Nodes have no spectrum."""
        return None if isinstance(subject.geometry, Grid) else NODES_HAVE_NO_SPECTRUM

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The bands' names."""
        return {"band": ("low", "middle", "high")}

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B, 3) both."""
        shells = context.isotropic_spectrum()

        def bands(energy: Tensor) -> Tensor:
            return self._bands(energy, shells.missing)

        error = bands(shells(prediction.double() - truth.double()))
        there, predicted = bands(context.spectrum(truth)), bands(context.spectrum(prediction))
        # A band without modes holds nothing of the whole.
        whole = torch.where(there.isnan(), 0.0, there).sum(1, keepdim=True)
        there = torch.where(there > SINGLE_PRECISION * whole, there, torch.nan)
        return {"band_error": ratio(error, whole).sqrt(), "band_energy": predicted / there}

    def _bands(self, energy: Tensor, missing: Tensor) -> Tensor:
        """The energy (B, 3) of the bands, from that of the shells (B, C, K) of which some may be ``missing`` (B, K)."""
        low, high = self.edges
        total = torch.where(missing[:, None], 0.0, energy).sum(1)
        parts = []
        for band in (slice(0, low), slice(low, high), slice(high, None)):
            empty = missing[:, band].all(1)
            parts.append(torch.where(empty, torch.nan, total[:, band].sum(1)))
        return torch.stack(parts, 1)
