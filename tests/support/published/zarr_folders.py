"""Folders of zarr format 2 and 3 with names of axes, by their specifications: the library takes 10 ms an array."""

import itertools
import json
import zlib
from pathlib import Path

import numpy as np


class ZarrFolder:
    """A group with consolidated metadata; ``close`` writes those."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata: dict[str, object] = {}
        folder.mkdir(parents=True)
        self._write(".zgroup", {"zarr_format": 2})
        self._write(".zattrs", {})

    def add(
        self, name: str, values: np.ndarray, dims: tuple[str, ...], attributes: dict[str, str] | None = None
    ) -> None:
        """An array in one chunk for each entry of its first axis, compressed.

        Args:
            name: of the array.
            values: its numbers.
            dims: names of its axes.
            attributes: beside the names of axes.
        """
        (self.folder / name).mkdir()
        chunks = (1, *values.shape[1:]) if values.ndim > 1 else values.shape
        description = {
            "zarr_format": 2,
            "shape": list(values.shape),
            "chunks": list(chunks),
            "dtype": values.dtype.str,
            "compressor": {"id": "zlib", "level": 1},
            "fill_value": "NaN",
            "order": "C",
            "filters": None,
        }
        self._write(f"{name}/.zarray", description)
        self._write(f"{name}/.zattrs", {"_ARRAY_DIMENSIONS": list(dims), **(attributes or {})})
        counts = [range(size // chunk) for size, chunk in zip(values.shape, chunks, strict=True)]
        for place in itertools.product(*counts):
            part = values[place[0] : place[0] + 1] if values.ndim > 1 else values
            chunk = self.folder / name / ".".join(map(str, place))
            chunk.write_bytes(zlib.compress(np.ascontiguousarray(part).tobytes(), 1))

    def close(self) -> None:
        """Writes the consolidated metadata."""
        text = json.dumps({"zarr_consolidated_format": 1, "metadata": self.metadata})
        (self.folder / ".zmetadata").write_text(text, encoding="utf-8")

    def _write(self, key: str, value: dict[str, object]) -> None:
        self.metadata[key] = value
        (self.folder / key).write_text(json.dumps(value), encoding="utf-8")


def zarr_3(folder: Path, arrays: dict[str, tuple[np.ndarray, tuple[str, ...]]]) -> None:
    """A group of zarr format 3, whose arrays have ``dimension_names``; one chunk for each, not compressed.

    Args:
        folder: of the group.
        arrays: numbers and names of axes, by name.
    """
    folder.mkdir(parents=True)
    metadata = {}
    for name, (values, dims) in arrays.items():
        metadata[name] = {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(values.shape),
            "data_type": values.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(values.shape)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": "NaN",
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "attributes": {},
            "dimension_names": list(dims),
        }
        chunk = (folder / name / "c").joinpath(*["0"] * values.ndim)
        chunk.parent.mkdir(parents=True)
        chunk.write_bytes(np.ascontiguousarray(values).tobytes())
        (folder / name / "zarr.json").write_text(json.dumps(metadata[name]), encoding="utf-8")
    consolidated = {"kind": "inline", "must_understand": False, "metadata": metadata}
    group = {"zarr_format": 3, "node_type": "group", "attributes": {}, "consolidated_metadata": consolidated}
    (folder / "zarr.json").write_text(json.dumps(group), encoding="utf-8")
