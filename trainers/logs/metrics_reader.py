"""Reading the local log of a run; apart from its writer, which is a logger of Lightning's."""

import json
from pathlib import Path
from typing import Any

from tendency.data.file_kind import in_place_of_file


class MetricsError(ValueError):
    """The log of a run is damaged; the message names the file and the line."""

    exit_code = 3


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a log; an unfinished last line, left by a kill, is ignored.

    Args:
        path: of the log, which is there.

    Returns:
        Of each record ``step``, ``epoch`` where it is known, and figures by name; each a number or None.

    Raises:
        MetricsError: it is no file, or a line is no such record.
    """
    if (found := in_place_of_file(path)) is not None:
        raise MetricsError(f"{path}: expected the log of a run, got {found}")
    *lines, rest = path.read_bytes().split(b"\n")
    records = [_record(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    # The writer begins every line with a brace and writes no other signs than those of ASCII.
    if rest.strip() and not (rest.startswith(b"{") and rest.isascii() and not rest.endswith(b"}")):
        records.append(_record(rest, path, len(lines) + 1))
    return records


def _record(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """What one line says.

    Raises:
        MetricsError: it is not what the log of a run consists of.
    """
    try:
        content = json.loads(line)
        if not isinstance(content, dict) or "step" not in content:
            raise ValueError("expected a mapping with a step")
        for name, value in content.items():
            _require_number(name, value)
    except (ValueError, RecursionError) as error:
        shown = ascii(line[:40].decode("utf-8", errors="replace"))
        raise MetricsError(f"{path}, line {number}: damaged ({str(error)[:120]}), got {shown}") from None
    return content


def _require_number(name: str, value: object) -> None:
    """Refuses what is neither a number nor None; of the step and the epoch, what does not count."""
    counts = name in ("step", "epoch")
    if value is None or (isinstance(value, float) and not counts):
        return
    # A longer whole number has no float.
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**63 or (counts and value < 0):
        raise ValueError(f"expected a {'count' if counts else 'number'} as {name[:40]}")
