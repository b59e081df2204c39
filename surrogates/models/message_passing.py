"""A message-passing network, on grids and on scattered nodes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulation.annotations import PositiveInt
from simulation.geometry import Boundary
from surrogates.layers.neighbours import Neighbours, grid_neighbours, nearest_neighbours
from surrogates.surrogate import Surrogate


class MessagePassing(Surrogate):
    """Encoder, rounds of messages between neighbours, decoder; in one and two dimensions and more.

    A message is MLP(h_i, h_j, u_i - u_j, x_j - x_i, c); the mean over the neighbours updates the node. On a grid the
    neighbours are the points within ``radius`` cells; on a point cloud as many nearest nodes as that would be.
    Positions enter as differences in mean spacings alone, so the network is equivariant to translations; where the
    equation depends on position, ``reads_coordinates`` gives positions as well.

    Args:
        spatial_dims: D.
        in_channels: of the input.
        out_channels: of the output.
        num_conditions: length of c.
        boundary: of the domain; neighbours wrap around periodic axes.
        width: hidden channels.
        num_layers: rounds of messages.
        radius: reach of a message in cells.
        reads_coordinates: feed positions in.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 3.2, eqs. 8 and 9.
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
        radius: PositiveInt = 1,
        reads_coordinates: bool = True,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, num_conditions, boundary)
        self.radius, self.reads_coordinates = radius, reads_coordinates
        lifted = in_channels + num_conditions + (2 * spatial_dims if reads_coordinates else 0)
        self.encoder = nn.Sequential(nn.Linear(lifted, width), nn.GELU(), nn.Linear(width, width))
        self.rounds = nn.ModuleList(
            MessageRound(width, in_channels, spatial_dims, num_conditions) for _ in range(num_layers)
        )
        self.decoder = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, out_channels))
        self.tables: dict[tuple[int, ...], Neighbours] = {}

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``; u (B, C, M) with x (B, D, M) is a point cloud."""
        self.require_shapes(u, c)
        shape = tuple(u.shape[2:])
        x = (x if x.ndim == len(shape) + 2 else x[None]).expand(len(u), *x.shape[-len(shape) - 1 :])
        neighbours = self._neighbours(shape, x)
        nodes = u.flatten(2).transpose(1, 2)
        parts = [nodes, c[:, None].expand(-1, nodes.shape[1], -1)]
        if self.reads_coordinates:
            share = 2 * torch.pi * x.flatten(2) / self._extent(x, shape)[:, :, None]
            parts.append(torch.cat([share.sin(), share.cos()], 1).transpose(1, 2).to(u.dtype))
        h = self.encoder(torch.cat(parts, -1))
        offset, present = neighbours.offset.to(u.dtype), neighbours.present.to(u.dtype)
        for one_round in self.rounds:
            h = one_round(h, nodes, c, neighbours.index, offset, present)
        return self.decoder(h).transpose(1, 2).reshape(len(u), -1, *shape)

    def _neighbours(self, shape: tuple[int, ...], x: Tensor) -> Neighbours:
        """The table of a grid, made once for each shape; of a point cloud, made from its positions."""
        if len(shape) == self.spatial_dims and self._is_uniform(x):
            if shape not in self.tables or self.tables[shape].index.device != x.device:
                made = grid_neighbours(shape, self.boundary, self.radius)
                moved = (made.index.to(x.device), made.offset.to(x.device), made.present.to(x.device))
                self.tables[shape] = Neighbours(*moved)
            return self.tables[shape]
        count = (2 * self.radius + 1) ** self.spatial_dims - 1
        return nearest_neighbours(x.flatten(2), self._extent(x, shape), self.boundary, count)

    def _is_uniform(self, x: Tensor) -> bool:
        """In one dimension a grid and a point cloud look alike, but for their spacing."""
        if self.spatial_dims > 1:
            return True
        steps = x[:, 0].diff(dim=-1)
        return bool((steps - steps[:, :1]).abs().max() <= 1e-3 * steps.abs().max())

    def _extent(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Side lengths (B, D) as the positions tell them: their range and one mean spacing."""
        flat = x.flatten(2)
        span = flat.amax(2) - flat.amin(2)
        per_axis = shape if len(shape) == self.spatial_dims else [flat.shape[2] ** (1 / self.spatial_dims)]
        count = torch.tensor([float(n) for n in per_axis], dtype=x.dtype, device=x.device)
        return span * count / (count - 1)


class MessageRound(nn.Module):
    """One round: messages, their mean, an update of each node.

    The first layer of the message MLP is linear in its inputs, so that it is applied to the M nodes and not to their
    M K pairs, and summed where they meet.

    Args:
        width: channels of h.
        fields: channels of u.
        spatial_dims: D.
        num_conditions: length of c.
    """

    def __init__(self, width: int, fields: int, spatial_dims: int, num_conditions: int) -> None:
        super().__init__()
        self.receiver = nn.Linear(width + fields + num_conditions, width)
        self.sender = nn.Linear(width + fields, width, bias=False)
        self.relative = nn.Linear(spatial_dims, width, bias=False)
        self.message = nn.Linear(width, width)
        self.update = nn.Sequential(nn.Linear(2 * width + num_conditions, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, h: Tensor, nodes: Tensor, c: Tensor, index: Tensor, offset: Tensor, present: Tensor) -> Tensor:
        """One round.

        Args:
            h: (B, M, width).
            nodes: (B, M, fields).
            c: (B, num_conditions).
            index: (M, K).
            offset: (B or 1, M, K, D).
            present: (M, K).
        """
        told = c[:, None].expand(-1, h.shape[1], -1)
        received = self.receiver(torch.cat([h, nodes, told], -1))
        sent = self.sender(torch.cat([h, -nodes], -1))
        pairs = received[:, :, None] + sent[:, index] + self.relative(offset)
        messages = functional.gelu(self.message(functional.gelu(pairs)))
        mean = (messages * present[..., None]).sum(2) / present.sum(1)[:, None]
        return h + self.update(torch.cat([h, mean, told], -1))
