"""The composed configuration against the signatures of what it names: every problem at once, before it is built."""

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from tendency.app.configuration.argument_kinds import hint_of_items, located, problems_of_kind, problems_of_plain
from tendency.app.configuration.overrides import closest
from tendency.errors import ConfigError

HYDRA_KEYS: Mapping[str, tuple[Any, ...]] = {
    "_partial_": (True, False),
    "_recursive_": (True, False),
    "_convert_": ("none", "partial", "object", "all"),
}
"""The entries of a node that are Hydra's own, beside its class, and what each may be."""

MOST_LETTERS = 300
"""Of a sentence about an entry of a file, whose value may be of any length."""


def check_nodes(
    config: Mapping[str, Any],
    injected: Mapping[str, frozenset[str]] | None = None,
    kinds: Mapping[str, Any] | None = None,
) -> None:
    """Checks every node with a ``_target_`` in a configuration.

    Args:
        config: plain data, resolved.
        injected: for each key, the arguments that the application hands in itself.
        kinds: for each key, the annotation of what its node builds; none where anything may stand.

    Raises:
        ConfigError: unknown, missing or mistyped arguments and values out of range, all of them.
    """
    problems = []
    for key, value in config.items():
        name = str(key)
        problems += _problems_of_value(
            value, (kinds or {}).get(name, Any), name, (injected or {}).get(name, frozenset())
        )
    if problems:
        raise ConfigError(problems)


def check_settings(settings: Mapping[str, Any], target: type, key: str = "") -> None:
    """Checks plain settings against a constructor, as if they were the arguments of its node.

    Args:
        settings: plain data.
        target: the class.
        key: under which they stand; at the top where there is none.

    Raises:
        ConfigError: as ``check_nodes``.
    """
    if problems := _problems_of_arguments(dict(settings), target, key, frozenset(), partial=False):
        raise ConfigError(problems)


def problems_of_parts(content: Mapping[str, Any], parts: Mapping[str, Any]) -> list[str]:
    """What is wrong with the entries of a file, a sentence each; those that are missing or unknown are left alone.

    Args:
        content: from a file, plain data.
        parts: the annotation of each entry.
    """
    found = []
    for name, hint in parts.items():
        if name in content:
            found += [
                problem if len(problem) < MOST_LETTERS else f"{problem[: MOST_LETTERS - 3]}..."
                for problem in problems_of_plain(content[name], hint, name)
            ]
    return found


def _problems_of(value: Any, hint: Any, key: str, injected: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with the nodes in a value."""
    if isinstance(value, Mapping) and "_target_" in value:
        try:
            target = located(value["_target_"])
        except ValueError as error:
            return [f"{key}._target_: {error}"]
        if found := problems_of_kind(value, hint, key):
            # What another class would need for arguments is of no use.
            return found
        arguments = {str(name): item for name, item in value.items() if not str(name).startswith("_")}
        partial = bool(value.get("_partial_"))
        return _problems_of_hydra_keys(value, key) + _problems_of_arguments(arguments, target, key, injected, partial)
    if isinstance(value, Mapping):
        inner = hint_of_items(hint, dict)
        return [problem for name, item in value.items() for problem in _problems_of(item, inner, f"{key}.{name}")]
    if isinstance(value, list | tuple):
        inner = hint_of_items(hint, list)
        return [problem for i, item in enumerate(value) for problem in _problems_of(item, inner, f"{key}[{i}]")]
    return []


def _problems_of_hydra_keys(node: Mapping[str, Any], key: str) -> list[str]:
    problems = []
    for name, value in node.items():
        if not str(name).startswith("_") or name == "_target_":
            continue
        if name not in HYDRA_KEYS:
            problems.append(f"{key}.{name}: expected an argument of {node['_target_']}, which none with this name is")
        elif not any(value is known or (value == known and isinstance(known, str)) for known in HYDRA_KEYS[name]):
            known = ", ".join(str(known).lower() for known in HYDRA_KEYS[name])
            problems.append(f"{key}.{name}: expected one of {known}, got {value!r}")
    return problems


def _problems_of_arguments(
    arguments: dict[str, Any], target: Any, key: str, injected: frozenset[str], partial: bool
) -> list[str]:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        # Some builtins say nothing of their arguments.
        return []
    hints = annotations_of(target)
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    prefix = f"{key}." if key else ""
    known = [option for option in parameters if option not in injected]
    unknown = [name for name in arguments if name not in known] if not free else []
    if len(unknown) > 1 and len(unknown) == len(arguments) and all(closest(name, known) == ";" for name in unknown):
        given, shown = ", ".join(unknown), ", ".join(known) or "none"
        return [f"{key or 'top level'}: {_name(target)} takes none of {given}; its arguments are {shown}"]
    problems = []
    for name, value in arguments.items():
        if name in parameters and parameters[name].kind is not inspect.Parameter.VAR_KEYWORD:
            problems += _problems_of_value(value, hints.get(name, Any), prefix + name)
        elif not free:
            problems.append(
                f"{prefix}{name}: unknown argument of {_name(target)}{closest(name, known)} "
                f"available: {', '.join(known)}"
            )
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        )
        if required and not partial and name not in arguments and name not in injected:
            problems.append(f"{prefix}{name}: {_name(target)} requires it")
    return problems


def _problems_of_value(value: Any, hint: Any, key: str, injected: frozenset[str] = frozenset()) -> list[str]:
    if value == "???":
        return [f"{key}: a value is required"]
    # Of what cannot be imported the kind is not known.
    return _problems_of(value, hint, key, injected) or problems_of_kind(value, hint, key)


def annotations_of(target: Any) -> dict[str, Any]:
    """The annotations of arguments, without those that do not resolve: of a type that only a type checker imports.

    Args:
        target: a class, whose constructor is looked at, or a function.
    """
    # A decorated function has its names where it was written.
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    hints: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        alone = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            hints |= typing.get_type_hints(alone, getattr(function, "__globals__", None), include_extras=True)
        except (NameError, TypeError):
            continue
    return hints


def _name(target: Any) -> str:
    return getattr(target, "__name__", str(target))
