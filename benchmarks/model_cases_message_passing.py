"""Message passing at the published setting of 2202.03376, beside its own code and a layer of PyTorch Geometric.

100 points, batch 16, 25 snapshots in and 25 out, hidden 128, 6 rounds, 6 neighbours, one parameter. All compute
messages and updates of the same sizes. The reference is told its edges (3 points on each side, around the torus as
ours), so that torch_cluster, which it imports to find them, is stood in for; importing it makes float64 the default,
which is put back.
"""

import importlib
import types
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.model_case import ModelCase, Side
from benchmarks.peer_code import only
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.messages.message_round import InstanceNorm
from tendency.surrogates.layers.messages.neighbours import Nearest
from tendency.surrogates.layers.messages.node_decoders import TemporalDecoder
from tendency.surrogates.models.message_passing import MessagePassing

POINTS, BATCH, WINDOW, WIDTH, LAYERS, REACH = 100, 16, 25, 128, 6, 3


def cases(peers_dir: Path | None) -> list[ModelCase]:
    """One case: the published setting."""
    sides, missing = [Side("ours", True, ours)], {}
    for name, side, why in (
        ("MP-Neural-PDE-Solvers", reference(peers_dir), "needs its clone in the folder of peers, and torch_geometric"),
        ("PyG MessagePassing", geometric(), "needs torch_geometric"),
    ):
        if side is None:
            missing[name] = why
        else:
            sides.append(Side(name, False, side))
    return [ModelCase("message_passing", sides, missing)]


def ours() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """conf/model/mp_pde.yaml with a history and a bundle of 25."""
    network = MessagePassing(
        Interface(WINDOW, WINDOW, 1, Boundary.periodic(1)),
        width=WIDTH,
        num_layers=LAYERS,
        neighbours=Nearest(2 * REACH),
        decoder=TemporalDecoder(WINDOW),
        norm=InstanceNorm(),
    )
    grid = Grid([POINTS], Boundary.periodic(1))
    x = network.points(grid, torch.full((BATCH, 1), 16.0), torch.float32)
    return network, (torch.randn(BATCH, WINDOW, POINTS), torch.randn(BATCH, 1), x)


class Graph(nn.Module):
    """A network of PyTorch Geometric's calling convention as one of a single tensor."""

    def __init__(self, network: nn.Module, graph: object) -> None:
        super().__init__()
        self.network, self.graph = network, graph

    def forward(self, u: Tensor) -> Tensor:
        self.graph.x = u  # type: ignore[attr-defined]
        return self.network(self.graph)


def edges() -> Tensor:
    """(2, E) of all samples, sender and receiver."""
    nodes = torch.arange(POINTS)
    pairs = [torch.stack([(nodes + s) % POINTS, nodes]) for s in range(-REACH, REACH + 1) if s]
    one = torch.cat(pairs, 1)
    return torch.cat([one + sample * POINTS for sample in range(BATCH)], 1)


def reference(peers_dir: Path | None):
    """The clone's MP_PDE_Solver, its own code."""
    try:
        data = importlib.import_module("torch_geometric.data")
    except ImportError:
        return None
    folder = None if peers_dir is None else peers_dir / "MP-Neural-PDE-Solvers"
    if folder is None or not folder.exists():
        return None

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        stand_in = types.ModuleType("torch_cluster")
        stand_in.radius_graph = stand_in.knn_graph = None  # type: ignore[attr-defined]
        pde = types.SimpleNamespace(L=16.0, tmax=4.0, dt=4.0 / 250)
        try:
            # Built in there as well: a layer of torch_geometric looks up the module that it comes from.
            with only(folder, {"torch_cluster": stand_in}):
                models = importlib.import_module("experiments.models_gnn")
                network = models.MP_PDE_Solver(pde, WINDOW, WIDTH, LAYERS, {"beta": 0.2}).float()
        finally:
            torch.set_default_dtype(torch.float32)
        total = BATCH * POINTS
        position = torch.stack([torch.ones(total), torch.arange(total) % POINTS * 0.16], 1)
        batch = torch.arange(BATCH).repeat_interleave(POINTS)
        graph = data.Data(pos=position, edge_index=edges(), batch=batch, beta=torch.rand(total, 1))
        return Graph(network, graph), (torch.randn(total, WINDOW),)

    return make


def geometric():
    """Rounds of the released package's MessagePassing, in the layout that its documentation teaches."""
    try:
        pyg = importlib.import_module("torch_geometric.nn")
    except ImportError:
        return None

    class Round(pyg.MessagePassing):
        """One round of messages as eqs. 8 and 9 state it."""

        def __init__(self) -> None:
            super().__init__(aggr="mean", node_dim=0)
            told = WINDOW + 2
            self.first = nn.Sequential(nn.Linear(2 * WIDTH + told, WIDTH), nn.SiLU())
            self.second = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU())
            self.after = nn.Sequential(nn.Linear(2 * WIDTH + 1, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
            self.norm = pyg.InstanceNorm(WIDTH)

        def forward(self, h: Tensor, u: Tensor, x: Tensor, c: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
            heard = self.propagate(edge_index, h=h, u=u, x=x, c=c)
            return self.norm(h + self.after(torch.cat([h, heard, c], -1)), batch)

        def message(
            self, h_i: Tensor, h_j: Tensor, u_i: Tensor, u_j: Tensor, x_i: Tensor, x_j: Tensor, c_i: Tensor
        ) -> Tensor:
            return self.second(self.first(torch.cat([h_i, h_j, u_i - u_j, x_i - x_j, c_i], -1)))

    class Network(nn.Module):
        """Encoder, rounds, the convolutions of the reference."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(WINDOW + 2, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
            self.rounds = nn.ModuleList(Round() for _ in range(LAYERS))
            self.decoder = nn.Sequential(nn.Conv1d(1, 8, 16, stride=3), nn.SiLU(), nn.Conv1d(8, 1, 14))
            self.edge_index, self.batch = edges(), torch.arange(BATCH).repeat_interleave(POINTS)

        def forward(self, u: Tensor, x: Tensor, c: Tensor) -> Tensor:
            h = self.encoder(torch.cat([u, x, c], -1))
            for one_round in self.rounds:
                h = one_round(h, u, x, c, self.edge_index, self.batch)
            return self.decoder(h[:, None])[:, 0]

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        total = BATCH * POINTS
        x = (torch.arange(total) % POINTS / POINTS)[:, None]
        return Network(), (torch.randn(total, WINDOW), x, torch.rand(total, 1))

    return make
