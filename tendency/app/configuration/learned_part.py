"""The part of a configuration that what is learned depends on: of it a run is named, in it a resumed run must agree."""

import copy
from collections.abc import Mapping
from typing import Any

CHANGES_NOTHING = (
    "data.workers",
    "data.generate",
    "data.hold",
    "data.memory",
    "data.loader_workers",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.log_every_n_steps",
    "callbacks.lines",
    "callbacks.checkpoints.every_n_steps",
    "evaluate",
)
"""What a run may be continued with other values of: the global batch and all that is learned stay, up to rounding."""

ADDED_LATER: Mapping[str, Any] = {
    "trainer.options": {},
    "data.settled": "keep",
    "data.hold": "auto",
    "data.memory": "auto",
    "data.loader_workers": "auto",
}
"""Keys that configurations of older runs do not have, and the value by which everything is as it was before them."""


def learned_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what changes nothing of what is learned.

    Args:
        config: of a run, plain data.
    """
    kept = copy.deepcopy(dict(config))
    for key in CHANGES_NOTHING:
        _take(kept, key)
    return kept


def without_later_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without keys that were added later and leave everything as it was: older runs keep their names.

    Args:
        config: of a run, plain data.
    """
    kept = copy.deepcopy(dict(config))
    for key, before in ADDED_LATER.items():
        value = _take(kept, key)
        if value is not None and value != before:
            kept[key.split(".")[0]][key.split(".")[1]] = value
    return kept


def with_later_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the keys that were added since it was stored, each with the value that was meant then.

    Args:
        config: of a run, plain data.
    """
    filled = copy.deepcopy(dict(config))
    for key, before in ADDED_LATER.items():
        group, name = key.split(".")
        if isinstance(node := filled.get(group), dict) and node.get(name) is None:
            node[name] = copy.deepcopy(before)
    return filled


def _take(config: dict[str, Any], key: str) -> Any:
    """Takes a key out of nested mappings; None where it is not there."""
    *groups, name = key.split(".")
    node: Any = config
    for group in groups:
        node = node.get(group) if isinstance(node, dict) else None
    return node.pop(name, None) if isinstance(node, dict) else None
