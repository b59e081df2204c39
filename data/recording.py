"""Whole trajectories, read a few snapshots at a time."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor

from tendency.data.dataset import TrajectoryDataset
from tendency.data.trajectory_file import SNAPSHOTS_PER_BLOCK, opened, read_circumstances, read_states
from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import map_tensors


class Recording:
    """Some neighbouring trajectories of a dataset, whose states pass one after the other.

    Memory holds a few snapshots of them, however long they are. It offers what a ``Window`` of whole trajectories
    offers to those who go through its snapshots once.

    Args:
        dataset: of whole trajectories.
        first: index of the first trajectory.
        count: trajectories.
        device: where the states go.
    """

    def __init__(self, dataset: TrajectoryDataset, first: int, count: int, device: torch.device) -> None:
        self.dataset, self.device = dataset, device
        self.index = torch.arange(first, first + count, device=device)
        size = dataset.chunk_size
        self.parts = [
            (chunk, slice(max(first - chunk * size, 0), min(first + count - chunk * size, size)))
            for chunk in range(first // size, (first + count - 1) // size + 1)
        ]
        pieces = []
        for chunk, rows in self.parts:
            path = dataset.chunk_path(chunk)
            with opened(path) as file:
                there = read_circumstances(file, path, dataset.metadata)
            pieces.append(_part(there, rows))
        self.t = torch.cat([times[:, :: dataset.stride] for times, _ in pieces]).to(device)
        self.conditions = map_tensors(lambda x: x.to(device), _joined([conditions for _, conditions in pieces]))

    def snapshots(self) -> Iterator[Tensor]:
        """The states (B, C, *N), one after the other.

        Raises:
            DatasetError: a chunk is damaged.
        """
        stride, total = self.dataset.stride, self.dataset.metadata.num_snapshots
        block = SNAPSHOTS_PER_BLOCK * stride
        with ExitStack() as stack:
            chunks = []
            for chunk, rows in self.parts:
                path = self.dataset.chunk_path(chunk)
                chunks.append((stack.enter_context(opened(path)), path, rows))
            for start in range(0, total, block):
                some = slice(start, min(start + block, total), stride)
                states = [read_states(file, path, self.dataset.metadata, rows, some) for file, path, rows in chunks]
                yield from torch.cat(states).to(self.device).unbind(1)


def _part(circumstances: tuple[Tensor, Conditions], rows: slice) -> tuple[Tensor, Conditions]:
    return map_tensors(lambda x: x[rows], circumstances)


def _joined(pieces: Sequence[Conditions]) -> Conditions:
    first = pieces[0]
    return Conditions(
        params=torch.cat([piece.params for piece in pieces]),
        hidden=torch.cat([piece.hidden for piece in pieces]),
        extent=torch.cat([piece.extent for piece in pieces]),
        boundary_values=torch.cat([piece.boundary_values for piece in pieces]),
        geometry=first.geometry,
        param_names=first.param_names,
        hidden_names=first.hidden_names,
    )
