"""Rollouts on disk, written snapshot by snapshot, read by xarray as netCDF."""

import itertools
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5netcdf
import h5py
import numpy as np
from torch import Tensor

from tendency.data.streamed_file import PatientFile, whole_streamed_file
from tendency.simulation.conditions import Conditions

FIELDS = ("truth", "prediction")
GIVEN, GIVEN_CHANNEL = "given", "given_channel"
"""The variable of the constant fields, and the axis of their channels."""
BLOCK = 2**16
"""Values of a field that are compressed together, about."""
PACKED: Mapping[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
"""How a kept field is stored: without loss, its bytes sorted by their weight, which is what makes floats smaller."""


class RolloutFile:
    """``rollouts.nc``: truth (trajectory, snapshot, channel, x, y, z) and prediction (simulator, ...), float32.

    Where the trajectories have constant fields, they lie there as well: given (trajectory, given_channel, x, y, z).
    Memory holds one snapshot of a batch. The file exists whole or not at all. All trajectories are written as they
    come; which of them are kept is known once all are judged, and said by ``keep`` before the file is closed.

    Args:
        path: path of the file.
        methods: names of the simulators.
        channels: names of the channels.
    """

    def __init__(self, path: Path, methods: Sequence[str], channels: Sequence[str]) -> None:
        self.path, self.methods, self.channels = path, list(methods), list(channels)
        self.kept: list[int] | None = None
        self.open = ExitStack()
        self.file: h5netcdf.File | None = None
        self.raw: PatientFile | None = None
        self.first = self.last = 0

    def __enter__(self) -> Self:
        """Opens the file."""
        with ExitStack() as stack:
            target = stack.enter_context(whole_streamed_file(self.path))
            # Written without compression, which would cost more than the rollouts of a fast network.
            everything = target.path.with_name(f".all-{target.path.name[1:]}")
            stack.callback(everything.unlink, missing_ok=True)
            stack.push(lambda kind, error, trace: self._pack(everything, target) if kind is None else None)
            self.raw = stack.enter_context(PatientFile(everything))
            self.file = stack.enter_context(h5netcdf.File(self.raw, "w"))
            self.open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file; puts it in its place unless something failed."""
        self.open.__exit__(kind, error, trace)

    def append(self, index: Tensor, times: Tensor, state: Tensor, conditions: Conditions) -> None:
        """Makes room for a batch, and writes its constant fields.

        Args:
            index: (B,) numbers of the trajectories.
            times: (B, T).
            state: (B, C, *N), of the shape that all have.
            conditions: of the B trajectories.
        """
        file = self._opened()
        if not file.dimensions:
            self._layout((times.shape[1], *state.shape[1:]), conditions.given_names)
        self.first, self.last = self.last, self.last + len(index)
        file.resize_dimension("trajectory", self.last)
        here = slice(self.first, self.last)
        file.variables["trajectory"][here] = index.cpu().numpy()
        file.variables["time"][here] = times.cpu().numpy()
        if conditions.given is not None:
            file.variables[GIVEN][here] = conditions.given.float().cpu().numpy()

    def write_truth(self, snapshot: int, u: Tensor) -> None:
        """Writes one snapshot (B, C, *N) of the batch that was appended last."""
        self._opened().variables["truth"][self.first : self.last, snapshot] = u.float().cpu().numpy()

    def write_prediction(self, method: str, snapshot: int, u: Tensor) -> None:
        """Writes one snapshot (B, C, *N) of one method's rollouts of the batch that was appended last."""
        variable = self._opened().variables["prediction"]
        variable[self.methods.index(method), self.first : self.last, snapshot] = u.float().cpu().numpy()

    def keep(self, rows: Sequence[int]) -> None:
        """Says which trajectories stay in the file, by the order in which they came; without a word all do."""
        self.kept = sorted(rows)

    def _pack(self, everything: Path, target: PatientFile) -> None:
        """Copies the trajectories that are kept, compressed.

        Raises:
            OSError: not all of them could be written.
        """
        if self.raw is not None:
            self.raw.require_written()
        with h5netcdf.File(everything, "r") as source, h5netcdf.File(target, "w") as file:
            if not source.dimensions:
                return
            rows = list(range(self.last)) if self.kept is None else self.kept
            sizes = {name: dimension.size for name, dimension in source.dimensions.items()}
            file.dimensions = sizes | {"trajectory": len(rows)}
            for name, variable in source.variables.items():
                if name in FIELDS:
                    _pack_field(variable, file, rows)
                elif name == GIVEN:
                    _pack_given(variable, file, rows)
                elif "trajectory" in variable.dimensions:
                    file.create_variable(name, variable.dimensions, variable.dtype, data=variable[...][rows])
                else:
                    copy = file.create_variable(name, variable.dimensions, h5py.string_dtype())
                    copy[...] = variable[...]

    def _opened(self) -> h5netcdf.File:
        if self.file is None or self.raw is None:
            raise RuntimeError("the rollout file is not open")
        self.raw.require_written()
        return self.file

    def _layout(self, shape: tuple[int, ...], given: Sequence[str]) -> None:
        file = self._opened()
        snapshots, channels, *space = shape
        axes = ["node"] if len(space) == 0 else list("xyz"[: len(space)])
        # Not "method": xarray's sel(method=...) is its way of looking a label up, and would select nothing.
        sizes = {"simulator": len(self.methods), "trajectory": None, "snapshot": snapshots, "channel": channels}
        if given:
            sizes[GIVEN_CHANNEL] = len(given)
        file.dimensions = sizes | dict(zip(axes, space, strict=True))
        labels = {"simulator": self.methods, "channel": self.channels} | ({GIVEN_CHANNEL: list(given)} if given else {})
        for name, values in labels.items():
            variable = file.create_variable(name, (name,), h5py.string_dtype())
            variable[...] = np.array(values, dtype=object)
        file.create_variable("trajectory", ("trajectory",), "i8", chunks=(64,))
        file.create_variable("time", ("trajectory", "snapshot"), "f8", chunks=(16, snapshots))
        fields = ("trajectory", "snapshot", "channel", *axes)
        block = (1, 1, channels, *space)
        file.create_variable("truth", fields, "f4", chunks=block)
        file.create_variable("prediction", ("simulator", *fields), "f4", chunks=(1, *block))
        if given:
            together = ("trajectory", GIVEN_CHANNEL, *axes)
            file.create_variable(GIVEN, together, "f4", chunks=(1, len(given), *space))


def _pack_field(variable: h5netcdf.Variable, file: h5netcdf.File, rows: Sequence[int]) -> None:
    """Copies rows of the truth or of the predictions, a block of snapshots at a time."""
    leading = variable.dimensions.index("trajectory")
    snapshots, block = variable.shape[leading + 1], variable.shape[leading + 2 :]
    together = min(max(BLOCK // math.prod(block), 1), snapshots)
    chunks = (*[1] * (leading + 1), together, *block)
    copy = file.create_variable(variable.name.rpartition("/")[2], variable.dimensions, "f4", chunks=chunks, **PACKED)
    for method in itertools.product(*(range(size) for size in variable.shape[:leading])):
        for number, row in enumerate(rows):
            for first in range(0, snapshots, together):
                some = slice(first, first + together)
                copy[(*method, number, some)] = variable[(*method, row, some)]


def _pack_given(variable: h5netcdf.Variable, file: h5netcdf.File, rows: Sequence[int]) -> None:
    """Copies rows of the constant fields, one after the other."""
    copy = file.create_variable(GIVEN, variable.dimensions, "f4", chunks=(1, *variable.shape[1:]), **PACKED)
    for number, row in enumerate(rows):
        copy[number] = variable[row]
