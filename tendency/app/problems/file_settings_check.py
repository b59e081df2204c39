"""What is wrong with settings of data files by themselves, told before a file is opened."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tendency.data.file_facts import StatedValues
from tendency.data.possible_numbers import require_positive, require_size
from tendency.data.readers.named_axes import wrong_axes
from tendency.data.readers.reader import StatedFacts
from tendency.errors import ConfigError
from tendency.simulation.geometry import Boundary


def require_possible_settings(path: str, stated: StatedFacts, values: StatedValues, only: str | None) -> None:
    """Refuses settings that fit no file at all.

    Args:
        path: of a file or a folder, as it was given.
        stated: what each axis and array is.
        values: what stands in place of what the files say.
        only: pattern of files and blocks.

    Raises:
        ConfigError: all of them.
    """
    problems = []
    if not path:
        problems.append("data.path: expected a file or a folder, got ''")
    if only == "":
        problems.append("data.only: expected a pattern of names of files or of blocks, got ''; null takes all")
    if stated.axes is not None and (wrong := wrong_axes(stated.axes)):
        problems.append(wrong)
    problems += _twice("data.arrays", stated.arrays or ()) + _twice("data.given", stated.given)
    if both := sorted({*(stated.arrays or ())} & {*stated.given}):
        problems.append(f"data.given: expected other arrays than those of data.arrays, got {both}")
    if values.num_snapshots is not None and values.num_snapshots < 2:
        problems.append(
            f"data.num_snapshots: expected at least 2, a start and what follows, got {values.num_snapshots}"
        )
    if values.dt is not None:
        problems += _complaint(require_positive, "data.dt", values.dt)
    for side in values.extent or ():
        problems += _complaint(require_positive, "data.extent", side)
    for name, value in values.constants.items():
        problems += _complaint(require_size, f"data.constants.{name}", np.array(value))
    problems += [f"data.boundary: {found}" for found in _complaint(_boundary, values)]
    if problems:
        raise ConfigError(problems)


def _boundary(values: StatedValues) -> None:
    """Raises what is wrong with the kinds, whatever the number of axes."""
    kinds = values.boundary
    if kinds is not None:
        Boundary.of_axes(kinds, 1 if isinstance(kinds, str) else len(kinds))


def _twice(key: str, names: Sequence[str]) -> list[str]:
    return [f"{key}: expected each array once, got {[*names]}"] if len({*names}) < len(names) else []


def _complaint(check: Callable[..., None], *arguments: Any) -> list[str]:
    try:
        check(*arguments)
    except ValueError as error:
        return [str(error)]
    return []
