"""How wrong a prediction is beside the walls."""

import torch
from torch import Tensor

from tendency.evaluation.metrics.metric import SnapshotMetric
from tendency.evaluation.metrics.pointwise import mean_over_space
from tendency.evaluation.metrics.setting import Setting, Subject
from tendency.simulation.geometry import Geometry, Grid


def beside_walls(geometry: Geometry) -> Tensor:
    """Which points (*N) lie beside an end of an axis that is not periodic: the outermost cells, or nodes on the end."""
    beside = torch.zeros(geometry.shape, dtype=torch.bool)
    for axis in range(geometry.spatial_dims):
        if geometry.boundary.is_periodic(axis):
            continue
        if isinstance(geometry, Grid):
            beside.select(axis, 0).fill_(True)
            beside.select(axis, -1).fill_(True)
        else:
            along = geometry.positions[:, axis]
            beside |= (along <= 1e-12) | (along >= 1 - 1e-12)
    return beside


class BoundaryError(SnapshotMetric):
    """√(Σ_c ⟨(p − y)²⟩_boundary / Σ_c ⟨y²⟩): the error beside the walls, in proportion to the whole field's size.

    Not in proportion to the values at the walls, which a Dirichlet condition may make zero.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix B (bRMSE, there not in proportion to anything).
    """

    variables = {"boundary_error": ()}

    def reason_against(self, subject: Subject) -> str | None:
        """No walls, or no node on one."""
        boundary = subject.geometry.boundary
        if all(boundary.periodic_axes):
            return "the domain is periodic"
        return None if bool(beside_walls(subject.geometry).any()) else "no node lies on a wall"

    def measure(self, prediction: Tensor, truth: Tensor, setting: Setting) -> dict[str, Tensor]:
        """(B,)."""
        beside = beside_walls(setting.conditions.geometry).to(truth.device)
        square = (prediction.double() - truth.double()).square()
        error = mean_over_space(square[:, :, beside], setting.weights[:, beside]).sum(1)
        size = mean_over_space(truth.double().square(), setting.weights).sum(1)
        return {"boundary_error": (error / size).sqrt()}
