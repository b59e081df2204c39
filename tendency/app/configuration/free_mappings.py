"""Mappings whose keys the user chooses: entries of them are given on a command line without ``+``."""

import re
from collections.abc import Sequence

FREE_MAPPINGS = ("data.constants", "data.params", "trainer.options")
"""Their keys; no yaml can list what may stand in them."""

_ENTRY = re.compile(rf"(?:{'|'.join(map(re.escape, FREE_MAPPINGS))})(?:\.[^=]+=|=\s*\{{)")


def with_free_entries(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command in which entries of these mappings are marked by ``++`` for Hydra.

    Hydra takes an entry that is not there without such a mark for a mistyped key.

    Args:
        arguments: as they were typed, other arguments among them.
    """
    return [f"++{argument}" if _ENTRY.match(argument) else argument for argument in arguments]
