"""A zarr store in a folder: arrays of numbers, compressed by methods that run nothing from the store."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.metadata import DatasetError
from tendency.data.readers.reader import unreadable_file

COMPRESSORS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}
FILTERS = {"bytes", "crc32c", "delta", "endian", "shuffle", "sharding_indexed", "transpose"}
CODECS = COMPRESSORS | FILTERS
"""Compressors and filters that decode numbers alone; ``pickle``, for one, runs what a store says."""
DESCRIPTIONS = (".zarray", "zarr.json")


class ZarrStore:
    """A source of arrays; see ``ArraySource``.

    Args:
        path: of the folder.

    Raises:
        DatasetError: it is missing, or zarr is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.arrays = path, dict[str, Any]()
        if not path.is_dir():
            raise unreadable_file(path, "is missing")
        try:
            import zarr
        except ImportError:
            raise DatasetError(f"{path} is a zarr store, which needs the package zarr: pip install zarr") from None
        self.zarr = zarr

    def has(self, name: str) -> bool:
        """Whether the store holds an array of that name."""
        return any((self.path / name / description).is_file() for description in DESCRIPTIONS)

    def array(self, name: str) -> Any:
        """An array of numbers, not read yet.

        Raises:
            DatasetError: there is none, it holds no real numbers, or it is compressed by another method.
        """
        if name not in self.arrays:
            if not self.has(name):
                held = sorted(each.name for each in self.path.iterdir() if each.is_dir())
                raise unreadable_file(self.path, f"holds no array {name!r}: it has {', '.join(held[:12]) or 'none'}")
            require_known_codecs(self.path, name)
            try:
                array = self.zarr.open_array(str(self.path / name), mode="r")
            except Exception as error:  # zarr has no class of its own for stores that are damaged
                raise unreadable_file(self.path, f"{name}: zarr cannot read its description: {error}") from None
            if array.dtype.kind not in "fiub":
                raise unreadable_file(self.path, f"{name}: expected an array of real numbers, got {array.dtype}")
            self.arrays[name] = array
        return self.arrays[name]

    def values(self, name: str, part: Any = ()) -> np.ndarray:
        """Values of an array, or of a part of it.

        Raises:
            DatasetError: as of ``array``, or they cannot be read.
        """
        array = self.array(name)
        try:
            return np.asarray(array[part])
        except Exception as error:  # as above; a compressor raises what it likes
            raise unreadable_file(self.path, f"{name}: its values cannot be read: {error}") from None

    def attribute(self, name: str, of: str = "/", default: Any = None) -> Any:
        """An attribute of an array; ``default`` where there is none."""
        return self.array(of).attrs.get(name, default)

    def close(self) -> None:
        """Forgets the arrays; zarr keeps no file open."""
        self.arrays.clear()


def require_known_codecs(store: Path, name: str) -> None:
    """Refuses an array that is compressed by a method that could run what the store says.

    Args:
        store: folder of the store.
        name: of the array.

    Raises:
        DatasetError: names the method; or the description of the array cannot be read.
    """
    for description in DESCRIPTIONS:
        path = store / name / description
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise unreadable_file(path, f"is no JSON that can be read: {error}") from None
        if not isinstance(content, dict):
            raise unreadable_file(path, "is no description of an array: expected a mapping")
        if unknown := sorted(_codecs(content) - CODECS):
            raise unreadable_file(path, f"{name}: compressed by {', '.join(unknown)}, which is not known to be safe")


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
