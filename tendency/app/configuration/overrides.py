"""Overrides of the command line: parsed, checked against the keys of a configuration, applied to plain data."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.free_mappings import with_free_entries
from tendency.app.configuration.unreadable_override import quoted, unmergeable, unreadable
from tendency.errors import ConfigError

UNQUOTED = re.compile(r"[A-Za-z_/.][\w/.@%+-]*", re.ASCII)
"""Texts that Hydra reads as they stand, but for words such as null."""


def apply_overrides(config: Mapping[str, Any], texts: Sequence[str], key: str) -> dict[str, Any]:
    """Plain data with some values inside its entries changed, as on a command line: ``a.b=1``, ``+a.c=2``, ``~a.d``.

    Args:
        config: the data, of nested entries.
        texts: the changes.
        key: of the configuration that lists them, for complaints.

    Raises:
        ConfigError: what cannot be read, and keys that are not there, all of them.
    """
    node = OmegaConf.create(dict(config))
    overrides = parse_overrides(with_free_entries(texts), f"{key}: ")
    expected = f"expected {' or '.join(f'{name}.<key>=<value>' for name in config)}"
    problems = [f"{expected}, got {o.input_line!r}" for o in overrides if "." not in o.key_or_group]
    problems += [problem for override in overrides if (problem := unknown_key(override, node))]
    problems += [] if problems else [found for override in overrides if (found := unmergeable(override, node))]
    problems += [f"{text}: expected one value" for text in (o.input_line for o in overrides if o.is_sweep_override())]
    if problems:
        raise ConfigError([f"{key}: {problem}" for problem in problems])
    for override in overrides:
        if override.is_delete():
            parent, _, last = override.key_or_group.rpartition(".")
            del OmegaConf.select(node, parent)[last]
        else:
            OmegaConf.update(node, override.key_or_group, override.value(), force_add=True)
    return plain(node)


def closest(word: str, options: Iterable[str]) -> str:
    """What to append to a complaint about a word: the option that looks most like it, if any does."""
    match = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f"; did you mean {match[0]!r}?" if match else ";"


def override_text(key: str, value: str | Sequence[str]) -> str:
    """An override whose value is a text or a list of texts, quoted where Hydra would read them as something else.

    Args:
        key: dotted.
        value: such as a path, which may hold spaces and signs of any kind.
    """
    if isinstance(value, str):
        return f"{key}={_quoted(value)}"
    return f"{key}=[{','.join(_quoted(item) for item in value)}]"


def _quoted(text: str) -> str:
    if UNQUOTED.fullmatch(text) and text.lower() not in ("null", "true", "false", "inf", "nan"):
        return text
    return quoted(text)


def parse_overrides(texts: Sequence[str], key: str = "") -> list[Override]:
    """Parses overrides as Hydra writes them, ``a.b=1``.

    Args:
        texts: one override each.
        key: put before each complaint.

    Raises:
        ConfigError: with every text that cannot be read.
    """
    parser = OverridesParser.create()
    overrides, problems = [], []
    for text in texts:
        try:
            (override,) = parser.parse_overrides([text])
        except HydraException:
            override = None
        if override is not None and override.key_or_group:
            overrides.append(override)
        else:
            problems.append(f"{key}cannot read {text!r} (expected key=value): {unreadable(text)}")
    if problems:
        raise ConfigError(problems)
    return overrides


def unknown_key(override: Override, config: DictConfig) -> str | None:
    """A complaint about an override of a key that a configuration does not have, or None."""
    if override.is_add() or override.is_force_add():
        return None
    node: Any = config
    walked: list[str] = []
    for part in override.key_or_group.replace("/", ".").split("."):
        if isinstance(node, ListConfig):
            whole = ".".join(walked)
            return f"unknown key {override.key_or_group!r}: {whole} is a list, which is given whole: {whole}=[...]"
        if not isinstance(node, DictConfig):
            return f"unknown key {override.key_or_group!r}: {'.'.join(walked)} is a single value"
        # Among the keys: a value that is still to be given is not "in" the node.
        if part not in list(node.keys()):
            options = [str(key) for key in node.keys()]  # noqa: SIM118
            where = f" in {'.'.join(walked)}" if walked else ""
            shown = ", ".join(sorted({option for option in options if not option.startswith("_")}))
            if walked and not shown:
                return f"unknown key {part!r}{where}, which has no entries; +{override.key_or_group}=... adds one"
            return f"unknown key {part!r}{where}{closest(part, options)} available: {shown}"
        walked.append(part)
        node = node._get_node(part)
    return None
