"""Arrays of a zarr store on the disk."""

from pathlib import Path
from typing import Any

from tendency.data.readers.laid_out_file import DAMAGE
from tendency.data.readers.reader import unreadable_file
from tendency.data.readers.zarr_store import require_known_codecs

ZARR = ".zarr"
MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
"""Files of which a store has one at its top."""
PACKED = ("scale_factor", "add_offset")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def zarr_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a store by their names, sorted.

    Args:
        path: of the folder.

    Raises:
        DatasetError: zarr is not installed, the folder is no store, it is damaged, or values are packed.
    """
    try:
        import zarr
    except ImportError:
        raise unreadable_file(path, "is a zarr store, and zarr is not installed: pip install zarr") from None
    # Version 3 refuses pickled chunks when it opens an array, version 2 would run them.
    if int(zarr.__version__.partition(".")[0]) < 3:
        raise unreadable_file(path, f"needs zarr 3, and zarr {zarr.__version__} is installed: pip install 'zarr>=3'")
    if not is_zarr(path):
        raise unreadable_file(path, f"is no zarr store: expected a folder that holds {', '.join(MARKS[:-1])}")
    try:
        top = zarr.open(str(path), mode="r")
        arrays = {"u": top} if isinstance(top, zarr.Array) else dict(top.members(max_depth=None))
        found = {name: array for name, array in sorted(arrays.items()) if isinstance(array, zarr.Array)}
    except DAMAGE:
        raise unreadable_file(path, "is damaged: zarr cannot read its structure") from None
    for name, array in found.items():
        require_known_codecs(path, "" if array is top else name)
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
    stored, chunks = array.nchunks_initialized, array.nchunks
    if stored >= chunks:
        return ""
    return f"expected {chunks} chunks, got {stored}; zarr would read those that are missing as {array.fill_value}"
