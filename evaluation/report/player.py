"""Encodes the rollouts that the page's player shows: a few trajectories, thinned and in few bits, in a given size."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.report.colours import colour_range, method_style
from tendency.evaluation.report.frame_codes import deflate_codes, quantise
from tendency.evaluation.report.space import Space
from tendency.evaluation.report.thinning import Thinning, choose_thinning, pool, read_thinned
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.statistics.ranking import learned_methods, method_names, ranked_trajectories
from tendency.simulation.conditions import MASK

MOST_METHODS = 8
MOST_CHANNELS = 4
MOST_ATTEMPTS = 12


@dataclass
class PlayerRollouts:
    """The rollouts that the page plays.

    Args:
        entries: plain data that describe each rollout, one for each method, trajectory and field.
        blobs: base64 of deflated codes, by the names in the entries.
        left_out: sentences on what is not shown in full.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    blobs: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(len(blob) for blob in self.blobs.values())


def encode_rollouts(results: xr.Dataset, reader: RolloutReader, space: Space, most_bytes: int) -> PlayerRollouts:
    """Encodes the best, the median and the worst trajectory of each learned method.

    How small codes become shows only once they are deflated, so rollouts that came out too large are encoded anew.

    Args:
        results: results of ``evaluate_rollouts``.
        reader: reader of the rollouts.
        space: geometry and domains of the trajectories.
        most_bytes: size of all blobs together.
    """
    methods = _best_first(results)[:MOST_METHODS]
    chosen = [(m, rank, row) for m in methods for rank, row in ranked_trajectories(results, m).items()]
    channels = range(min(len(reader.channels), MOST_CHANNELS))
    layers = (2 * len(chosen) + len({row for _, _, row in chosen})) * len(channels)
    raw = 3.0 * most_bytes
    for _ in range(MOST_ATTEMPTS):
        most_values = raw / layers / _code_type(space, reader).itemsize
        thinning = choose_thinning(reader.num_snapshots, reader.shape, most_values)
        encoder = _RolloutEncoder(results, reader, space, thinning)
        for method, rank, row in chosen:
            for channel in channels:
                encoder.add(method, rank, row, channel)
        rollouts = encoder.rollouts
        if rollouts.size <= most_bytes:
            break
        raw *= 0.95 * most_bytes / rollouts.size
    rollouts.left_out = encoder.omissions(methods, len(channels))
    return rollouts


def _best_first(results: xr.Dataset) -> list[str]:
    """The trained methods, by the median of their errors at the end; of none, all methods."""
    methods = learned_methods(results) or method_names(results)
    last = {name: results.nrmse.sel({"simulator": name}).values[:, -1] for name in methods}
    return sorted(methods, key=lambda name: float(np.median(np.where(np.isfinite(last[name]), last[name], np.inf))))


def _code_type(space: Space, reader: RolloutReader) -> np.dtype:
    """8 bits for the colours of an image, 16 for a profile: on a curve 8 bits would show as steps."""
    return np.dtype(np.uint8 if space.is_grid and len(reader.shape) == 2 else np.uint16)


