"""Readers of HDF5 files that hold a group of arrays for each split."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import has_structure
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts


class GroupedHdf5Reader(Reader):
    """A format that a file's structure tells, and whose blocks are named by it."""

    suffixes = (".h5", ".hdf5")

    @abstractmethod
    def fits(self, file: Hdf5File) -> bool:
        """Whether an open file has the structure of the format; what cannot be read has not."""

    @abstractmethod
    def stored(self, file: Hdf5File) -> Iterator[StoredBlock]:
        """The blocks of an open file, and where their values lie.

        Raises:
            DatasetError: it is not what the format says.
        """

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        return has_structure(file, self.fits)

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        opened = Hdf5File(file)
        return ArrayFile(file, lambda: list(self.stored(opened)), opened.close)
