"""What this machine can do: memory, disk, folders that can be written; and work that ends at a limit of both."""

import contextlib
import resource
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from tendency.data.machine import memory_in_use
from tendency.errors import ConfigError

CHECK_BYTES = 300 * 10**6
"""Memory that the checks of one part of a configuration may take; the largest of this project takes 30 MB."""

CHECK_SECONDS = 20
"""CPU time that they may take; the slowest of this project takes a second."""


def free_disk(folder: Path) -> int:
    """Bytes that can be written below a folder, which need not exist yet."""
    return shutil.disk_usage(_existing(folder)).free


def require_writable(key: str, folder: Path) -> None:
    """Makes a folder and writes a file there, which is gone afterwards.

    Args:
        key: that names the folder in the configuration.
        folder: that results will go to.

    Raises:
        ConfigError: it cannot be made, or nothing can be written there.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{key}: expected a folder that can be written, got {str(folder)!r} ({reason})"]) from None
    finally:
        # What is checked may be refused for other reasons, and leaves nothing behind.
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


@contextlib.contextmanager
def bounded(key: str, node: Any, action: str, most_bytes: int = CHECK_BYTES) -> Iterator[None]:
    """Work whose memory and CPU time are limited, so that one large number is answered in a sentence.

    Args:
        key: of the part of the configuration that the work depends on.
        node: that part, plain data.
        action: what is done, such as ``building it``.
        most_bytes: memory that it may take.

    Raises:
        ConfigError: it would take more; names the largest numbers of the node.
    """
    try:
        with _limited_memory(most_bytes), _limited_time(CHECK_SECONDS):
            yield
    except _OutOfTimeError:
        reason = f"{action} took more than {CHECK_SECONDS} s"
    except Exception as error:
        if not _is_want_of_memory(error):
            raise
        reason = f"{action} takes more than {most_bytes / 1e6:.0f} MB of memory"
    else:
        return
    raise ConfigError([f"{key}: {reason}; {largest_numbers(node, key)}"])


def largest_numbers(node: Any, key: str) -> str:
    """The largest numbers of a configuration's node with their keys, as the end of a sentence."""
    numbers = sorted(numbers_of(node, key), key=lambda found: -abs(found[1]))[:2]
    shown = " and ".join(f"{name}={value}" for name, value in numbers)
    return f"its largest numbers are {shown}" if shown else "it holds no number"


def numbers_of(node: Any, key: str) -> Iterator[tuple[str, int | float]]:
    """The numbers of a configuration's node, each with its key."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            # A seed may be any number.
            if name != "seed":
                yield from numbers_of(value, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            yield from numbers_of(value, f"{key}[{i}]")
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield key, node


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


class _OutOfTimeError(BaseException):
    """The CPU time is over. No ``except Exception`` on the way holds it up."""


@contextlib.contextmanager
def _limited_time(seconds: float) -> Iterator[None]:
    """Interrupts what runs in the main thread, the only one that signals reach."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def _limited_memory(more: int) -> Iterator[None]:
    """Lets the process have so many bytes more than now, where the system counts them."""
    now = memory_in_use("VmData")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = None if now is None else now + more
    if limit is None or (soft != resource.RLIM_INFINITY and soft <= limit):
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _is_want_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, says that memory or a number's range does not suffice."""
    while error is not None:
        if isinstance(error, MemoryError | OverflowError):
            return True
        if isinstance(error, RuntimeError | TypeError | ValueError) and any(
            words in str(error).lower() for words in ("allocate memory", "overflow", "array is too big")
        ):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False
