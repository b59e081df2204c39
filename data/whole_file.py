"""Files that exist whole or not at all."""

import errno
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tendency.data.file_kind import require_file

LEFTOVER = re.compile(r"^\.(?P<name>.+)\.(?P<host>[^.]+(?:\.[^.]+)*)\.(?P<pid>\d+)\.tmp$")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A full disk, a full quota, a limit to the size of files."""


class NoRoomError(OSError):
    """A file could not be written for want of space; the message names it and says what is kept."""

    exit_code = 5


@contextmanager
def whole_file(path: Path, size: int | None = None) -> Iterator[Path]:
    """A temporary path beside ``path``; what was written there replaces ``path`` when the block ends without error.

    The file and its folder are flushed to the disk, so that a kill or a power cut leaves the old file or the new one.
    Files whose writers do not bear a full disk (HDF5, torch's archives) are made in memory: see ``write_whole_bytes``.

    Args:
        path: of the file.
        size: its bytes, where they are known beforehand, for messages.

    Raises:
        NoRoomError: the disk or a quota is full, or the file is larger than files may be.
        OSError: a folder or a pipe is in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    require_file(path)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        written = temporary.stat().st_size if temporary.exists() else 0
        raise NoRoomError(_no_room(path, error.errno, written, size)) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_whole_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes bytes as a file that exists whole or not at all; raises as of ``whole_file``."""
    with whole_file(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_whole(path: Path, text: str) -> None:
    """Writes a text as a file that exists whole or not at all; raises as of ``whole_file``."""
    write_whole_bytes(path, text.encode("utf-8"))


def _no_room(path: Path, reason: int, written: int, size: int | None) -> str:
    """The sentence on a file that has no room; ``written`` bytes of it lie on the disk still."""
    free = shutil.disk_usage(path.parent).free + written
    why = "files may not be so large here" if reason == errno.EFBIG else "No space left"
    if size is None:
        why += f", {written} bytes of it were written before"
    else:
        why += f", {size} bytes are needed" if reason == errno.EFBIG else f", {free} bytes are free, {size} are needed"
    kept = "the file that was there is kept" if path.exists() else "no part of it is left there"
    return f"cannot write {path}: {why}; {kept}"


def flush_folder(folder: Path) -> None:
    """Flushes a folder's list of files to the disk, where the system can: not all open folders like files."""
    with suppress(PermissionError):
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def sweep_leftovers(folder: Path) -> int:
    """Removes what dead processes of this machine left half-written below a folder; the living are spared."""
    swept = 0
    for path in folder.rglob(".*.tmp"):
        match = LEFTOVER.match(path.name)
        if (
            match
            and path.name.endswith(f".{socket.gethostname()}.{match['pid']}.tmp")
            and not _alive(int(match["pid"]))
        ):
            path.unlink(missing_ok=True)
            swept += 1
    return swept


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
