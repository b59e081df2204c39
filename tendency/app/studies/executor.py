"""What runs the jobs of a comparison: the interface that ``conf/executor`` chooses an implementation of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LAUNCHER = "TENDENCY_LAUNCHER_PID"
"""Environment variable with the process id of a worker's parent, where an executor starts workers itself."""


@dataclass(frozen=True)
class Job:
    """A piece of work that can be repeated: what is there is not done again.

    Args:
        name: name of its log file.
        title: name on the screen.
        arguments: arguments of the worker that does it (``python -m tendency.app.commands.worker``).
    """

    name: str
    title: str
    arguments: tuple[str, ...]


class Executor(Protocol):
    """Runs jobs until all have ended, wherever that is."""

    def run(self, jobs: Sequence[Job], folder: Path) -> list[str]:
        """Submits all jobs, reports each that is done or failed, and waits for the last; a failed one stops no other.

        Args:
            jobs: jobs in the order in which they are wanted.
            folder: folder of ``journal.jsonl``, the seconds and exit code of each job, and of ``logs/``, one file each.

        Returns:
            One line for each job that failed.

        Raises:
            Stopped: a signal came; no job runs any more.
        """
        ...
