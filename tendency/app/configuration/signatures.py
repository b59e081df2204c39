"""The composed configuration against the signatures of what it names: every problem at once, before it is built."""

import inspect
import pkgutil
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from tendency.app.configuration.overrides import closest
from tendency.errors import ConfigError

MOST_LETTERS = 300
"""Of a sentence about an entry of a file, whose value may be of any length."""


def check_nodes(config: Mapping[str, Any], injected: Mapping[str, frozenset[str]] | None = None) -> None:
    """Checks every node with a ``_target_`` in a configuration.

    Args:
        config: plain data, resolved.
        injected: for each key, the arguments that the application hands in itself.

    Raises:
        ConfigError: unknown, missing or mistyped arguments and values out of range, all of them.
    """
    problems = []
    for key, value in config.items():
        problems += _problems_of(value, str(key), (injected or {}).get(str(key), frozenset()))
    if problems:
        raise ConfigError(problems)


def check_settings(settings: Mapping[str, Any], target: type) -> None:
    """Checks plain settings against a constructor, as if they were the arguments of its node.

    Raises:
        ConfigError: as ``check_nodes``.
    """
    if problems := _problems_of_arguments(dict(settings), target, "", frozenset(), partial=False):
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
                for problem in _problems_by_type(content[name], hint, name)
            ]
    return found


def _problems_of(value: Any, key: str, injected: frozenset[str] = frozenset()) -> list[str]:
    if isinstance(value, Mapping) and "_target_" in value:
        try:
            target = pkgutil.resolve_name(str(value["_target_"]))
        except Exception as error:
            return [f"{key}._target_: cannot import {value['_target_']!r} ({str(error).splitlines()[0]})"]
        arguments = {name: item for name, item in value.items() if not str(name).startswith("_")}
        return _problems_of_arguments(arguments, target, key, injected, partial=bool(value.get("_partial_")))
    if isinstance(value, Mapping):
        return [problem for name, item in value.items() for problem in _problems_of(item, f"{key}.{name}")]
    if isinstance(value, list | tuple):
        return [problem for i, item in enumerate(value) for problem in _problems_of(item, f"{key}[{i}]")]
    return []


def _problems_of_arguments(
    arguments: dict[str, Any], target: Any, key: str, injected: frozenset[str], partial: bool
) -> list[str]:
    parameters = inspect.signature(target).parameters
    hints = annotations_of(target)
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    prefix = f"{key}." if key else ""
    problems = []
    for name, value in arguments.items():
        if name in parameters and parameters[name].kind is not inspect.Parameter.VAR_KEYWORD:
            problems += _problems_of_value(value, hints.get(name, Any), prefix + name)
        elif not free:
            known = [option for option in parameters if option not in injected]
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


def _problems_of_value(value: Any, hint: Any, key: str) -> list[str]:
    if value == "???":
        return [f"{key}: a value is required"]
    if _holds_nodes(value):
        return _problems_of(value, key) + _wrong_kind(value, hint, key)
    return _problems_by_type(value, hint, key)


def _problems_by_type(value: Any, hint: Any, key: str) -> list[str]:
    """What an annotation says against a value."""
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, SchemaError):
        # A dataclass has a configuration of its own, a Protocol cannot be asked: such a node is checked by itself.
        return []
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        return [_sentence(key, value, detail) for detail in error.errors()[:1]]
    return []


def _holds_nodes(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "_target_" in value or any(_holds_nodes(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_nodes(item) for item in value)
    return False


def _wrong_kind(value: Any, hint: Any, key: str) -> list[str]:
    """A node whose class is not what the argument asks for, where both are classes and that can be told."""
    if not (isinstance(value, Mapping) and "_target_" in value and inspect.isclass(hint)):
        return []
    target = pkgutil.resolve_name(str(value["_target_"]))
    if getattr(hint, "_is_protocol", False) or not inspect.isclass(target) or issubclass(target, hint):
        return []
    return [f"{key}: expected a {hint.__name__}, got {_name(target)}"]


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


def _sentence(key: str, value: Any, detail: Mapping[str, Any]) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else "" for part in detail["loc"])
    message = str(detail["msg"])
    given = detail["input"] if where else value
    return f"{key}{where}: {message[0].lower()}{message[1:]}, got {given!r}"
