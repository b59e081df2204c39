"""Rollouts on disk, written snapshot by snapshot, read by xarray as netCDF."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import h5netcdf
import h5py
import numpy as np
from torch import Tensor

from tendency.data.streamed_file import PatientFile, whole_streamed_file


class RolloutFile:
    """``rollouts.nc``: truth (trajectory, snapshot, channel, x, y, z) and prediction (simulator, ...), float32.

    Memory holds one snapshot of a batch. The file exists whole or not at all.

    Args:
        path: path of the file.
        methods: names of the simulators.
        channels: names of the channels.
    """

    def __init__(self, path: Path, methods: Sequence[str], channels: Sequence[str]) -> None:
        self.path, self.methods, self.channels = path, list(methods), list(channels)
        self.open = ExitStack()
        self.file: h5netcdf.File | None = None
        self.raw: PatientFile | None = None
        self.first = self.last = 0

    def __enter__(self) -> Self:
        """Opens the file."""
        with ExitStack() as stack:
            self.raw = stack.enter_context(whole_streamed_file(self.path))
            self.file = stack.enter_context(h5netcdf.File(self.raw, "w"))
            self.open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file; puts it in its place unless something failed."""
        self.open.__exit__(kind, error, trace)

    def append(self, index: Tensor, times: Tensor, state: Tensor) -> None:
        """Makes room for a batch: index (B,), times (B, T), and a state (B, C, *N) of the shape that all have."""
        file = self._opened()
        if not file.dimensions:
            self._layout((times.shape[1], *state.shape[1:]))
        self.first, self.last = self.last, self.last + len(index)
        file.resize_dimension("trajectory", self.last)
        here = slice(self.first, self.last)
        file.variables["trajectory"][here] = index.cpu().numpy()
        file.variables["time"][here] = times.cpu().numpy()

    def write_truth(self, snapshot: int, u: Tensor) -> None:
        """Writes one snapshot (B, C, *N) of the batch that was appended last."""
        self._opened().variables["truth"][self.first : self.last, snapshot] = u.float().cpu().numpy()

    def write_prediction(self, method: str, snapshot: int, u: Tensor) -> None:
        """Writes one snapshot (B, C, *N) of one method's rollouts of the batch that was appended last."""
        variable = self._opened().variables["prediction"]
        variable[self.methods.index(method), self.first : self.last, snapshot] = u.float().cpu().numpy()

    def _opened(self) -> h5netcdf.File:
        if self.file is None or self.raw is None:
            raise RuntimeError("the rollout file is not open")
        self.raw.require_written()
        return self.file

    def _layout(self, shape: tuple[int, ...]) -> None:
        file = self._opened()
        snapshots, channels, *space = shape
        axes = ["node"] if len(space) == 0 else list("xyz"[: len(space)])
        # Not "method": xarray's sel(method=...) is its way of looking a label up, and would select nothing.
        sizes = {"simulator": len(self.methods), "trajectory": None, "snapshot": snapshots, "channel": channels}
        file.dimensions = sizes | dict(zip(axes, space, strict=True))
        for name, values in (("simulator", self.methods), ("channel", self.channels)):
            variable = file.create_variable(name, (name,), h5py.string_dtype())
            variable[...] = np.array(values, dtype=object)
        file.create_variable("trajectory", ("trajectory",), "i8", chunks=(64,))
        file.create_variable("time", ("trajectory", "snapshot"), "f8", chunks=(16, snapshots))
        fields = ("trajectory", "snapshot", "channel", *axes)
        block = (1, 1, channels, *space)
        file.create_variable("truth", fields, "f4", chunks=block)
        file.create_variable("prediction", ("simulator", *fields), "f4", chunks=(1, *block))
