"""Streaming statistics of a training split: of u, of its increments, of u_t."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from data.metadata import TrajectoryMetadata
from data.trajectory_file import Trajectories


class RunningStatistics:
    """Mean and standard deviation per channel, merged in float64 chunk by chunk.

    References:
        Chan, Golub, LeVeque: Algorithms for computing the sample variance. Am. Stat. 37 (1983), eq. 2.1.
    """

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def update(self, x: Tensor) -> None:
        """Takes in values (B, T, C, *N)."""
        flat = x.double().movedim(2, 0).flatten(1)
        count, mean = flat.shape[1], flat.mean(1)
        squares = (flat - mean[:, None]).square().sum(1)
        total, delta = self.count + count, mean - self.mean
        self.squares += squares + delta.square() * self.count * count / total
        self.mean += delta * count / total
        self.count = total

    def to_dict(self) -> dict[str, list[float]]:
        """Plain data: mean and std for each channel."""
        return {"mean": self.mean.tolist(), "std": (self.squares / max(self.count, 1)).sqrt().tolist()}


def measure(chunks: Iterable[Trajectories], metadata: TrajectoryMetadata) -> dict[str, Any]:
    """The statistics of a split.

    Args:
        chunks: its trajectories.
        metadata: of the dataset.

    Returns:
        {"u": {"mean": [...], "std": [...]}, "increment": ..., "u_t": ...}, one entry for each channel; u_t is the
        stored one, or the second-order difference where none is stored.
    """
    running = {name: RunningStatistics(metadata.num_channels) for name in ("u", "increment", "u_t")}
    for chunk in chunks:
        u = chunk.u.double()
        running["u"].update(u)
        running["increment"].update(u[:, 1:] - u[:, :-1])
        if chunk.u_t is not None:
            running["u_t"].update(chunk.u_t)
        elif u.shape[1] > 2:
            dt = (chunk.times[:, 2:] - chunk.times[:, :-2]).reshape(len(u), -1, *[1] * (u.ndim - 2))
            running["u_t"].update((u[:, 2:] - u[:, :-2]) / dt)
    return {"channels": list(metadata.channel_names), **{name: stats.to_dict() for name, stats in running.items()}}
