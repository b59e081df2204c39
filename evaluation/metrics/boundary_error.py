"""The error of a prediction at the walls."""

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import SMALLER, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import mean_over_space, ratio
from tendency.simulation.geometry import Geometry, Grid


def wall_mask(geometry: Geometry) -> Tensor:
    """True (*N) at the walls of axes that are not periodic: in the outermost cells of a grid, at nodes on the wall."""
    mask = torch.zeros(geometry.shape, dtype=torch.bool)
    for axis in range(geometry.spatial_dims):
        if geometry.boundary.is_periodic(axis):
            continue
        if isinstance(geometry, Grid):
            mask.select(axis, 0).fill_(True)
            mask.select(axis, -1).fill_(True)
        else:
            along = geometry.positions[:, axis]
            mask |= (along <= 1e-12) | (along >= 1 - 1e-12)
    return mask


class BoundaryError(SnapshotMetric):
    """√(Σ_c ⟨(p − y)²⟩_boundary / Σ_c ⟨y²⟩): the error at the walls, in proportion to the whole field's size.

    Not in proportion to the values at the walls, which a Dirichlet condition may make zero.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix B (bRMSE, there not in proportion to anything).
    """

    figures = (
        MetricFigure(
            "boundary_error",
            "error at the walls",
            SMALLER,
            logarithmic=True,
            summaries=(Summary("final_boundary_error", "error at the walls at the horizon", Statistic.LAST),),
        ),
    )

    def reason_against(self, subject: Subject) -> str | None:
        """No walls, or no node on one."""
        boundary = subject.geometry.boundary
        if all(boundary.periodic_axes):
            return "the domain is periodic"
        return None if bool(wall_mask(subject.geometry).any()) else "no node lies on a wall"

    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """(B,)."""
        walls = wall_mask(context.conditions.geometry).to(truth.device)
        square = (prediction.double() - truth.double()).square()
        there = context.weights[:, walls]
        # Where an obstacle covers all walls, there is no error at them.
        error = mean_over_space(square[:, :, walls], there).sum(1).where((there > 0).any(1), 0.0)
        size = mean_over_space(truth.double().square(), context.weights).sum(1)
        return {"boundary_error": ratio(error, size).sqrt()}
