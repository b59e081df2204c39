"""What a configuration is, apart from where its classes lie: what names of datasets and runs are hashes of."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.moved_targets import OUR_PACKAGE, our_class

FIRST_NAMES = {"SolvedData": "DataPlan"}
"""Classes that were renamed: the names of datasets and runs still call them by their first name."""


def identity(node: Any) -> Any:
    """Plain data with the name and the version of each class of ours in place of its path.

    A class that moves to another module leaves all names as they are; one whose numbers change, which raises its
    ``version``, does not. The names of our classes that yaml can name are unique. Other people's classes keep
    their path, since only that tells them apart.

    Args:
        node: plain data, each class by its path of today.
    """
    if isinstance(node, Mapping):
        # Lightning's classes have no version, and importing them takes seconds.
        return {key: _identity(value, key, not _imports_lightning(key)) for key, value in node.items()}
    return _identity(node, None, True)


def digest(node: Any, length: int) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of a node's identity.

    Args:
        node: plain data.
        length: digits.
    """
    return hashlib.sha256(json.dumps(identity(node), sort_keys=True, default=str).encode()).hexdigest()[:length]


def _imports_lightning(key: Any) -> bool:
    """Whether a key at the top of a configuration is a group of Lightning's classes."""
    return key in GROUPS and GROUPS[key].lightning


def _identity(node: Any, key: Any, versions: bool) -> Any:
    """The identity of a node that stands under a key; with the versions of its classes or without."""
    if key == "_target_":
        return _class_identity(str(node), versions)
    if isinstance(node, Mapping):
        return {name: _identity(value, name, versions) for name, value in node.items()}
    return [_identity(item, None, versions) for item in node] if isinstance(node, list | tuple) else node


def _class_identity(target: str, versions: bool) -> str:
    """The name of a class of ours, with its version where it states one that is not the first; else its path."""
    if not target.startswith(f"{OUR_PACKAGE}."):
        return target
    parts = target.split(".")
    # A method of a class is known together with its class.
    first = next((i for i, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    name = ".".join(parts[first:])
    name = FIRST_NAMES.get(name, name)
    if not versions:
        return name
    try:
        version = getattr(our_class(target), "version", 1)
    except Exception:
        # A file with a mistake in it may raise anything; the check of the configuration says what is wrong.
        return name
    return f"{name} version {version}" if isinstance(version, int) and version > 1 else name
