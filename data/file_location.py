"""Where the files of a dataset lie, and what they looked like when they were last read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tendency.data.dataset_layout import location_path
from tendency.data.whole_file import write_whole


@dataclass(frozen=True)
class FileLocation:
    """What location.json says; nothing of it is part of what the dataset is.

    Args:
        path: of a file or a folder.
        asked: the settings that the index was made with, plain data.
        stamps: size and time of change of the parts of each file: while they are the same, no file is opened.
    """

    path: str
    asked: Mapping[str, Any]
    stamps: Mapping[str, list[list[int]]]

    def write(self, folder: Path) -> None:
        """Writes it into the folder of a dataset, whole or not at all."""
        write_whole(location_path(folder), json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "FileLocation | None":
        """What the folder of a dataset says; None where it says nothing, or nothing that can be read."""
        try:
            found = cls(**json.loads(location_path(folder).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if isinstance(found.stamps, dict) else None
