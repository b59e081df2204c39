"""Whether what a file holds is plain data of a size that can be walked."""

from collections import OrderedDict
from typing import Any

MOST_ENTRIES = 2_000_000
MOST_DEPTH = 64
LEAVES = frozenset({str, int, float, bool, type(None)})


def require_plain(content: Any, most_entries: int = MOST_ENTRIES) -> None:
    """Refuses what is more than mappings, lists, texts and numbers, and what would take minutes to walk.

    A short file can name one list many times over, in lists that it names many times over; or a list inside itself.

    Args:
        content: from a file.
        most_entries: that it may hold, those of a list counted as often as the list is named.

    Raises:
        ValueError: in words, without the name of the file.
    """
    entries = 1
    left: list[tuple[Any, int]] = [(content, 0)]
    while left:
        value, depth = left.pop()
        # A subclass may do anything when it is asked for its entries.
        if type(value) in (dict, OrderedDict):
            if other := [key for key in value if type(key) not in LEAVES]:
                raise ValueError(f"expected texts as keys, got {type(other[0]).__name__}")
            items = list(value.values())
        elif type(value) in (list, tuple):
            items = value
        elif type(value) in LEAVES:
            continue
        else:
            raise ValueError(f"expected plain data, got a {type(value).__name__}")
        entries += len(items)
        if entries > most_entries:
            raise ValueError(f"expected at most {most_entries:,} entries, got more")
        if depth == MOST_DEPTH:
            raise ValueError(f"expected at most {MOST_DEPTH} levels of lists and mappings, got more")
        left += [(item, depth + 1) for item in items if type(item) not in LEAVES]
