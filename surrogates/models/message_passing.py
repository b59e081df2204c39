"""A message-passing network, on grids and on scattered nodes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.geometry import Geometry
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.coordinates import num_features
from tendency.surrogates.layers.messages.message_round import InstanceNorm, MessageRound
from tendency.surrogates.layers.messages.message_tables import BoxGroup, GeometryTables, TableStore
from tendency.surrogates.layers.messages.neighbours import Neighbourhood
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares
from tendency.surrogates.layers.messages.node_decoders import NodeDecoder
from tendency.surrogates.surrogate import Surrogate


class MessagePassing(Surrogate):
    """Encoder, rounds of messages between neighbours, decoder; in one, two and three dimensions.

    Positions enter as offsets in spacings alone, so the network is equivariant to translations; where the equation
    depends on position, ``reads_coordinates`` gives positions as well. What happens at a point is felt as many
    neighbours away as there are rounds, unless ``norm`` ties all points together.

    ``forward`` reads neighbour tables, which ``points`` gives, in the place of coordinates. Where boxes of a batch
    differ in shape (two and three dimensions, point clouds), those of each shape are evaluated together.

    Args:
        interface: sizes and boundary; neighbours wrap around periodic axes.
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
        interface: Interface,
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
        super().__init__(interface)
        self.reads_coordinates = reads_coordinates
        dims, in_channels, num_conditions = interface.spatial_dims, interface.in_channels, interface.num_conditions
        positions = num_features(interface.boundary) if reads_coordinates else 0
        lifted = in_channels + num_conditions + positions
        self.encoder = nn.Sequential(nn.Linear(lifted, width), nn.SiLU(), nn.Linear(width, width))
        if not dilations:
            raise ValueError("model.dilations: expected at least one, got none")
        num_derivatives = 0 if derivatives is None else derivatives.number(dims)
        self.rounds = nn.ModuleList(
            MessageRound(width, in_channels, dims, num_conditions, num_derivatives) for _ in range(num_layers)
        )
        self.norm = nn.Identity() if norm is None else norm
        self.decoder = decoder.build(width, interface.out_channels)
        self.tables = TableStore(neighbours, dilations, derivatives)

    def check(self, geometry: Geometry) -> None:
        """Refuses a geometry that has no such neighbours.

        Raises:
            ValueError: too few points, nobody within the radius, a dilation that goes around the domain, or nodes at
                the same place.
        """
        self.tables.of(geometry, (1.0,) * geometry.spatial_dims, torch.device("cpu"), torch.float32)

    def points(self, geometry: Geometry, extent: Tensor, dtype: torch.dtype) -> tuple[BoxGroup, ...]:
        """Neighbour tables, for each shape of the batch's boxes; see ``Surrogate.points``."""
        return self.tables.of_batch(geometry, extent, dtype)

    def forward(self, u: Tensor, c: Tensor, x: tuple[BoxGroup, ...]) -> Tensor:
        """See ``Surrogate.forward``; on a grid or on M scattered nodes, where u is (B, C, M).

        Args:
            u: (B, in_channels, *N).
            c: (B, num_conditions).
            x: tables from ``points``, of the geometry that u lies on.

        Raises:
            ValueError: coordinates in the place of tables, or tables of other points than those of u.
        """
        self.require_shapes(u, c)
        self._require_points(u, x)
        if x[0].rows is None:
            return self._evaluate(u, c, x[0].tables)
        rows = [group.rows for group in x if group.rows is not None]
        outputs = [self._evaluate(u[group.rows], c[group.rows], group.tables) for group in x]
        return torch.cat(outputs)[torch.cat(rows).argsort()]

    def _require_points(self, u: Tensor, x: tuple[BoxGroup, ...]) -> None:
        if isinstance(x, Tensor):
            raise ValueError(f"expected tables from points(geometry, extent, dtype), got a tensor {tuple(x.shape)}")
        if (shape := tuple(u.shape[2:])) != x[0].tables.shape:
            raise ValueError(f"expected u on the points of its tables, {x[0].tables.shape}, got it on {shape}")

    def _evaluate(self, u: Tensor, c: Tensor, tables: GeometryTables) -> Tensor:
        nodes = u.flatten(2).permute(2, 0, 1)
        parts = [nodes, c.expand(len(nodes), -1, -1)]
        if self.reads_coordinates:
            parts.append(tables.positions[:, None].expand(-1, u.shape[0], -1))
        h = self.encoder(torch.cat(parts, -1))
        for number, one_round in enumerate(self.rounds):
            table = tables.messages[number % len(tables.messages)]
            h = self.norm(one_round(h, nodes, c, table, tables.derivatives))
        return self.decoder(h).permute(1, 2, 0).reshape(u.shape[0], -1, *u.shape[2:])
