"""Rollouts for the page to play: a few trajectories, thinned and in few bits, as small as is told."""

import base64
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.report.colours import colour_range, method_style
from tendency.evaluation.report.space import Space
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.statistics.ranking import learned_methods, method_names, ranked_trajectories

MOST_METHODS = 8
MOST_CHANNELS = 4
MOST_ATTEMPTS = 12
MOST_READ = 4_000_000
"""Values that are read at a time."""
FEW_FRAMES = 60
"""With fewer frames than this, points are given up before frames are."""
FEW_POINTS = 64
"""Along an axis; no image is made coarser than this for the sake of more frames."""


@dataclass
class Recordings:
    """What the page plays.

    Args:
        entries: plain data, one for each method, trajectory and field.
        blobs: base64 of deflated codes, by the name that entries call them.
        left_out: sentences on what is not shown in full.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    blobs: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(len(blob) for blob in self.blobs.values())


@dataclass(frozen=True)
class Plan:
    """How rollouts are thinned.

    Args:
        snapshots: that are kept.
        pooling: points along each axis that are averaged into one.
    """

    snapshots: np.ndarray
    pooling: int


def record(results: xr.Dataset, reader: RolloutReader, space: Space, most_bytes: int) -> Recordings:
    """Records the best, the median and the worst trajectory of each learned method.

    How much codes shrink only shows once they are deflated, so a recording that came out too large is made anew.

    Args:
        results: from ``evaluate_rollouts``.
        reader: of its rollouts.
        space: where they lie.
        most_bytes: of all blobs together.
    """
    methods = (learned_methods(results) or method_names(results))[:MOST_METHODS]
    chosen = [(m, rank, row) for m in methods for rank, row in ranked_trajectories(results, m).items()]
    channels = range(min(len(reader.channels), MOST_CHANNELS))
    layers = (2 * len(chosen) + len({row for _, _, row in chosen})) * len(channels)
    raw = 3.0 * most_bytes
    for _ in range(MOST_ATTEMPTS):
        thinned = plan(reader.num_snapshots, reader.shape, raw / layers / _codes(space, reader).itemsize)
        recordings = Recordings()
        for method, rank, row in chosen:
            for channel in channels:
                _add(recordings, results, reader, space, thinned, method, rank, row, channel)
        if recordings.size <= most_bytes:
            break
        raw *= 0.95 * most_bytes / recordings.size
    recordings.left_out = _left_out(results, reader, space, thinned, methods, len(channels))
    return recordings


def plan(num_snapshots: int, shape: tuple[int, ...], most_values: float) -> Plan:
    """How to thin one field of one trajectory.

    Args:
        num_snapshots: that there are.
        shape: of one snapshot.
        most_values: that may be kept.
    """
    pooling = 1
    while True:
        points = math.prod(-(-n // pooling) for n in shape)
        room = int(most_values / points)
        fine_enough = room >= min(num_snapshots, FEW_FRAMES) or max(shape) / pooling <= FEW_POINTS
        if (fine_enough and room >= 2) or points == 1:
            count = min(max(room, 2), num_snapshots)
            return Plan(np.unique(np.linspace(0, num_snapshots - 1, count).round().astype(int)), pooling)
        pooling *= 2


def quantised(values: np.ndarray, low: float, high: float, codes: np.dtype) -> np.ndarray:
    """Values as whole numbers: 0 is ``low``, the last but one code ``high``; the last says "not finite".

    Args:
        values: any shape; what lies outside is clipped.
        low: the smallest value that is told apart.
        high: the largest.
        codes: an unsigned type.
    """
    top = np.iinfo(codes).max - 1
    finite = np.isfinite(values)
    share = (np.where(finite, values, low).astype(np.float64) - low) / (high - low)
    return np.where(finite, np.rint(np.clip(share, 0, 1) * top), top + 1).astype(codes)


def packed(codes: np.ndarray) -> str:
    """Codes (T, *N) as base64 of deflated differences along a frame: neighbours are alike, so these are small."""
    flat = codes.reshape(len(codes), -1)
    steps = np.diff(flat, axis=1, prepend=np.zeros((len(flat), 1), flat.dtype))
    return base64.b64encode(zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes(), 6)).decode()


def _codes(space: Space, reader: RolloutReader) -> np.dtype:
    """8 bits colour an image; a profile is drawn as a curve, on which 8 bits would show as stairs."""
    return np.dtype(np.uint8 if space.is_grid and len(reader.shape) == 2 else np.uint16)


def _add(
    recordings: Recordings,
    results: xr.Dataset,
    reader: RolloutReader,
    space: Space,
    thinned: Plan,
    method: str,
    rank: str,
    row: int,
    channel: int,
) -> None:
    """Adds one method's rollout of one field of one trajectory; the truth only once."""
    codes, snapshots = _codes(space, reader), thinned.snapshots
    truth = _thinned(lambda some: reader.truth(row, some, channel), thinned, space, reader.shape)
    prediction = _thinned(lambda some: reader.prediction(method, row, some, channel), thinned, space, reader.shape)
    with np.errstate(all="ignore"):
        difference = prediction - truth
    low, high = colour_range(truth)
    span = high if low == -high else high - low
    # A curve may leave the range of the colours; an image cannot show that it does.
    margin = high - low if codes.itemsize == 2 else 0.0
    largest = np.abs(difference[np.isfinite(difference)]).max(initial=0.0)
    own = float(min(largest, span)) or span
    parts = {
        "truth": (f"t{row}-{channel}", truth, low - margin, high + margin),
        "prediction": (f"p{len(recordings.entries)}", prediction, low - margin, high + margin),
        "difference": (f"d{len(recordings.entries)}", difference, -own, own),
    }
    for name, values, bottom, top in parts.values():
        if name not in recordings.blobs:
            recordings.blobs[name] = packed(quantised(values, bottom, top, codes))
    one = results.sel({"simulator": method}).isel(trajectory=row, snapshot=snapshots)
    extent = space.extents[row]
    entry: dict[str, Any] = {
        "method": method,
        "colour": method_style(results, method)[0],
        "rank": rank,
        "trajectory": int(results.trajectory.values[row]),
        "channel": reader.channels[channel],
        "snapshots": snapshots.tolist(),
        "time": one.time.values.tolist(),
        "nrmse": [float(f"{e:.4g}") if np.isfinite(e) else None for e in one.nrmse.values],
        "shape": list(truth.shape[1:]),
        "bytes": codes.itemsize,
        "extent": extent.tolist(),
        "colours": [low, high],
        "span": span,
        "layers": {part: {"blob": name, "low": bottom, "high": top} for part, (name, _, bottom, top) in parts.items()},
    }
    if len(truth.shape) == 2:
        entry["positions"] = _positions(space, row, thinned.pooling)
    recordings.entries.append(entry)


