"""What message passing keeps of a geometry: neighbours, positions and derivatives, made once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from simulation.geometry import Geometry
from surrogates.layers.coordinates import share_features
from surrogates.layers.neighbours import Neighbourhood
from surrogates.layers.nodal_derivatives import LeastSquares, NodalDerivatives

KEPT = 16
"""Geometries in boxes of one shape whose tables are kept at once, the least recently used given up."""


@dataclass(frozen=True)
class MessageTable:
    """Who hears from whom in a round.

    Args:
        senders: (M K,) int64, row after row.
        offset: (M, K, D) in spacings, over the round's dilation.
        weight: (M, K), which sum to 1 over the neighbours that there are; None where all rows are full.
    """

    senders: Tensor
    offset: Tensor
    weight: Tensor | None

    def gathered(self, nodes: Tensor) -> Tensor:
        """The values (M, K, B, C) of each point's neighbours, from those of the points (M, B, C)."""
        # Nodes first, so that a row is one contiguous piece of B C numbers.
        return nodes.index_select(0, self.senders).unflatten(0, self.offset.shape[:2])

    def mean(self, messages: Tensor) -> Tensor:
        """The mean (M, B, C) of messages (M, K, B, C) over the neighbours that there are; 0 where there is none."""
        if self.weight is None:
            return messages.mean(1)
        return torch.matmul(self.weight[:, None], messages.flatten(2)).unflatten(2, messages.shape[2:]).squeeze(1)


@dataclass(frozen=True)
class GeometryTables:
    """One geometry as message passing reads it.

    Args:
        positions: (M, F) ``share_features`` of the points.
        messages: for each dilation.
        derivatives: of values on the points; None where none are asked for.
    """

    positions: Tensor
    messages: tuple[MessageTable, ...]
    derivatives: NodalDerivatives | None


class MessageTables:
    """A bounded store of tables; they are made on the CPU, outside any compiled graph.

    Args:
        neighbourhood: the rule by which they are made.
        dilations: of the tables of a geometry.
        derivatives: the rule by which derivatives are taken; none where left out.
    """

    def __init__(
        self,
        neighbourhood: Neighbourhood,
        dilations: Sequence[int] = (1,),
        derivatives: LeastSquares | None = None,
    ) -> None:
        self.neighbourhood, self.dilations, self.derivatives = neighbourhood, tuple(dilations), derivatives
        self.made: OrderedDict[tuple[object, ...], GeometryTables] = OrderedDict()

    def of(self, geometry: Geometry, box: Sequence[float], device: torch.device, dtype: torch.dtype) -> GeometryTables:
        """The tables of a geometry in a box of one shape; see ``Neighbourhood.of``."""
        key = (geometry, tuple(box), device, dtype)
        if key not in self.made:
            # Tables outlive a call without gradients, and a later one may have some.
            with torch.inference_mode(False):
                self.made[key] = self._make(geometry, box, device, dtype)
            if len(self.made) > KEPT:
                self.made.popitem(last=False)
        self.made.move_to_end(key)
        return self.made[key]

    def _make(
        self, geometry: Geometry, box: Sequence[float], device: torch.device, dtype: torch.dtype
    ) -> GeometryTables:
        unit = geometry.coordinates(torch.ones(1, geometry.spatial_dims, dtype=torch.float64)).flatten(2)
        positions = share_features(unit, geometry.boundary)[0].T
        return GeometryTables(
            positions.to(device, dtype).contiguous(),
            tuple(self._messages(geometry, box, dilation, device, dtype) for dilation in self.dilations),
            None if self.derivatives is None else self.derivatives.on(geometry, box, device, dtype),
        )

    def _messages(
        self, geometry: Geometry, box: Sequence[float], dilation: int, device: torch.device, dtype: torch.dtype
    ) -> MessageTable:
        if dilation == 1:
            found = self.neighbourhood.of(geometry, box)
        else:
            found = self.neighbourhood.far(geometry, box, dilation)
        weight = None
        if not found.present.all():
            weight = found.present.double() / found.present.sum(1, keepdim=True).clamp(min=1)
            weight = weight.to(device, dtype)
        return MessageTable(found.index.flatten().to(device), (found.offset / dilation).to(device, dtype), weight)


def box_shapes(extent: Tensor) -> tuple[Tensor, Tensor]:
    """The different shapes of boxes of side lengths (B, D), and which of them (B,) each box has.

    Returns:
        (S, D) sides over their geometric mean, float64, and (B,) int64, both on the CPU.
    """
    sides = extent.detach().double().cpu()
    shape = sides / sides.prod(1, keepdim=True) ** (1 / sides.shape[1])
    # Equal up to the rounding of the lengths.
    decimals = 12 if extent.dtype == torch.float64 else 5
    return torch.unique(shape.round(decimals=decimals), dim=0, return_inverse=True)
