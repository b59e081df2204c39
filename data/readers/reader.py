"""How files of a published format are read: the contract that every reader answers to."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np

from tendency.data.metadata import DatasetError
from tendency.data.readers.block import Block

POINTER = b"version https://git-lfs"
"""What git-lfs writes at the beginning of a file that it has not fetched."""


def unreadable_file(path: Path, what: str) -> DatasetError:
    """The error of a file that cannot be read as data.

    Args:
        path: of the file.
        what: is wrong with it, as the rest of a sentence: key or array, what was found, what was expected.
    """
    return DatasetError(f"{path} {what}")


def unreadable_values(path: Path, name: str, error: Exception) -> DatasetError:
    """The error of values that a library could not read.

    Args:
        path: of the file.
        name: of the array.
        error: of the library.
    """
    if isinstance(error, MemoryError):
        return unreadable_file(
            path,
            f"does not fit into memory: so much of {name} is read at once; store it as .npy or HDF5, of which parts "
            "are read, in chunks of few trajectories",
        )
    return unreadable_file(path, f"is damaged: the values of {name} cannot be read")


def require_data(path: Path) -> None:
    """Refuses a path without data: no file, an empty one, or the pointer that git-lfs leaves in place of one.

    Args:
        path: of the file.

    Raises:
        DatasetError: it holds no data.
    """
    if not path.is_file():
        raise unreadable_file(path, "is missing")
    with path.open("rb") as file:
        head = file.read(len(POINTER))
    if not head:
        raise unreadable_file(path, "is empty")
    if head == POINTER:
        raise unreadable_file(path, "is a pointer of git-lfs and not the data: run git lfs pull in its folder")


@dataclass(frozen=True)
class StatedFacts:
    """What the user says of files that do not say it themselves; most formats need nothing.

    Args:
        axes: what each axis of the arrays is: ``trajectory``, ``time``, ``channel``, and ``x``, ``y``, ``z``.
        arrays: names of the arrays that hold the fields of a state, in channel order.
        given: names of the arrays that hold constant fields.
    """

    axes: tuple[str, ...] | None = None
    arrays: tuple[str, ...] | None = None
    given: tuple[str, ...] = ()


class OpenedFile(ABC):
    """One file (or what a format puts in place of one) that is open for reading.

    Nothing is written, nothing that the file names is executed, and nothing outside it is read.
    """

    @abstractmethod
    def blocks(self) -> list[Block]:
        """What the file holds, from its structure, coordinates and parameters; values of fields are not read.

        Raises:
            DatasetError: the file is not what the format says, with its path, the key and what was expected.
        """

    @abstractmethod
    def read(self, block: Block, rows: slice, snapshots: slice) -> np.ndarray:
        """States of neighbouring trajectories.

        Args:
            block: one of ``blocks()``.
            rows: trajectories of the block, from start to stop.
            snapshots: of each of them, from start to stop, with a step.

        Returns:
            (B, W, C, *N), float32 or float64 as stored. What is not finite is returned as it is: who asked refuses it.

        Raises:
            DatasetError: the values cannot be read.
        """

    def read_given(self, block: Block, rows: slice) -> np.ndarray:
        """Constant fields (B, C_g, *N) of neighbouring trajectories; as ``read``."""
        stop = block.num_trajectories if rows.stop is None else rows.stop
        return np.zeros((stop - (rows.start or 0), 0, *block.shape), dtype=np.float32)

    def close(self) -> None:  # noqa: B027  most formats have something to close, arrays in memory do not
        """Gives back what the operating system lent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Reader(ABC):
    """One published format.

    A reader is one module here and one yaml in ``conf/data/reader/``; ``tests/data/test_readers.py`` takes it through
    this contract.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """Of the files of the format, lower case."""
    general: ClassVar[bool] = False
    """Whether it reads any file of its suffixes, and is therefore asked last which format a file has."""

    def files(self, path: Path) -> list[Path]:
        """The files of a dataset, in the order in which their trajectories are counted.

        Args:
            path: of a file or a folder, as the user gave it.
        """
        if path.is_file():
            return [path]
        below = (each for each in path.rglob("*") if each.suffix.lower() in self.suffixes and each.is_file())
        return sorted(each for each in below if not any(part.startswith(".") for part in each.relative_to(path).parts))

    def parts(self, file: Path) -> Sequence[Path]:
        """What lies on the disk of one of ``files``; several where the format puts a folder in place of a file."""
        return (file,)

    @abstractmethod
    def recognises(self, file: Path) -> bool:
        """Whether a file is of this format, from its name and structure; never raises for a file that is not."""

    @abstractmethod
    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """Opens one of ``files``.

        Raises:
            DatasetError: it cannot be opened, or is not what the format says.
        """
