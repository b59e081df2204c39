"""The header of a chunk file: all of its bytes but the values of fields, under one checksum.

The values of fields carry checksums of their own (HDF5's Fletcher-32), which are compared whenever they are read; they
are what makes a chunk large. The rest, with parameters, times and lengths among it, is hashed when a chunk is opened.
It names the chunk's place and the SHA-256 of the fields' values, so that no two chunks share a header: one that lies in
another's place is found out without reading its fields.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import h5py

from tendency.data.metadata import TrajectoryMetadata, damaged_chunk

FLETCHER32 = 3
"""HDF5's number of the only filter that a chunk file may use; others can run foreign code or unpack without end."""


def field_arrays(metadata: TrajectoryMetadata) -> list[str]:
    """Names of the arrays of a chunk file that hold values of fields, constant fields and u_t with them."""
    names = [f"t{field.rank}_fields/{field.name}" for field in (*metadata.fields, *metadata.given)]
    return [*names, "tendency/u_t"] if metadata.has_time_derivative else names


def header_digest(fields: Iterable[h5py.Dataset], content: BinaryIO) -> str:
    """The SHA-256 of the bytes of a chunk file that hold no values of fields.

    Args:
        fields: arrays of the file; see ``field_arrays``.
        content: the bytes of the file.
    """
    blocks: list[tuple[int, int]] = []
    for array in fields:
        array.id.chunk_iter(lambda block: blocks.append((block.byte_offset, block.size)))
    digest, position = hashlib.sha256(), 0
    for offset, size in sorted(blocks):
        content.seek(position)
        digest.update(content.read(max(offset - position, 0)))
        position = max(position, offset + size)
    content.seek(position)
    digest.update(content.read())
    return digest.hexdigest()


def require_plain(item: h5py.HLObject, name: str, path: Path) -> None:
    """Refuses what is no array of numbers whose values lie in this very file.

    Args:
        item: an object of the file.
        name: of the object.
        path: of the file.

    Raises:
        DatasetError: another kind of object or number, storage elsewhere, filters, or more values than are stored.
    """
    if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f" or item.shape is None:
        raise damaged_chunk(path, f"is refused: {name} is no plain array of floating-point numbers")
    if item.external or item.is_virtual:
        raise damaged_chunk(path, f"is refused: the values of {name} lie in another file")
    properties = item.id.get_create_plist()
    filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    if filters - {FLETCHER32}:
        raise damaged_chunk(path, f"is refused: {name} is packed by a filter that no chunk uses")
    declared, stored = item.size * item.dtype.itemsize, item.id.get_storage_size()
    if declared > stored:
        raise damaged_chunk(path, f"is refused: {name} declares {declared} bytes and stores {stored}")
