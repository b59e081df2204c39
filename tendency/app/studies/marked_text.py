"""Blocks of a text that are generated from records: ``<!-- records: NAME -->`` ... ``<!-- end -->``."""

import re
from collections.abc import Callable

BLOCK = re.compile(r"(?P<begin><!-- records: (?P<name>[\w ]+) -->\n)(?P<content>.*?)(?P<end><!-- end -->)", re.DOTALL)


def regenerate_blocks(text: str, made: Callable[[str], str]) -> str:
    """A text with all its blocks made anew.

    Args:
        text: text of a file.
        made: makes the content of a block, which ends in a line break, from its name.
    """
    return BLOCK.sub(lambda match: match["begin"] + made(match["name"]) + match["end"], text)


def blocks_of(text: str) -> list[str]:
    """The contents of the blocks of a text."""
    return [match["content"] for match in BLOCK.finditer(text)]


def replace_block(text: str, content: str) -> str:
    """A text with its one block replaced; the content alone where there is no block.

    Args:
        text: text of a file.
        content: what is put in, which ends in a line break.
    """
    return regenerate_blocks(text, lambda _: content) if BLOCK.search(text) else content
