"""What message passing reads of a geometry: tables of neighbours, positions and derivatives, made once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendency.simulation.geometry import Geometry, PointCloud
from tendency.surrogates.layers.coordinates import share_features
from tendency.surrogates.layers.messages.neighbours import Neighbourhood
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares, NodalDerivatives

KEPT = 16
"""Geometries in boxes of one shape whose tables are kept at once, the least recently used given up."""


@dataclass(frozen=True)
class NeighbourTable:
    """The points that send messages to each point in a round.

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
    """One geometry in boxes of one shape, as message passing reads it.

    Args:
        shape: N, the trailing shape of a state on the points, which are M.
        positions: (M, F) ``share_features`` of the points.
        messages: for each dilation.
        derivatives: of values on the points; None where none are asked for.
    """

    shape: tuple[int, ...]
    positions: Tensor
    messages: tuple[NeighbourTable, ...]
    derivatives: NodalDerivatives | None


@dataclass(frozen=True)
class BoxGroup:
    """Trajectories of a batch whose boxes have one shape, and the tables that they share.

    Args:
        rows: (R,) int64, which trajectories; None for all of the batch.
        tables: tables of the geometry in such a box.
    """

    rows: Tensor | None
    tables: GeometryTables


for record in (NeighbourTable, NodalDerivatives, GeometryTables, BoxGroup):
    # Exported programs take them as arguments.
    torch.export.register_dataclass(record)


class TableStore:
    """Tables of the geometries that were asked for last; they are made on the CPU, outside any compiled graph.

    Tables belong to the geometry and the shape of the box, never to the batch, so that a trajectory's result does not
    depend on which others it is evaluated with.

    Args:
        neighbourhood: rule that says which points are neighbours.
        dilations: dilation of each table of neighbours.
        derivatives: rule by which derivatives are taken; none where left out.
    """

    def __init__(
        self,
        neighbourhood: Neighbourhood,
        dilations: Sequence[int] = (1,),
        derivatives: LeastSquares | None = None,
    ) -> None:
        self.neighbourhood, self.dilations, self.derivatives = neighbourhood, tuple(dilations), derivatives
        self.made: OrderedDict[tuple[object, ...], GeometryTables] = OrderedDict()

    @torch.compiler.disable
    def of_batch(self, geometry: Geometry, extent: Tensor, dtype: torch.dtype) -> tuple[BoxGroup, ...]:
        """The tables of a batch's boxes, on the device of ``extent``.

        Args:
            geometry: the grid or the nodes.
            extent: (B, D) side lengths of the boxes.
            dtype: dtype of the tables' floating-point numbers.

        Returns:
            A group for each shape of box; one alone on a grid and in one dimension, where tables are those of the cube.
        """
        dims = geometry.spatial_dims
        if not isinstance(geometry, PointCloud) or dims == 1:
            return (BoxGroup(None, self.of(geometry, (1.0,) * dims, extent.device, dtype)),)
        shapes, shape_of_row = box_shapes(extent)
        groups = []
        for number, box in enumerate(shapes.tolist()):
            rows = None if len(shapes) == 1 else torch.nonzero(shape_of_row == number)[:, 0].to(extent.device)
            groups.append(BoxGroup(rows, self.of(geometry, box, extent.device, dtype)))
        return tuple(groups)

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
            tuple(geometry.shape),
            positions.to(device, dtype).contiguous(),
            tuple(self._messages(geometry, box, dilation, device, dtype) for dilation in self.dilations),
            None if self.derivatives is None else self.derivatives.on(geometry, box, device, dtype),
        )

    def _messages(
        self, geometry: Geometry, box: Sequence[float], dilation: int, device: torch.device, dtype: torch.dtype
    ) -> NeighbourTable:
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
        return NeighbourTable(
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
