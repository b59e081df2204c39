"""Opening a file to append to it, itself and not what a link in its place leads to."""

import os
from pathlib import Path
from typing import IO

from tendency.data.file_kind import require_file

LINK = "a symbolic link, through which nothing is written; remove it, or put the file itself in its place"


def open_to_append(path: Path) -> IO[str]:
    """A file that can be read and appended to; made where it is missing.

    Args:
        path: of the file; its folder exists.

    Raises:
        OSError: it is a symbolic link, where the system can tell (not on Windows), or no file, or cannot be opened.
    """
    require_file(path)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.fdopen(os.open(path, flags, 0o666), "a+", encoding="utf-8")
    except OSError as error:
        if path.is_symlink():
            raise OSError(error.errno, LINK, str(path)) from None
        raise
