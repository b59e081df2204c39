"""What message passing keeps of a geometry: neighbours, positions and derivatives, made once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendency.simulation.geometry import Geometry
from tendency.surrogates.layers.coordinates import share_features
from tendency.surrogates.layers.messages.neighbours import Neighbourhood
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares, NodalDerivatives

KEPT = 16
"""Geometries in boxes of one shape whose tables are kept at once, the least recently used given up."""


@dataclass(frozen=True)
class MessageTable:
    """Who hears from whom in a round.

    Args:
        senders: (M K,) int64, row after row.
        offset: (M, K, D) in spacings, over the round's dilation.
        weight: (M, K), which sum to 1 over the neighbours that there are; None where all rows are full.
        heard: (M K,) int64, the places in ``senders`` where each point stands, point after point; None where they do
            not all stand in K.
    """

    senders: Tensor
    offset: Tensor
    weight: Tensor | None
    heard: Tensor | None

    def gathered(self, nodes: Tensor) -> Tensor:
        """The values (M, K, B, C) of each point's neighbours, from those of the points (M, B, C)."""
        # Nodes first, so that a row is one contiguous piece of B C numbers.
        if self.heard is not None and torch.compiler.is_compiling():
            rows: Tensor = _Gathered.apply(nodes, self.senders, self.heard)
        else:
            rows = nodes.index_select(0, self.senders)
        return rows.unflatten(0, self.offset.shape[:2])

    def mean(self, messages: Tensor) -> Tensor:
        """The mean (M, B, C) of messages (M, K, B, C) over the neighbours that there are; 0 where there is none."""
        if self.weight is None:
            return messages.mean(1)
        return torch.matmul(self.weight[:, None], messages.flatten(2)).unflatten(2, messages.shape[2:]).squeeze(1)


class _Gathered(torch.autograd.Function):
    """``nodes.index_select(0, senders)`` whose backward pass gathers as well.

    Where a compiler has to scatter rows, it adds one number after another in atomic steps.
    """

    @staticmethod
    def forward(ctx: Any, nodes: Tensor, senders: Tensor, heard: Tensor) -> Tensor:
        """Rows (M K, ...) of nodes (M, ...)."""
        ctx.save_for_backward(heard)
        ctx.num_nodes = len(nodes)
        return nodes.index_select(0, senders)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        """The sum over the rows that each point was copied to."""
        (heard,) = ctx.saved_tensors
        return g.index_select(0, heard).unflatten(0, (ctx.num_nodes, -1)).sum(1), None, None


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
        senders = found.index.flatten()
        regular = bool((senders.bincount(minlength=len(found.index)) == found.index.shape[1]).all())
        return MessageTable(
            senders.to(device),
            (found.offset / dilation).to(device, dtype),
            weight,
            senders.argsort(stable=True).to(device) if regular else None,
        )


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
