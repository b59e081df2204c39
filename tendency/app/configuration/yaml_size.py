"""How large a yaml becomes once its aliases are written out."""

from pathlib import Path
from typing import Any

import yaml

from tendency.errors import ConfigError

MOST_ENTRIES = 100_000


def require_small_files(folder: Path) -> None:
    """Refuses a folder of configuration with a file that aliases of aliases make larger than can be composed.

    Args:
        folder: of the user's own configuration.

    Raises:
        ConfigError: naming each such file.
    """
    problems = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            with path.open(encoding="utf-8") as file:
                entries = _entries(yaml.compose(file, Loader=yaml.SafeLoader), {})
        except (yaml.YAMLError, OSError, ValueError, RecursionError):
            # Whoever chooses this file is told so when it is composed.
            continue
        if entries > MOST_ENTRIES:
            many = f"{entries:,.0f}" if entries < 10**18 else "endlessly many"
            problems.append(
                f"{path}: expected at most {MOST_ENTRIES:,} entries, got {many} with its aliases written out"
            )
    if problems:
        raise ConfigError(problems)


def _entries(node: Any, known: dict[int, float]) -> float:
    """The entries of a yaml node; of one that holds itself infinitely many."""
    if not isinstance(node, yaml.SequenceNode | yaml.MappingNode):
        return 1
    if id(node) not in known:
        known[id(node)] = float("inf")
        pairs = isinstance(node, yaml.MappingNode)
        items = [item for pair in node.value for item in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_entries(item, known) for item in items)
    return known[id(node)]
