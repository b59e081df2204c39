"""A dataset, or data files, looked at from Python: ``tendency.open_dataset`` and ``tendency.inspect``."""

from pathlib import Path

import xarray as xr

from tendency.app.problems.data_on_disk import data_on_disk
from tendency.app.problems.inspection import Inspection, inspected
from tendency.data.given_arguments import given_path
from tendency.data.metadata import DatasetError
from tendency.data.xarray_view import xarray_view
from tendency.simulation.problem import SPLITS


def open_dataset(path: str | Path, split: str | None = None) -> xr.Dataset:
    """A dataset of this program, or data files of a format that it recognises, as an ``xarray.Dataset``.

    Values are read when they are asked for, in blocks of dask where that is installed
    (``pip install 'tendency[formats]'``). ``tendency.open_windows`` gives what networks are trained on.

    Example:
        >>> data = tendency.open_dataset("datasets/heat", "test")
        >>> data.u.dims
        ('trajectory', 'time', 'x')
        >>> data.u.sel(x=0.5, method="nearest").mean("trajectory").shape
        (8,)

    Args:
        path: of a dataset's folder, or of a data file or a folder of such.
        split: ``train``, ``valid`` or ``test``; all when left out, one after the other, with a coordinate ``split``.

    Returns:
        A variable for each field (and ``<field>_t`` where time derivatives are stored), with dimensions
        ``trajectory``, ``time``, ``component`` of vectors, and ``x``, ``y``, ``z`` (``node`` of scattered points).
        Parameters and side lengths are coordinates of ``trajectory``. Where trajectories differ in their times or
        side lengths, ``time_of_trajectory`` and ``x_share`` stand in place of the coordinates ``time`` and ``x``.
        The attribute ``unsaid`` lists what data files do not say: dt and distances are 1 then, boundaries open.

    Raises:
        DatasetError: there is nothing at the path, or it cannot be read.
        ConfigError: no reader knows the format.
        ValueError: no such split, or files that do not belong together.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    found = data_on_disk(given_path(path, "path"))
    if split is not None and split not in found.splits:
        known = [name for name in found.splits if name]
        raise ValueError(f"split: expected one of {known or 'none, since the files name no splits'}, got {split!r}")
    chosen = found.splits if split is None else {split: found.splits[split]}
    if not any(count for _, count in chosen.values()):
        raise DatasetError(f"dataset {found.path} has no {split or ''} trajectories")
    view = xarray_view(found.manifest.metadata, chosen)
    if found.unsaid:
        view.attrs["unsaid"] = ", ".join(found.unsaid)
    return view


def inspect(path: str | Path) -> Inspection:
    """What a dataset or data files are, in at most 25 lines, as ``generate.py dataset=... inspect=true`` prints them.

    Example:
        >>> print(tendency.inspect("datasets/heat").lines[2])
        trajectories  4 train, 2 valid, 2 test

    Args:
        path: of a dataset's folder, or of a data file or a folder of such.

    Returns:
        The lines, which are printed one below the other.

    Raises:
        DatasetError: there is nothing at the path, or it cannot be read.
        ConfigError: no reader knows the format.
        ValueError: files that do not belong together.
    """
    return inspected(data_on_disk(given_path(path, "path")))
