"""What a checkpoint says of the files beside it; imports no Lightning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CALLBACK = "Checkpoints"
"""The callback whose state it is, as Lightning calls it."""

LOG_BYTES = "metrics_log_bytes"
"""The entry of that state which says how long the metrics log was."""


@dataclass(frozen=True)
class KeptState:
    """The files that a run had when it wrote a checkpoint.

    Args:
        has_best: whether there was a ``best.ckpt``.
        log_bytes: of the metrics log; None where the run kept none.
    """

    has_best: bool = False
    log_bytes: int | None = None

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> "KeptState":
        """From the content of a checkpoint; of one that does not say, nothing is known.

        Args:
            checkpoint: plain data.
        """
        callbacks = checkpoint.get("callbacks")
        state = callbacks.get(CALLBACK) if isinstance(callbacks, Mapping) else None
        if not isinstance(state, Mapping):
            return cls()
        size = state.get(LOG_BYTES)
        return cls(state.get("best") is not None, size if isinstance(size, int) else None)
