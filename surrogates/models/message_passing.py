"""A message-passing network, on grids and on scattered nodes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.geometry import Boundary, Geometry, Grid, PointCloud
from tendency.surrogates.layers.coordinates import num_features
from tendency.surrogates.layers.messages.message_round import InstanceNorm, MessageRound
from tendency.surrogates.layers.messages.message_tables import GeometryTables, MessageTables, box_shapes
from tendency.surrogates.layers.messages.neighbours import Neighbourhood
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares
from tendency.surrogates.layers.messages.node_decoders import NodeDecoder
from tendency.surrogates.surrogate import Surrogate


class MessagePassing(Surrogate):
    """Encoder, rounds of messages between neighbours, decoder; in one, two and three dimensions.

    Positions enter as offsets in spacings alone, so the network is equivariant to translations; where the equation
    depends on position, ``reads_coordinates`` gives positions as well. What happens at a point is felt as many
    neighbours away as there are rounds, unless ``norm`` ties all points together.

    Neighbours belong to the geometry and the shape of the box, which ``place`` is told: never to the batch, so that a
    trajectory's result does not depend on which others it is evaluated with. Where boxes of a batch differ in shape
    (two and three dimensions, point clouds), those of each shape are evaluated together. Without ``place``, a state
    with D axes lies on the grid of its shape.

    ``torch.compile`` and ``torch.export`` take the network once it is placed; an exported program keeps the tables of
    that geometry as constants.

    Args:
        spatial_dims: D.
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain; neighbours wrap around periodic axes.
        width: hidden channels.
        num_layers: rounds of messages.
        neighbours: who hears from whom.
        decoder: from the hidden vector of a node to its outputs.
        reads_coordinates: feed positions in.
        norm: after each round; none where left out.
        dilations: of the rounds, in turn: one with dilation s hears from the points s times as far, which lie as the
            neighbours do (``Neighbourhood.far``). So few rounds reach far.
        derivatives: by which each round reads derivatives of hidden channels, beside the messages; none where left out.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 3.2.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        num_conditions: int,
        boundary: Boundary,
        *,
        width: PositiveInt,
        num_layers: PositiveInt,
        neighbours: Neighbourhood,
        decoder: NodeDecoder,
        reads_coordinates: bool = True,
        norm: InstanceNorm | None = None,
        dilations: Sequence[PositiveInt] = (1,),
        derivatives: LeastSquares | None = None,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, num_conditions, boundary)
        self.reads_coordinates = reads_coordinates
        lifted = in_channels + num_conditions + (num_features(boundary) if reads_coordinates else 0)
        self.encoder = nn.Sequential(nn.Linear(lifted, width), nn.SiLU(), nn.Linear(width, width))
        if not dilations:
            raise ValueError("model.dilations: expected at least one, got none")
        num_derivatives = 0 if derivatives is None else derivatives.number(spatial_dims)
        self.rounds = nn.ModuleList(
            MessageRound(width, in_channels, spatial_dims, num_conditions, num_derivatives) for _ in range(num_layers)
        )
        self.norm = nn.Identity() if norm is None else norm
        self.decoder = decoder.build(width, out_channels)
        self.tables = MessageTables(neighbours, dilations, derivatives)
        self.placed: _Placed | None = None

    def check(self, geometry: Geometry) -> None:
        """Refuses a geometry that has no such neighbours.

        Raises:
            ValueError: too few points, nobody within the radius, a dilation that goes around the domain, or nodes at
                the same place.
        """
        self.tables.of(geometry, (1.0,) * geometry.spatial_dims, torch.device("cpu"), torch.float32)

    def place(self, geometry: Geometry, extent: Tensor) -> None:
        """See ``Surrogate.place``."""
        # The same objects come at every step of a rollout; lengths are read from the device only when others come.
        if self.placed is None or self.placed.geometry is not geometry or self.placed.extent is not extent:
            parameter = next(self.parameters())
            self._place(geometry, extent, parameter.device, parameter.dtype)

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; u (B, C, M) on M scattered nodes.

        Raises:
            ValueError: a state that does not lie on the nodes where the network was placed.
        """
        self.require_shapes(u, c)
        groups = self._groups(u)
        if len(groups) == 1:
            return self._evaluate(u, c, groups[0].tables)
        outputs = [self._evaluate(u[group.rows], c[group.rows], group.tables) for group in groups]
        return torch.cat(outputs)[torch.cat([group.rows for group in groups]).argsort()]

    def _evaluate(self, u: Tensor, c: Tensor, tables: GeometryTables) -> Tensor:
        nodes = u.flatten(2).permute(2, 0, 1)
        parts = [nodes, c.expand(len(nodes), -1, -1)]
        if self.reads_coordinates:
            parts.append(tables.positions[:, None].expand(-1, len(u), -1))
        h = self.encoder(torch.cat(parts, -1))
        for number, one_round in enumerate(self.rounds):
            table = tables.messages[number % len(tables.messages)]
            h = self.norm(one_round(h, nodes, c, table, tables.derivatives))
        return self.decoder(h).permute(1, 2, 0).reshape(len(u), -1, *u.shape[2:])

    def _groups(self, u: Tensor) -> "tuple[_Group, ...]":
        """Rows of the batch and the tables that they share."""
        shape, placed = tuple(u.shape[2:]), self.placed
        if placed is None or placed.geometry.shape != shape:
            self._place_on_grid(shape, u)
        elif placed.device != u.device or placed.dtype != u.dtype:
            self._place(placed.geometry, placed.extent, u.device, u.dtype)
        assert self.placed is not None  # noqa: S101  for mypy
        return self.placed.groups

    @torch.compiler.disable
    def _place_on_grid(self, shape: tuple[int, ...], u: Tensor) -> None:
        if len(shape) != self.spatial_dims or (
            self.placed is not None and isinstance(self.placed.geometry, PointCloud)
        ):
            placed = "nowhere yet" if self.placed is None else f"on {self.placed.geometry.shape}"
            raise ValueError(
                f"expected a state on the points that place(geometry, extent) was told, got one on {shape}; "
                f"the network is placed {placed}"
            )
        extent = torch.ones(1, self.spatial_dims)
        self._place(Grid(shape, self.boundary), extent, u.device, u.dtype)

    @torch.compiler.disable
    def _place(self, geometry: Geometry, extent: Tensor, device: torch.device, dtype: torch.dtype) -> None:
        """Takes the tables from the store, or makes them."""
        shapes, which = torch.ones(1, self.spatial_dims), torch.zeros(len(extent), dtype=torch.int64)
        if isinstance(geometry, PointCloud) and self.spatial_dims > 1:
            shapes, which = box_shapes(extent)
        groups = []
        for number, box in enumerate(shapes.tolist()):
            rows = torch.nonzero(which == number)[:, 0].to(device)
            groups.append(_Group(rows, self.tables.of(geometry, box, device, dtype)))
        self.placed = _Placed(geometry, extent, device, dtype, tuple(groups))


@dataclass(frozen=True)
class _Group:
    """Rows (R,) of a batch in boxes of one shape, and their tables."""

    rows: Tensor
    tables: GeometryTables


@dataclass(frozen=True)
class _Placed:
    """Where the network is: geometry and boxes, and the tables that follow from them, on one device."""

    geometry: Geometry
    extent: Tensor
    device: torch.device
    dtype: torch.dtype
    groups: tuple[_Group, ...]
