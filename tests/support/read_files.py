"""What a reader makes of a file: blocks and all their states, or one sentence."""

from pathlib import Path

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.block import Block
from tendency.data.readers.reader import Reader, StatedFacts

ALL = slice(0, None)
NOTHING = StatedFacts()


def read(reader: Reader, path: Path, stated: StatedFacts = NOTHING) -> dict[str, tuple[Block, np.ndarray, np.ndarray]]:
    """For each block's key the block, its states and its constant fields, all of them."""
    with reader.open(path, stated) as file:
        return {block.key: (block, file.read(block, ALL, ALL), file.read_given(block, ALL)) for block in file.blocks()}


def refused(reader: Reader, path: Path, *words: str, stated: StatedFacts = NOTHING) -> None:
    """Asserts that a file is refused by one line with its path and these words."""
    with pytest.raises(DatasetError) as error:
        read(reader, path, stated)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not [word for word in words if word not in str(error.value)], error.value
