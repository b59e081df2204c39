"""What a user sees when something is wrong: a few lines, an exit code, no traceback. Imports nothing heavy."""

import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence

MOST_LINES = 12


class ConfigError(Exception):
    """The configuration is wrong; every problem that was found is one entry.

    Args:
        problems: one sentence or paragraph each.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class ArtefactError(Exception):
    """A dataset, a checkpoint or a run folder is missing, damaged or does not fit."""

    exit_code = 3


def exit_code(error: BaseException) -> int | None:
    """The exit code that an error stands for, or None where it is a defect of this program.

    0 done, 2 configuration, 3 data or checkpoint, 4 diverged, 5 environment, 128 + n stopped by signal n.
    """
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    if isinstance(error, KeyboardInterrupt):
        return 130
    for kind, code in ((ArithmeticError, 4), (ValueError, 2), (OSError, 5)):
        if isinstance(error, kind):
            return code
    return None


def printable(text: str) -> str:
    """A text from a file or of a name, without what a terminal takes for a command: such signs are written as escapes.

    Args:
        text: of one line or of several.
    """
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


def describe(error: BaseException) -> str:
    """An error in at most twelve lines."""
    text = printable(str(error).strip() or type(error).__name__)
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted; what is finished is kept: the same command goes on from there"
    elif isinstance(error, OSError) and error.strerror:
        text = printable(f"{error.strerror}: {error.filename}" if error.filename else error.strerror)
    lines = [line for part in text.splitlines() for line in (textwrap.wrap(part, 116, subsequent_indent="  ") or [""])]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"... and {len(lines) - MOST_LINES + 1} more lines"]
    return "\n".join(["error: " + lines[0], *lines[1:]])


def guarded(action: Callable[[], None]) -> None:
    """Runs an action; an error that a user can mend is described on stderr and ends the process with its exit code.

    ``HYDRA_FULL_ERROR=1`` shows the traceback as well. An error that is a defect of this program keeps its traceback.
    """
    try:
        action()
    except SystemExit:
        raise
    except BaseException as error:
        code = exit_code(error)
        if code is None:
            raise
        say(error)
        sys.exit(code)


def say(error: BaseException) -> None:
    """Describes an error that is being handled on stderr, after its traceback where ``HYDRA_FULL_ERROR=1`` asks."""
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        traceback.print_exc()
    print(describe(error), file=sys.stderr, flush=True)