def _thinned(
    read: Callable[[np.ndarray], np.ndarray], thinned: Plan, space: Space, shape: tuple[int, ...]
) -> np.ndarray:
    """The snapshots that are kept, pooled while they are read, so that memory holds few of them in full."""
    at_once = max(MOST_READ // math.prod(shape), 1)
    parts = np.array_split(thinned.snapshots, -(-len(thinned.snapshots) // at_once))
    return np.concatenate([_pooled(read(some), thinned.pooling, space) for some in parts])


def _pooled(values: np.ndarray, pooling: int, space: Space) -> np.ndarray:
    """Averages over blocks of points (T, *N); scattered nodes, which have no order, lose members instead."""
    if pooling == 1:
        return values
    if not space.is_grid:
        return values[:, ::pooling]
    for axis in range(1, values.ndim):
        n = values.shape[axis]
        padded = np.concatenate([values, np.repeat(np.take(values, [-1], axis), -n % pooling, axis)], axis)
        split = (*values.shape[:axis], -(-n // pooling), pooling, *values.shape[axis + 1 :])
        with np.errstate(all="ignore"):
            values = padded.reshape(split).mean(axis + 1)
    return values


def _positions(space: Space, row: int, pooling: int) -> list[list[float]]:
    """Of the points that are kept, one list for each axis."""
    positions = space.positions(row).reshape(space.spatial_dims, -1)
    kept = _pooled(positions, pooling, space)
    return [[float(f"{x:.6g}") for x in axis] for axis in kept]


def _left_out(
    results: xr.Dataset, reader: RolloutReader, space: Space, thinned: Plan, methods: list[str], num_channels: int
) -> list[str]:
    """What the page does not show, one sentence each."""
    lines = []
    if len(thinned.snapshots) < reader.num_snapshots:
        lines.append(f"{len(thinned.snapshots)} of {reader.num_snapshots} snapshots are kept.")
    if thinned.pooling > 1:
        what = "averaged over blocks of {0} points along each axis" if space.is_grid else "of one node in {0}"
        lines.append("Values are " + what.format(thinned.pooling) + ".")
    if reader.slice:
        lines.append("The slice through the middle of the last axis is shown.")
    if len(reader.channels) > num_channels:
        lines.append(f"{num_channels} of {len(reader.channels)} fields are shown.")
    learned = len(learned_methods(results) or method_names(results))
    if learned > len(methods):
        lines.append(f"The first {len(methods)} of {learned} methods are shown.")
    bits = 8 * _codes(space, reader).itemsize
    lines.append(f"Values have {bits} bits here; rollouts.nc, beside this page, has all of them in full.")
    return lines
