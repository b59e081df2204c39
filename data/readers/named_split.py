"""The split that a file's name says it holds."""

import re
from collections.abc import Collection
from pathlib import Path

from tendency.data.readers.reader import unreadable_file

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


def require_named_split(path: Path, splits: Collection[str]) -> None:
    """Refuses a file whose name says another split than its content.

    Args:
        path: of the file.
        splits: that it holds.

    Raises:
        DatasetError: names both.
    """
    said = split_of_name(path)
    if said is not None and splits and said not in splits:
        raise unreadable_file(
            path, f"expected a group {said}, as its name says, got {', '.join(sorted(splits))}; one of them is wrong"
        )


def split_of_place(path: Path) -> str | None:
    """As ``split_of_name``, or what the file's folder says where there is a folder of another split beside it.

    Args:
        path: of the file.
    """
    said, folder = split_of_name(path), path.parent
    if said is not None or folder.name not in SPLITS:
        return said
    beside = [word for word in SPLITS if word != folder.name and (folder.parent / word).is_dir()]
    return SPLITS[folder.name] if beside else None
