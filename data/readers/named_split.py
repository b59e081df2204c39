"""The split that a file's name says it holds."""

import re
from pathlib import Path

SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}
"""Words for a split, and its name here."""


def split_of_name(path: Path) -> str | None:
    """``train``, ``valid`` or ``test`` where one of them is a word of the file's name, as in ``darcy_train_16.pt``.

    Args:
        path: of the file.
    """
    said = {SPLITS[word] for word in re.split(r"[^a-z]+", path.stem.lower()) if word in SPLITS}
    return said.pop() if len(said) == 1 else None
