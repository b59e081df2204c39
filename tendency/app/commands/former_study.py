"""What ``study.py`` answers now that ``compare.py`` does its work. Imports the standard library alone."""

import shlex
import sys

RENAMED = {"rows": "variants", "processes": "executor.processes"}


def new_command(arguments: list[str]) -> str:
    """The command of ``compare.py`` that does what ``study.py`` did with these arguments."""
    changed = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        changed.append(f"{RENAMED.get(key, key)}{equals}{value}")
    return shlex.join(["python", "compare.py", "comparison=predicting_change", *changed])


def main() -> None:
    """Names the new command, and ends with exit code 2."""
    print(f"error: study.py is part of compare.py now: {new_command(sys.argv[1:])}", file=sys.stderr)
    sys.exit(2)
