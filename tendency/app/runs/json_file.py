"""The one way in which the small files of runs, reports and exports are read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tendency.app.configuration.plain_data import require_plain
from tendency.app.configuration.signatures import problems_of_parts
from tendency.data.file_kind import in_place_of_file
from tendency.errors import ArtefactError

MOST_BYTES = 2**28


def read_json(path: Path, remedy: str, parts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of a file that holds one mapping.

    Args:
        path: that exists.
        remedy: what a user does about a damaged one.
        parts: the annotation of each entry that is looked at.

    Raises:
        ArtefactError: it is cut off, too large, holds something else, or an entry is not what it should be.
    """
    try:
        if (found := in_place_of_file(path)) is not None:
            raise ValueError(f"expected a file, got {found}")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"expected at most {MOST_BYTES:,} bytes, got {path.stat().st_size:,}")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise TypeError(f"expected a mapping, got {str(content)[:60]!r}")
        require_plain(content)
        if problems := problems_of_parts(content, parts or {}):
            raise ValueError(problems[0])
    except (ValueError, TypeError, RecursionError) as error:
        raise ArtefactError(f"{path}: damaged ({error}); {remedy}") from None
    return content