@dataclass(frozen=True)
class _RolloutEncoder:
    """Encodes rollouts one after the other, all with the same thinning.

    Args:
        results: results of ``evaluate_rollouts``.
        reader: reader of the rollouts.
        space: geometry and domains of the trajectories.
        thinning: snapshots and points that are kept.
        rollouts: the encoded rollouts.
    """

    results: xr.Dataset
    reader: RolloutReader
    space: Space
    thinning: Thinning
    rollouts: PlayerRollouts = field(default_factory=PlayerRollouts)

    def add(self, method: str, rank: str, row: int, channel: int) -> None:
        """Encodes one method's rollout of one field of one trajectory; the truth only once.

        Args:
            method: name of the method.
            rank: ``best``, ``median`` or ``worst``.
            row: row of the trajectory in the results.
            channel: index of the channel.
        """
        reader, shape = self.reader, self.reader.shape
        truth = read_thinned(lambda some: reader.truth(row, some, channel), self.thinning, self.space, shape)
        prediction = read_thinned(
            lambda some: reader.prediction(method, row, some, channel), self.thinning, self.space, shape
        )
        with np.errstate(all="ignore"):
            difference = prediction - truth
        codes = _code_type(self.space, reader)
        low, high = colour_range(truth)
        span = high if low == -high else high - low
        # A curve may leave the range of the colours; an image cannot show that it does.
        margin = high - low if codes.itemsize == 2 else 0.0
        largest = np.abs(difference[np.isfinite(difference)]).max(initial=0.0)
        own = float(min(largest, span)) or span
        number = len(self.rollouts.entries)
        layers = {
            "truth": (f"t{row}-{channel}", truth, low - margin, high + margin),
            "prediction": (f"p{number}", prediction, low - margin, high + margin),
            "difference": (f"d{number}", difference, -own, own),
        }
        for name, values, bottom, top in layers.values():
            if name not in self.rollouts.blobs:
                self.rollouts.blobs[name] = deflate_codes(quantise(values, bottom, top, codes))
        entry = self._description(method, rank, row, channel) | {
            "shape": list(truth.shape[1:]),
            "bytes": codes.itemsize,
            "extent": self.space.extents[row].tolist(),
            "obstacle": MASK in reader.given,
            "colours": [low, high],
            "span": span,
            "layers": {
                part: {"blob": name, "low": bottom, "high": top} for part, (name, _, bottom, top) in layers.items()
            },
        }
        if len(truth.shape) == 2:
            entry["positions"] = self._positions(row)
        self.rollouts.entries.append(entry)

    def _description(self, method: str, rank: str, row: int, channel: int) -> dict[str, Any]:
        """What the player says of a rollout."""
        snapshots = self.thinning.snapshots
        rollout = self.results.sel({"simulator": method}).isel(trajectory=row, snapshot=snapshots)
        return {
            "method": method,
            "colour": method_style(self.results, method)[0],
            "rank": rank,
            "trajectory": int(self.results.trajectory.values[row]),
            "channel": self.reader.channels[channel],
            "snapshots": snapshots.tolist(),
            "time": rollout.time.values.tolist(),
            "nrmse": [float(f"{e:.4g}") if np.isfinite(e) else None for e in rollout.nrmse.values],
        }

    def _positions(self, row: int) -> list[list[float]]:
        """Positions of the points that are kept, one list for each axis."""
        positions = self.space.positions(row).reshape(self.space.spatial_dims, -1)
        kept = pool(positions, self.thinning.pooling, self.space)
        return [[float(f"{x:.6g}") for x in axis] for axis in kept]

    def omissions(self, methods: list[str], num_channels: int) -> list[str]:
        """Sentences on what the page does not show.

        Args:
            methods: names of the methods that are shown.
            num_channels: number of channels that are shown.
        """
        reader, pooling, lines = self.reader, self.thinning.pooling, []
        if len(self.thinning.snapshots) < reader.num_snapshots:
            lines.append(f"{len(self.thinning.snapshots)} of {reader.num_snapshots} snapshots are kept.")
        if pooling > 1:
            grid = self.space.is_grid
            what = "averaged over blocks of {0} points along each axis" if grid else "of one node in {0}"
            lines.append("Values are " + what.format(pooling) + ".")
        if reader.slice:
            lines.append("The slice through the middle of the last axis is shown.")
        if len(reader.channels) > num_channels:
            lines.append(f"{num_channels} of {len(reader.channels)} fields are shown.")
        learned = len(learned_methods(self.results) or method_names(self.results))
        if learned > len(methods):
            lines.append(f"Of {learned} methods the {len(methods)} with the smallest errors at the end are shown.")
        bits = 8 * _code_type(self.space, reader).itemsize
        lines.append(f"Values have {bits} bits here; rollouts.nc, beside this page, has these rollouts in full.")
        return lines
