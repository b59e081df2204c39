"""The jobs of a sweep that failed: noted where they fail, named together at its end."""

import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from tendency.errors import ConfigError, exit_code, say

FAILURES_FILE = "failed.jsonl"
"""In the folder of a sweep: the jobs that failed when it ran last, one a line."""


def stops_sweep(error: BaseException) -> bool:
    """Whether an error ends the whole sweep: a signal to it, or a defect of this program."""
    code = exit_code(error)
    return code is None or code >= 128


def require_one_process(config: DictConfig) -> None:
    """Refuses a sweep of trainings in several processes each, where one process runs all of its jobs.

    The other processes of a training begin with the command that was started, which is that of the whole sweep.

    Args:
        config: of a job, composed.

    Raises:
        ConfigError: ``trainer`` asks for several devices or machines; "auto" counts as several where a GPU may be used.
    """
    trainer = config.get("trainer") or {}
    for key in ("devices", "num_nodes"):
        asked = trainer.get(key, 1)
        if asked != 1 and not (asked == "auto" and trainer.get("accelerator") == "cpu"):
            raise ConfigError(
                [
                    f"trainer.{key}: expected 1 in a sweep (-m) whose jobs all run in this process, got {asked}; start "
                    "the jobs one by one without -m, or with a hydra/launcher that gives each a process of its own"
                ]
            )


def note_failure(sweep: Path, overrides: Sequence[str], error: BaseException) -> None:
    """Says that a job failed, and notes it for the end of the sweep, which may be in another process.

    Args:
        sweep: folder of the sweep.
        overrides: of the job.
        error: one that a user can mend; it is being handled.
    """
    say(error)
    sweep.mkdir(parents=True, exist_ok=True)
    reason = textwrap.shorten(f"{error}\n".splitlines()[0], 160)
    with (sweep / FAILURES_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"overrides": list(overrides), "code": exit_code(error), "reason": reason}) + "\n")


class SweepFailures(Callback):
    """Hydra's callback around a sweep, in the process that was started; whatever launcher runs the jobs."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Forgets the failures of an earlier sweep in the same folder."""
        (Path(config.hydra.sweep.dir) / FAILURES_FILE).unlink(missing_ok=True)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Names the jobs that failed, and ends with the exit code of the first of them."""
        path = Path(config.hydra.sweep.dir) / FAILURES_FILE
        if not path.exists():
            return
        failures = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        given = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
        # What all jobs have in common tells none of them apart.
        swept = {override.get_key_element() for override in given if override.is_sweep_override()}
        lines = []
        for failure in failures:
            own = [text for text in failure["overrides"] if text.partition("=")[0] in swept]
            lines.append(f"  {' '.join(own)}: {failure['reason']}")
        first = f"error: {len(failures)} of the jobs of this sweep failed, the others are done:"
        again = "The same command with resume=auto runs what is missing."
        print("\n".join([first, *lines, again]), file=sys.stderr, flush=True)
        sys.exit(failures[0]["code"])
