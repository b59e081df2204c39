"""Reading an archive of tensors as plain data, and only where none of its bytes has changed; imports no Lightning.

An archive holds a checksum (CRC-32) of each of its members, which torch writes and does not look at when it reads. One
changed bit, and up to 32 in a row, are always found by it; archives of older versions have it as well.
"""

import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import torch

UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
)
"""What torch raises for an archive that it cannot read as plain data and tensors."""


class ArchiveError(ValueError):
    """An archive is damaged, or is none; the message names the file."""

    exit_code = 3


def load_archive(path: Path, map_location: Any = "cpu") -> Any:
    """The content of an archive that torch wrote; nothing in it is executed.

    Args:
        path: a local file.
        map_location: as of ``torch.load``.

    Raises:
        ArchiveError: it is damaged, or no such archive.
    """
    # Opened once: a run that is going on may put another archive in its place.
    with path.open("rb") as file:
        try:
            _require_whole(file)
            file.seek(0)
            return torch.load(file, map_location=map_location, weights_only=True)
        except (*UNREADABLE, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ArchiveError(
                f"checkpoint {path}: damaged, or not a checkpoint of this program ({reason[:160]})"
            ) from None


def _require_whole(file: IO[bytes]) -> None:
    """Reads every member and compares its checksum.

    Raises:
        zipfile.BadZipFile: one differs, or the archive is cut off.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise zipfile.BadZipFile("its members are compressed, which torch never does")
        if sum(member.file_size for member in members) > file.seek(0, os.SEEK_END):
            raise zipfile.BadZipFile("its members are larger than the file")
        if len({member.filename for member in members}) < len(members):
            raise zipfile.BadZipFile("two of its members have one name")
        if (damaged := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"the checksum of {damaged!r} differs")
