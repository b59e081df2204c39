"""How much a flow turns."""

import math

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import UNRANKED, MetricFigure, Statistic, Summary, closest_to
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import mean_over_space
from tendency.simulation.fields import Field
from tendency.simulation.fourier import integer_wavenumbers, without_nyquist
from tendency.simulation.geometry import is_periodic_grid


def vorticity(velocity: Tensor, extent: Tensor) -> Tensor:
    """ω = ∂v/∂x − ∂u/∂y on a periodic grid, by its Fourier series.

    Args:
        velocity: (B, 2, n, m), its first component along the first axis.
        extent: (B, 2) side lengths.

    Returns:
        (B, 1, n, m) float64.
    """
    u_hat = torch.fft.rfftn(velocity.double(), dim=(2, 3))
    shape = velocity.shape[2:]
    numbers = integer_wavenumbers(shape, velocity.device)
    x, y = (without_nyquist(n, axis, shape) for axis, n in enumerate(numbers))
    waves = 2 * math.pi / extent.double()
    k_x, k_y = waves[:, 0, None, None] * x, waves[:, 1, None, None] * y
    curl = 1j * (k_x * u_hat[:, 1] - k_y * u_hat[:, 0])
    return torch.fft.irfftn(curl, s=shape, dim=(1, 2))[:, None]


class Enstrophy(SnapshotMetric):
    """The enstrophy ½ ⟨ω²⟩ of a two-dimensional flow, of the prediction and of the truth.

    It applies where a field is called ``vorticity``, or where one called ``velocity`` lies on a periodic grid.
    """

    figures = (
        MetricFigure(
            "enstrophy",
            "enstrophy",
            UNRANKED,
            unit="1 / time²",
            logarithmic=True,
            summaries=(
                Summary(
                    "final_enstrophy_ratio",
                    "enstrophy over the truth's at the horizon",
                    Statistic.LAST,
                    denominator="true_enstrophy",
                    better=closest_to(1.0),
                ),
            ),
        ),
        MetricFigure(
            "true_enstrophy", "enstrophy of the truth", UNRANKED, unit="1 / time²", of_truth=True, summaries=()
        ),
    )

    def reason_against(self, subject: Subject) -> str | None:
        """Other fields, other dimensions, or a velocity that cannot be differentiated here."""
        geometry = subject.geometry
        if geometry.spatial_dims != 2:
            return f"enstrophy is that of a flow in 2D, this is in {geometry.spatial_dims}D"
        found = _flow(subject.fields)
        if found is None:
            names = ", ".join(field.name for field in subject.fields)
            return f"no field is a vorticity or a velocity: {names}"
        if found[0].name == "velocity" and not is_periodic_grid(geometry):
            return "the curl of a velocity is taken on periodic grids alone"
        return None

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B,) both, in 1 / time²."""
        return {
            name: mean_over_space(self._vorticity(u, context).square(), context.weights)[:, 0] / 2
            for name, u in (("enstrophy", prediction), ("true_enstrophy", truth))
        }

    def _vorticity(self, u: Tensor, context: BatchContext) -> Tensor:
        found = _flow(context.subject.fields)
        if found is None:
            raise ValueError("enstrophy: no field is a vorticity or a velocity")
        flow, first = found
        if flow.name == "vorticity":
            return u[:, first : first + 1].double()
        return vorticity(u[:, first : first + 2], context.conditions.extent.to(u.device))


def _flow(fields: tuple[Field, ...]) -> tuple[Field, int] | None:
    """The field that says how a flow turns, and its first channel in 2D."""
    channel = 0
    for field in fields:
        if (field.name, field.rank) in (("vorticity", 0), ("velocity", 1)):
            return field, channel
        channel += field.channels(2)
    return None
