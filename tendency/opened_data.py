"""A dataset, or data files, opened for looking at them: what ``tendency.open_dataset`` does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from tendency.app.problems.looked_at_files import look_at_files
from tendency.data.dataset_layout import manifest_path
from tendency.data.file_storage import FileStorage
from tendency.data.lazy_field import Part
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.open_storage import open_storage
from tendency.data.xarray_view import xarray_view


@dataclass(frozen=True)
class OpenedData:
    """What a path leads to.

    Args:
        path: of a dataset's folder, or of data files.
        manifest: of the dataset; of data files what they say.
        splits: each with its storage and its number of trajectories.
        unsaid: which of ``dt``, ``extent`` and ``boundary`` data files do not say.
    """

    path: Path
    manifest: Manifest
    splits: Mapping[str, Part]
    unsaid: tuple[str, ...] = ()


def opened_data(path: str | Path) -> OpenedData:
    """Opens a dataset's folder, or data files whose format is recognised; no values are read, nothing is written.

    Raises:
        DatasetError: there is nothing, or it cannot be read.
        ConfigError: no reader knows the format.
        ValueError: files that do not belong together.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DatasetError(f"path: expected a dataset's folder, a data file or a folder of data files, got {place}")
    if manifest_path(place).exists() or (place / "seconds.jsonl").exists():
        manifest = read_manifest(place)
        counts = manifest.counts.items()
        return OpenedData(place, manifest, {s: (open_storage(place, manifest, s), n) for s, n in counts})
    found = look_at_files(place.absolute())
    manifest, index = found.manifest, found.manifest.files
    splits = {
        split: (FileStorage(place.absolute(), manifest, index, split, place.absolute()), count)
        for split, count in manifest.counts.items()
        if index is not None
    }
    return OpenedData(place, manifest, splits, found.unsaid)


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
    found = opened_data(path)
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
