"""``~`` in paths: a shell expands it at the beginning of a word alone, not in ``paths.outputs=~/runs``."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

BEGINS_VALUE = re.compile(r"""(?<=[=\[,'"])~(?=[/,\]'"]|$)""")
VARIABLES = ("TENDENCY_DATASETS", "TENDENCY_OUTPUTS")


def with_home(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command with the user's home folder in place of each ``~`` that begins a value.

    Args:
        arguments: as they were typed.
    """
    home = str(Path("~").expanduser())
    return [BEGINS_VALUE.sub(lambda _: home, argument) for argument in arguments]


def expand_home_in_environment() -> None:
    """Does the same to the variables that say where datasets and runs are; for the processes that are started, too."""
    for name in VARIABLES:
        if name in os.environ:
            os.environ[name] = str(Path(os.environ[name]).expanduser()) if os.environ[name] else ""
