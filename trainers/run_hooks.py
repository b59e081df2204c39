"""What callbacks and loggers may do beside Lightning's hooks: be told of the run, and keep its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tendency.trainers.logs.metrics_log import MetricsLog
from tendency.trainers.objectives.objective import Objective


@dataclass(frozen=True)
class RunContext:
    """A run, as its callbacks and loggers need to know it.

    Args:
        objective: how it is trained.
        configuration: what its result depends on, plain data.
        metrics_log: its append-only log, where it keeps one.
        resumes: whether the same command goes on with the run if it is stopped.
    """

    objective: Objective
    configuration: Mapping[str, Any]
    metrics_log: MetricsLog | None
    resumes: bool = False


@runtime_checkable
class BeginsWithRun(Protocol):
    """A callback or logger that is told of the run before it trains."""

    def begin_run(self, run: RunContext) -> None:
        """Takes what it needs of the run; called once, of callbacks before any work, of loggers on the first rank.

        Raises:
            ValueError: it makes no sense in this run; in one sentence, why.
        """
        ...


@runtime_checkable
class KeepsReport(Protocol):
    """A logger that shows the report of a finished run."""

    def keep_report(self, folder: Path, figures: Mapping[str, float]) -> None:
        """Takes the report in ``folder``, and the figures of the run in its summary."""
        ...
