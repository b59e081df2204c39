"""Whether the local log of a run is the one that a checkpoint says was beside it."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tendency.trainers.run_position import RunPosition
from tendency.trainers.stored_state import UnfitStateError

Figures = tuple[float, float]


class LogBeside:
    """The log of a run, in two parts: what a checkpoint says was written before it, and what came after.

    A log that ends before that place, or in a line there, says nothing here; neither do damaged lines.

    Args:
        path: of the log.
        size: bytes that belong to the checkpoint.
    """

    def __init__(self, path: Path, size: int) -> None:
        content = path.read_bytes() if path.is_file() else b""
        whole = len(content) >= size and (size == 0 or content[size - 1 : size] == b"\n")
        self.path, self.size, self.whole = path, size, whole
        self.before, self.after = (list(_records(part if whole else b"")) for part in (content[:size], content[size:]))

    def require_position(self, position: RunPosition, key: str) -> None:
        """Refuses a place in the log that is not the checkpoint's.

        Args:
            position: of the checkpoint.
            key: of the entry that says the place, for the message.

        Raises:
            UnfitStateError: a step before the position was logged after the place, or the other way around.
        """
        late = [record for record in self.before if _is_after(record, position)]
        early = [record for record in self.after if _is_before(record, position)]
        for records, where in ((late[:1], "before"), (early[:1], "after")):
            for record in records:
                raise UnfitStateError(
                    f"{key}: expected the size of {self.path} after {position.batches} batches, got {self.size}, and "
                    f"there the log has step {record['step']} {where} it"
                )

    def require_best(self, best: Figures | None, names: tuple[str, str], key: str) -> None:
        """Refuses best figures that are not the lowest of the log.

        Args:
            best: of the checkpoint.
            names: of the figures: that which decides, and that which does where the first is not finite.
            key: of the entry, for the message.

        Raises:
            UnfitStateError: no validation has them, or one has lower ones.
        """
        logged = [tuple(_ranked(record.get(name)) for name in names) for record in self.before if names[0] in record]
        lowest = min(logged, default=None)
        if self.whole and not _same(best, lowest):
            raise UnfitStateError(f"{key}: expected {lowest}, the lowest {names[0]} in {self.path}, got {best}")


def _records(content: bytes) -> Iterator[Mapping[str, Any]]:
    """The lines that are records with a step."""
    for line in content.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, Mapping) and type(record.get("step")) is int:
            yield record


def _is_after(record: Mapping[str, Any], position: RunPosition) -> bool:
    """Whether a record is of a later step; a training logs batches from 0, a validation the last optimizer step."""
    return _step(record) >= (position.batches if "train/loss" in record else position.steps)


def _is_before(record: Mapping[str, Any], position: RunPosition) -> bool:
    """Whether a record is of an earlier step; the validation of the position itself may stand on either side."""
    return _step(record) < (position.batches if "train/loss" in record else position.steps - 1)


def _step(record: Mapping[str, Any]) -> int:
    return int(record["step"])


def _ranked(value: Any) -> float:
    """A figure that can be compared, as it was when the best was chosen."""
    return math.inf if type(value) not in (int, float) or math.isnan(value) else float(value)


def _same(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(a == b or math.isclose(a, b, rel_tol=1e-6) for a, b in zip(one, other, strict=True))
