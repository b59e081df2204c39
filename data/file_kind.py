"""What lies in a file's place: a folder cannot be read, and a pipe would be waited for without end."""

import errno
import stat
from pathlib import Path

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def in_place_of_file(path: Path) -> str | None:
    """What is there that is no file, such as ``a folder``; None for a file, for a link to one, and for nothing.

    Args:
        path: where a file should be.
    """
    try:
        return KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except OSError:
        # Whoever opens it says what is wrong.
        return None


def require_file(path: Path) -> None:
    """Refuses to read or replace what is no file.

    Raises:
        OSError: naming what is there.
    """
    if (found := in_place_of_file(path)) is not None:
        raise OSError(errno.EINVAL, f"{found} in the place of a file; move it away", str(path))
