"""Why an override of the command line cannot be read or merged, and how to write what was meant."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig
from omegaconf.errors import GrammarParseError, InterpolationResolutionError, UnsupportedInterpolationType

KEY = re.compile(r"[+~]{0,2}[\w/@.$:-]*", re.ASCII)
"""What Hydra reads as a key."""
CLOSES = {")": "(", "]": "[", "}": "{"}


def unreadable(text: str) -> str:
    """Why Hydra cannot read an override, and how its value is written as a text.

    Args:
        text: the override, as it was given.
    """
    key, equals, value = text.partition("=")
    if not equals:
        return "it has no value"
    if not key.strip("+~"):
        return "it has no key"
    if not KEY.fullmatch(key):
        sign = next(sign for sign in key if not KEY.fullmatch(f"a{sign}"))
        lists = f"; a list is given whole: {key.partition('[')[0]}=[...]" if sign == "[" else ""
        return f"expected a key of letters without accents, digits, '_', '.' and '/', got {sign!r} in {key!r}{lists}"
    reason = _unbalanced(value) or _called(value) or f"{value!r} holds signs that have a meaning of their own there"
    return f"{reason}; a list is [a,b], a mapping {{a:1}}, and a text with other signs is quoted: {as_text(key, value)}"


def as_text(key: str, value: str) -> str:
    """An override as a shell takes it, whose value is a text of whatever signs.

    Args:
        key: dotted.
        value: the text, perhaps with quotes around it that do not end where they should.
    """
    meant = value
    if value[:1] in ("'", '"') and value.strip(value[0]) and not _reads(f"{key}={value}"):
        meant = value.strip(value[0])
    override = f"{key}={quoted(meant)}"
    # Some signs keep a meaning between a shell's double quotes.
    return shlex.quote(override) if re.search(r'["$`\\!]', override) else f'"{override}"'


def quoted(text: str) -> str:
    """A text in quotes as Hydra reads them.

    A backslash is doubled only where a quotation mark follows, the last one too.
    """
    marked = re.sub(r"(\\*)'", r"\1\1\\'", text)
    ended = re.sub(r"(\\+)$", r"\1\1", marked)
    return f"'{ended}'"


def unmergeable(override: Override, config: DictConfig) -> str | None:
    """A complaint about a value of another form than what stands at its key, or None.

    Args:
        override: of a key that is there, or is added.
        config: that it is to be merged into.
    """
    key, present = override.key_or_group, _at(config, override.key_or_group)
    if override.is_add() and present is not None and not isinstance(present, DictConfig):
        return f"+{key}: expected a key that is not there yet, got one that is; without + it is changed: {key}=..."
    adds = override.is_add() or override.is_force_add()
    return None if override.is_delete() else _mismatch(key, present, override.value(), adds)


def unresolved(error: Exception, texts: Sequence[str]) -> str | None:
    """A complaint about a value ``${...}`` that stands for nothing, or None where an error is another one.

    Args:
        error: of OmegaConf.
        texts: the overrides.
    """
    if not isinstance(error, InterpolationResolutionError | GrammarParseError | UnsupportedInterpolationType):
        return None
    named = ", ".join(text for text in texts if "${" in text or text.startswith("~")) or "configuration"
    reason = str(error).strip().splitlines()[0]
    return f"{named}: expected the key of another value in ${{...}}, or ${{oc.env:NAME}} ({reason})"


def misplaced(error: Exception) -> str | None:
    """A complaint about a choice ``axis@place=option`` whose place is none, or None where an error is another one."""
    found = re.search(r"Could not override '([^'@]*)@([^']*)'", str(error))
    if found is None:
        return None
    return (
        f"{found[1]}@{found[2]}: expected a place of the configuration that chooses from {found[1]}, got {found[2]!r}"
    )


def _at(config: DictConfig, key: str) -> Any:
    """The node at a key, interpolations as they stand; None where there is none."""
    node: Any = config
    for part in key.replace("/", ".").split("."):
        node = node._get_node(part) if isinstance(node, DictConfig) and part in list(node.keys()) else None
    return node


def _mismatch(key: str, present: Any, value: Any, adds: bool) -> str | None:
    """Where a value is a list in place of a mapping, or a mapping in place of a list, or has an entry too many."""
    if isinstance(present, DictConfig) and not present._is_none():
        names = [str(name) for name in present]
        shown = [name for name in names if not name.startswith("_")]
        if isinstance(value, list):
            entry = f"; one entry is changed by {key}.{shown[0]}=..." if shown else ""
            return f"{key}: expected a mapping of {', '.join(shown) or 'entries'}, got {value!r}{entry}"
        if isinstance(value, dict):
            for name, inner in value.items():
                if name not in names and not adds:
                    expected = f"a mapping of {', '.join(shown)}" if shown else "no entries, as there are none"
                    return f"{key}: expected {expected}, got {name!r} in {value!r}; +{key}.{name}=... adds it"
                node = present._get_node(name) if name in names else None
                if found := _mismatch(f"{key}.{name}", node, inner, adds):
                    return found
    if isinstance(present, ListConfig) and not present._is_none() and isinstance(value, dict):
        return f"{key}: expected a list such as [a,b], got {value!r}"
    return None


def _reads(text: str) -> bool:
    try:
        OverridesParser.create().parse_override(text)
    except HydraException:
        return False
    return True


def _called(value: str) -> str | None:
    """That a value is read as a call of a function, where it looks like one."""
    found = re.match(r"\s*(\w+)\(", value)
    names = ", ".join(sorted(OverridesParser.create().functions.functions))
    return f"{value!r} is read as a call of one of {names}, and cannot be one" if found else None


def _unbalanced(value: str) -> str | None:
    """Which bracket or quotation mark of a value has no partner, or None."""
    opened: list[str] = []
    quote = ""
    before = ""
    for sign in value:
        if quote:
            quote = "" if sign == quote and before != "\\" else quote
        elif sign in "'\"":
            quote = sign
        elif sign in CLOSES.values():
            opened.append(sign)
        elif sign in CLOSES and not opened:
            return f"the bracket {sign} closes none in {value!r}"
        elif sign in CLOSES and opened.pop() != CLOSES[sign]:
            return f"the bracket {sign} closes another kind in {value!r}"
        before = sign
    if quote:
        return f"the quotation mark {quote} is not closed in {value!r}"
    return f"the bracket {opened[-1]} is not closed in {value!r}" if opened else None
