"""Large HDF5 files that are written bit by bit, on disks that may be full."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import Buffer

from tendency.data.whole_file import whole_file


class PatientFile(io.RawIOBase):
    """A file whose writing never fails, for HDF5: where it cannot write, it ends the process when it closes the file.

    What the system refuses is remembered instead, and raised by ``require_written``.

    Args:
        path: of the file, which is made anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("w+b", buffering=0)
        self.error: OSError | None = None

    def require_written(self) -> None:
        """Raises what a write was refused with.

        Raises:
            OSError: of the system.
        """
        if self.error is not None:
            raise self.error

    def write(self, content: Buffer, /) -> int:
        """Writes all of the bytes, or remembers why not."""
        rest = memoryview(content).cast("B")
        size = len(rest)
        try:
            while self.error is None and len(rest):
                rest = rest[self.file.write(rest) or 0 :]
        except OSError as error:
            self.error = error
        return size

    def readinto(self, buffer: Buffer, /) -> int:
        """Reads into a buffer; what was never written is zero."""
        view = memoryview(buffer).cast("B")
        count = self.file.readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Makes the file so long, or remembers why not."""
        try:
            return self.file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves to a place."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self.file.tell()

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Closes the file."""
        self.file.close()
        super().close()


@contextmanager
def whole_streamed_file(path: Path) -> Iterator[PatientFile]:
    """A file to give to h5py that exists whole or not at all; raises as of ``whole_file`` when the block ends."""
    with whole_file(path) as temporary:
        with PatientFile(temporary) as file:
            yield file
            file.require_written()
