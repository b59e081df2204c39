"""Streaming statistics of a training split: of u, of its increments, of u_t."""

from collections.abc import Iterable
from typing import Any

from tendency.data.metadata import TrajectoryMetadata
from tendency.data.trajectory_file import Trajectories
from tendency.simulation.moments import RunningMoments


def measure(chunks: Iterable[Trajectories], metadata: TrajectoryMetadata) -> dict[str, Any]:
    """The statistics of a split.

    Args:
        chunks: its trajectories.
        metadata: of the dataset.

    Returns:
        {"u": {"mean": [...], "std": [...]}, "increment": ..., "u_t": ...}, one entry for each channel; u_t is the
        stored one, or the second-order difference where none is stored and there are three snapshots.
    """
    running = {name: RunningMoments() for name in ("u", "increment", "u_t")}
    for chunk in chunks:
        u = chunk.u.double()
        running["u"].update(u.flatten(0, 1))
        running["increment"].update((u[:, 1:] - u[:, :-1]).flatten(0, 1))
        if chunk.u_t is not None:
            running["u_t"].update(chunk.u_t.flatten(0, 1))
        elif u.shape[1] > 2:
            dt = (chunk.times[:, 2:] - chunk.times[:, :-2]).reshape(len(u), -1, *[1] * (u.ndim - 2))
            running["u_t"].update(((u[:, 2:] - u[:, :-2]) / dt).flatten(0, 1))
    measured = {name: moments.moments() for name, moments in running.items() if moments.count}
    return {
        "channels": list(metadata.channel_names),
        **{name: {"mean": m.mean.tolist(), "std": m.std.tolist()} for name, m in measured.items()},
    }
