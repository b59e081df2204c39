"""The local log of a run: one JSON object per line, appended and never rewritten."""

import errno
import json
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from tendency.data.append_file import open_to_append
from tendency.data.whole_file import flush_folder


class MetricsLog(Logger):
    """Writes ``metrics.jsonl``: {"step": 100, "epoch": 0, "train/loss": 0.12}.

    It is the record of the run; other loggers mirror it. A resumed run goes on where its checkpoint stood: lines that a
    killed run wrote after that checkpoint are cut off, since the resumed run writes them again.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.jsonl"
        self.began = False

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def version(self) -> str:
        """There is one per run."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> Path:
        """The file."""
        return self.path

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's folder holds the configuration."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Appends one line and flushes it.

        Raises:
            OSError: the log was removed while the run trained; a new one would lack its beginning. Or it is a link.
        """
        epoch = metrics.get("epoch")
        record = {"step": step, **metrics, "epoch": None if epoch is None else int(epoch)}
        if self.began and not self.path.exists():
            raise FileNotFoundError(errno.ENOENT, "the run's log was removed while it trained", str(self.path))
        self.began = True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open_to_append(self.path) as file:
            file.write(json.dumps(record) + "\n")

    def flush_to_disk(self) -> None:
        """Flushes what was written to the disk, before a checkpoint says how long the log is."""
        if self.path.exists():
            with open_to_append(self.path) as file:
                os.fsync(file.fileno())
            flush_folder(self.path.parent)

    def size(self) -> int:
        """Bytes written so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    @rank_zero_only
    def truncate(self, size: int | None) -> None:
        """Cuts the log to what stood in it at a checkpoint; None leaves it alone (of a run that kept no log)."""
        if size is not None and self.size() > size:
            with open_to_append(self.path) as file:
                os.ftruncate(file.fileno(), size)
