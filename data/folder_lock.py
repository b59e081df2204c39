"""One process at a time in a dataset's folder; the others wait, and say for whom."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from tendency.data.append_file import open_to_append

SECONDS_BETWEEN_LOOKS = 0.2


@contextmanager
def only_one(path: Path, notice: Callable[[str], None], what: str) -> Iterator[None]:
    """Waits until no other process holds the lock, and holds it until the block ends or this process does.

    The system gives a lock free when its holder ends, however it ends. Where it has no such locks (Windows, some
    network folders) nobody waits: several processes then do the same work, and write the same files.

    Args:
        path: of the lock's file, which is there while the lock is held.
        notice: is told in a line when there is something to wait for.
        what: the holder is doing, for that line.
    """
    file = _taken(path, notice, what)
    try:
        yield
    finally:
        # Under the lock: whoever opened the file meanwhile finds out that it is not the one of this name any more.
        path.unlink(missing_ok=True)
        file.close()
        # A folder in which nothing came about is not left behind.
        with suppress(OSError):
            path.parent.rmdir()


def _taken(path: Path, notice: Callable[[str], None], what: str) -> IO[str]:
    """The lock's file, locked."""
    told = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = open_to_append(path)
        except FileNotFoundError:  # The holder has just removed the empty folder.
            continue
        if try_lock(file):
            if _is_there(file, path):
                # Who holds it, for those who wait; on a full disk they are not told.
                with suppress(OSError):
                    os.truncate(file.fileno(), 0)
                    os.write(file.fileno(), f"process {os.getpid()} on {platform.node()}".encode())
                return file
        elif not told:
            file.seek(0)
            notice(f"waiting for {file.read().strip() or 'another process'}, {what}")
            told = True
        file.close()
        if told:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def try_lock(file: IO[str]) -> bool:
    """Locks an open file for this process unless another holds it; true where the system has no locks."""
    if find_spec("fcntl") is None:
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # A file system without locks.
        return True
    return True


def _is_there(file: IO[str], path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
