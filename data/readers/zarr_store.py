"""A zarr store in a folder: arrays of numbers, compressed by methods that run nothing from the store."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.array_file import DAMAGE
from tendency.data.readers.reader import unreadable_file, unreadable_values

ZARR = ".zarr"
MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
"""Files of which a store has one at its top."""
COMPRESSORS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}
FILTERS = {"bytes", "crc32c", "delta", "endian", "shuffle", "sharding_indexed", "transpose"}
CODECS = COMPRESSORS | FILTERS
"""Compressors and filters that decode numbers alone; ``pickle``, for one, runs what a store says."""
MOST_ASKED_FOR = 10**4
"""Chunks that zarr is asked for one by one where some of them must be missing."""
DESCRIPTIONS = (".zarray", "zarr.json")
PACKED = ("scale_factor", "add_offset")
ONLY = "u"
"""What the array is called of a store that is one array."""


class ZarrStore:
    """A source of arrays; see ``ArraySource``.

    Args:
        path: of the folder.

    Raises:
        DatasetError: zarr is not installed, the folder is no store, it is damaged, an array is compressed by a method
            that is not known to be safe, or its values are packed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.arrays = path, _opened(path)

    def has(self, name: str) -> bool:
        """Whether the store holds an array of that name."""
        return name in self.arrays

    def array(self, name: str) -> Any:
        """An array of numbers, not read yet.

        Raises:
            DatasetError: there is none, or it holds no real numbers.
        """
        if name not in self.arrays:
            held = ", ".join(list(self.arrays)[:12]) or "none"
            raise unreadable_file(self.path, f"holds no array {name!r}: it has {held}")
        array = self.arrays[name]
        if array.dtype.kind not in "fiub":
            raise unreadable_file(self.path, f"{name}: expected an array of real numbers, got {array.dtype}")
        return array

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it.

        Raises:
            DatasetError: as of ``array``, or they cannot be read.
        """
        array = self.array(name)
        try:
            return np.asarray(array[part])
        except DAMAGE as error:
            raise unreadable_values(self.path, name, error) from None

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """An attribute of an array; ``default`` where there is none."""
        return self.array(of).attrs.get(name, default)

    def close(self) -> None:
        """Forgets the arrays; zarr keeps no file open."""
        self.arrays = {}


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def _opened(path: Path) -> dict[str, Any]:
    """The arrays of a store by their names, sorted."""
    try:
        import zarr
    except ImportError:
        raise unreadable_file(path, "is a zarr store, and zarr is not installed: pip install zarr") from None
    # Version 3 refuses pickled chunks when it opens an array, version 2 would run them.
    if int(zarr.__version__.partition(".")[0]) < 3:
        raise unreadable_file(path, f"needs zarr 3, and zarr {zarr.__version__} is installed: pip install 'zarr>=3'")
    if not is_zarr(path):
        raise unreadable_file(path, f"is no zarr store: expected a folder that holds {', '.join(MARKS[:-1])}")
    for description in sorted(each for name in DESCRIPTIONS for each in path.rglob(name)):
        _require_known_codecs(path, description)
    try:
        # Consolidated descriptions are copies of those that were looked at, or should be.
        top = zarr.open(str(path), mode="r", use_consolidated=False)
        arrays = {ONLY: top} if isinstance(top, zarr.Array) else dict(top.members(max_depth=None))
        found = {name: array for name, array in sorted(arrays.items()) if isinstance(array, zarr.Array)}
    except DAMAGE:
        raise unreadable_file(path, "is damaged: zarr cannot read its structure") from None
    for name, array in found.items():
        if any(word in array.attrs for word in PACKED):
            raise unreadable_file(path, f"{name}: expected values as they are, got packed ones ({', '.join(PACKED)})")
    return found


def axes_of(array: Any) -> tuple[str, ...] | None:
    """Names of axes, as zarr 3 stores them or as xarray does in zarr 2."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    return tuple(map(str, names)) if names and all(names) and len(names) == len(array.shape) else None


def missing_chunks(array: Any) -> str:
    """What to say of an array of which chunks are not on the disk: zarr reads them as its fill value, without an error.

    Args:
        array: of a store.
    """
    stored, chunks = (
        _files_of(array),
        math.prod(-(-length // chunk) for length, chunk in zip(array.shape, array.shards or array.chunks, strict=True)),
    )
    # zarr asks for each chunk by itself; a description may promise more of them than anybody could wait for.
    if chunks <= stored or chunks <= MOST_ASKED_FOR:
        stored, chunks = array.nchunks_initialized, array.nchunks
    if stored >= chunks:
        return ""
    return f"expected {chunks} chunks, got {stored}; zarr would read those that are missing as {array.fill_value}"


def _files_of(array: Any) -> int:
    """How many files lie in the folder of an array: at least as many as chunks of it."""
    folder = Path(array.store.root) / array.path
    return sum(name not in (*MARKS, ".zattrs") for _, _, files in os.walk(folder) for name in files)


def _require_known_codecs(store: Path, description: Path) -> None:
    """Refuses an array that is compressed by a method that could run what the store says.

    Args:
        store: folder of the store.
        description: of an array in it.

    Raises:
        DatasetError: names the method; or the description of the array cannot be read.
    """
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable_file(description, f"is no JSON that can be read: {error}") from None
    if not isinstance(content, dict):
        raise unreadable_file(description, "is no description of an array: expected a mapping")
    if unknown := sorted(_codecs(content) - CODECS):
        name = description.parent.relative_to(store).as_posix()
        raise unreadable_file(store, f"{name}: compressed by {', '.join(unknown)}, which is not known to be safe")


def _codecs(content: dict[str, Any]) -> set[str]:
    """Names of all compressors and filters in a description of an array, of version 2 or 3."""
    found, pending = set(), [content.get(key) for key in ("compressor", "filters", "codecs", "storage_transformers")]
    while pending:
        entry = pending.pop()
        if isinstance(entry, list):
            pending += entry
        elif isinstance(entry, dict):
            names = [entry[key] for key in ("id", "name") if key in entry]
            found |= {str(name).removeprefix("numcodecs.") for name in names} or {"one without a name"}
            configuration = entry.get("configuration")
            if isinstance(configuration, dict):
                pending += [configuration.get(key) for key in ("codecs", "index_codecs")]
        elif entry is not None:
            found.add(str(entry))
    return found
