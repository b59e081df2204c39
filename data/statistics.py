"""Statistics of a training split, taken chunk by chunk."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.moments import RunningMoments


def channel_statistics(batches: Iterable[Tensor], metadata: TrajectoryMetadata) -> dict[str, Any]:
    """Mean and standard deviation of each channel over trajectories, times and space.

    Args:
        batches: the split's states u (B, T, C, *N), some trajectories at a time.
        metadata: of the dataset.

    Returns:
        {"channels": [C names], "u": {"mean": [C values], "std": [C values]}} in physical units.
    """
    running = RunningMoments()
    for u in batches:
        running.update(u.flatten(0, 1))
    moments = running.moments()
    return {
        "channels": list(metadata.channel_names),
        "u": {"mean": moments.mean.tolist(), "std": moments.std.tolist()},
    }
