"""What a configuration is, apart from where its classes lie: what names of datasets and runs are hashes of."""

import hashlib
import json
import pkgutil
from collections.abc import Mapping
from typing import Any

from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.moved_targets import OUR_PACKAGE


def identity(node: Any) -> Any:
    """Plain data with the name and the version of each class of ours in place of its path.

    A class that moves to another module leaves all names as they are; one whose numbers change, which raises its
    ``version``, does not. The names of our classes that yaml can name are unique. Other people's classes keep
    their path, since only that tells them apart.

    Args:
        node: plain data, each class by its path of today.
    """
    if isinstance(node, Mapping):
        return {
            key: _class_identity(value) if key == "_target_" else identity(value) if _resolves(key) else _names(value)
            for key, value in node.items()
        }
    return [identity(item) for item in node] if isinstance(node, list | tuple) else node


def digest(node: Any, length: int) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of a node's identity.

    Args:
        node: plain data.
        length: digits.
    """
    return hashlib.sha256(json.dumps(identity(node), sort_keys=True, default=str).encode()).hexdigest()[:length]


def _resolves(key: Any) -> bool:
    """Whether classes below a key are looked at for a version: Lightning's have none and take seconds to import."""
    return not (key in GROUPS and (GROUPS[key].lightning or key == "trainer"))


def _names(node: Any) -> Any:
    """As ``identity``, without versions."""
    if isinstance(node, Mapping):
        return {key: _short(value) if key == "_target_" else _names(value) for key, value in node.items()}
    return [_names(item) for item in node] if isinstance(node, list | tuple) else node


def _short(target: Any) -> str:
    target = str(target)
    return target.rpartition(".")[2] if target.startswith(f"{OUR_PACKAGE}.") else target


def _class_identity(target: Any) -> Any:
    """A class's name, with its version where it states one that is not the first."""
    target = str(target)
    if not target.startswith(f"{OUR_PACKAGE}."):
        return target
    try:
        version = getattr(pkgutil.resolve_name(target), "version", 1)
    except (ImportError, AttributeError):
        # What is wrong with it is said by the check of the configuration.
        version = 1
    name = target.rpartition(".")[2]
    return f"{name} version {version}" if isinstance(version, int) and version > 1 else name
