"""Nodes that a file names: built only where each is a class of ours, of the kind that belongs at its place.

Checkpoints, exports, manifests and the configurations of runs come from anybody. Which kind belongs at a place is said
by the annotation of the argument that a node fills, so that a class which a later version adds needs no entry here.
"""

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tendency.app.configuration.moved_targets import OUR_PACKAGE, our_class
from tendency.app.configuration.plain_data import require_plain
from tendency.app.configuration.signatures import annotations_of, check_nodes
from tendency.errors import ConfigError
from tendency.simulation.geometry import PointCloud

MOST_ENTRIES = 10_000
"""Entries of a node with all that is inside: the largest that is shipped has about two hundred."""

MAKERS: Mapping[str, type] = {
    f"{OUR_PACKAGE}.simulation.geometry.{name}": PointCloud for name in ("chebyshev_nodes", "random_nodes")
}
"""The functions that a file may name, and what they make."""

MOST_NODES = 1_000_000
"""Scattered nodes that a file may ask for: they are made together with the problem."""


@dataclass
class NodeFindings:
    """What speaks against a node.

    Args:
        foreign: the targets that lie outside this project, each with its key.
        wrong: what this version cannot build, one sentence each.
    """

    foreign: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def examine(
    node: Any, kind: type, key: str, injected: frozenset[str] = frozenset(), trust: bool = False
) -> NodeFindings:
    """Looks at a node from a file before anything of it is built; imports modules of ours alone.

    Args:
        node: from a file.
        kind: of what it should build.
        key: of the node in the configuration.
        injected: arguments that the application hands in itself.
        trust: whether classes outside this project may be imported, so that their arguments are looked at as well.
    """
    findings = NodeFindings()
    try:
        require_plain(node, MOST_ENTRIES)
    except ValueError as error:
        findings.wrong.append(f"{key}: {error}")
        return findings
    if not isinstance(node, Mapping) or "_target_" not in node:
        findings.wrong.append(f"{key}: expected a node with a _target_, got {_short(node)}")
        return findings
    _look(node, kind, key, findings)
    if not findings.wrong and (trust or not findings.foreign):
        try:
            check_nodes({key: node}, {key: injected})
        except ConfigError as error:
            findings.wrong += error.problems
    return findings


def _look(value: Any, hint: Any, key: str, findings: NodeFindings) -> None:
    """Goes through a value and all inside; ``hint`` is the annotation of the argument that it fills."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            _look_at_node(value, hint, key, findings)
            return
        if special := [name for name in value if str(name).startswith("_")]:
            findings.wrong.append(f"{key}.{special[0]}: not taken from a file")
        for name, item in value.items():
            _look(item, _inside(hint, Mapping), f"{key}.{name}", findings)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _look(item, _inside(hint, Sequence), f"{key}[{number}]", findings)
    elif isinstance(value, str) and "${" in value:
        findings.wrong.append(f"{key}: an interpolation is not taken from a file, got {_short(value)}")


def _look_at_node(node: Mapping[str, Any], hint: Any, key: str, findings: NodeFindings) -> None:
    target = node["_target_"]
    if not isinstance(target, str):
        findings.wrong.append(f"{key}._target_: expected the path of a class, got {_short(target)}")
        return
    if target.split(".")[0] != OUR_PACKAGE:
        findings.foreign.append(f"{key}: {_short(target, quoted=False)}")
        for name, item in node.items():
            _look(item, object, f"{key}.{name}", findings)
        return
    maker, found = MAKERS.get(target), our_class(target)
    made = maker or found
    if made is None:
        findings.wrong.append(f"{key}: this version has no class {_short(target, quoted=False)}")
    elif inspect.isabstract(made) or getattr(made, "_is_protocol", False) or not belongs(made, hint):
        findings.wrong.append(f"{key}: expected {_described(hint)}, got {target.rpartition('.')[2]}")
    else:
        if special := [name for name in node if str(name).startswith("_") and name != "_target_"]:
            findings.wrong.append(f"{key}.{special[0]}: not taken from a file")
        if maker is not None and isinstance(number := node.get("num_nodes"), int) and number > MOST_NODES:
            findings.wrong.append(f"{key}.num_nodes: expected at most {MOST_NODES:,}, got {number:,}")
        hints = annotations_of(made if maker is None else _function(target))
        for name, item in node.items():
            _look(item, hints.get(name, Any), f"{key}.{name}", findings)


def belongs(found: type, hint: Any) -> bool:
    """Whether a class is of the kind that an annotation asks for; nothing is where any value may stand.

    Args:
        found: a class of ours.
        hint: an annotation; ``object`` for a place inside of what is trusted, where any class of ours may stand.
    """
    if hint is object:
        return True
    members = _members(hint)
    if len(members) > 1:
        return any(belongs(found, member) for member in members)
    (kind,) = members
    if not inspect.isclass(kind) or kind is Any or typing.get_origin(kind) is not None:
        return False
    return _has_methods_of(found, kind) if getattr(kind, "_is_protocol", False) else issubclass(found, kind)


def _has_methods_of(found: type, protocol: type) -> bool:
    """Whether a class has each method of a protocol, with arguments of the same names."""
    stated = {
        name: method
        for base in protocol.__mro__
        if getattr(base, "_is_protocol", False)
        for name, method in vars(base).items()
        if isinstance(method, types.FunctionType) and (name == "__call__" or not name.startswith("_"))
    }
    own = {name: getattr(found, name, None) for name in stated}
    return all(
        isinstance(method := own[name], types.FunctionType) and _names(method) == _names(stated[name]) for name in own
    )


def _names(function: types.FunctionType) -> list[str]:
    return list(inspect.signature(function).parameters)


def _members(hint: Any) -> list[Any]:
    """The alternatives of an annotation, without what only narrows them."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [member for part in typing.get_args(hint) for member in _members(part)]
    return _members(typing.get_args(hint)[0]) if typing.get_origin(hint) is typing.Annotated else [hint]


def _inside(hint: Any, collection: type) -> Any:
    """The annotation of what a list or a mapping holds, by that of the whole."""
    if hint is object:
        return object
    for member in _members(hint):
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if inspect.isclass(origin) and issubclass(origin, collection) and arguments:
            return arguments[-1] if arguments[-1] is not Ellipsis else arguments[0]
    return Any


def _function(target: str) -> Any:
    import tendency.simulation.geometry as geometry

    return getattr(geometry, target.rpartition(".")[2])


def _described(hint: Any) -> str:
    names = [kind.__name__ for kind in _members(hint) if inspect.isclass(kind) and kind is not type(None)]
    return f"a {' or '.join(names)}" if names and hint is not Any else "no class at this place"


def _short(value: Any, quoted: bool = True) -> str:
    text = repr(value) if quoted or not (isinstance(value, str) and value.isprintable()) else value
    return text if len(text) <= 120 else f"{text[:117]}..."
