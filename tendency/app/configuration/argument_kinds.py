"""Whether plain data can become what an argument's annotation asks for: a number in a range, a node of some class."""

import inspect
import math
import pkgutil
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

PLAIN = (bool, int, float, str, type(None))
"""Classes whose values stand in a yaml as they are; those of any other class are built from a node."""


def located(target: Any) -> Any:
    """The class or function of a ``_target_``.

    Raises:
        ValueError: it cannot be imported, or is neither; with the reason.
    """
    if not isinstance(target, str) or not target:
        raise ValueError(f"expected the path of a class, such as package.module.Class, got {target!r}")
    try:
        found = pkgutil.resolve_name(target)
    except ModuleNotFoundError as error:
        package = target.split(".")[0]
        if error.name == package:
            raise ValueError(
                f"cannot import {target!r}: no module {package!r}; install it, or put its folder on PYTHONPATH"
            ) from None
        raise ValueError(f"cannot import {target!r} ({error})") from None
    except Exception as error:
        # A file with a mistake in it may raise anything.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"cannot import {target!r} ({reason})") from None
    if not callable(found):
        raise ValueError(f"expected the path of a class or a function, got {target!r}, a {type(found).__name__}")
    return found


def problems_of_kind(value: Any, hint: Any, key: str) -> list[str]:
    """What is wrong with a value for an annotation.

    Args:
        value: plain data; the nodes in it have been checked by themselves.
        hint: the annotation.
        key: of the value.
    """
    if hint is Any or hint is inspect.Parameter.empty:
        return []
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated and not _is_plain(arguments[0]):
        return problems_of_kind(value, arguments[0], key)
    if origin in (Union, types.UnionType) and not _is_plain(hint):
        found = [problems_of_kind(value, option, key) for option in arguments]
        return [] if not all(found) else [_expected(hint, repr(value), key)]
    if isinstance(value, Mapping):
        return _problems_of_mapping(value, hint, key)
    if isinstance(value, list | tuple) and not _is_plain(hint):
        return _problems_of_list(value, hint, key)
    return problems_of_plain(value, hint, key) if _is_plain(hint) else _problems_of_other(value, hint, key)


def hint_of_items(hint: Any, container: type) -> Any:
    """The annotation of what is inside a mapping or a list; ``Any`` where it says nothing, or several things.

    Args:
        hint: annotation of the whole, which may be that or nothing (``None``).
        container: ``dict`` or ``list``.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        inner = {hint_of_items(option, container) for option in arguments if option is not type(None)}
        return inner.pop() if len(inner) == 1 else Any
    if origin is Annotated:
        return hint_of_items(arguments[0], container)
    kinds = [argument for argument in arguments if argument is not Ellipsis]
    if not _takes(origin, container) or len(kinds) != (2 if container is dict else 1):
        return Any
    return kinds[-1]


def _is_plain(hint: Any) -> bool:
    """Whether values of an annotation are numbers, texts and lists of these, which pydantic can judge."""
    if hint in PLAIN or hint is None or hint is Any:
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return True
    if origin is Annotated:
        return _is_plain(arguments[0])
    is_list = inspect.isclass(origin) and issubclass(origin, Collection) and not issubclass(origin, Mapping)
    if origin in (Union, types.UnionType) or is_list:
        return all(_is_plain(argument) for argument in arguments if argument is not Ellipsis)
    return False


def _problems_of_mapping(value: Mapping[Any, Any], hint: Any, key: str) -> list[str]:
    """Of a node, or of a mapping of values."""
    if "_target_" in value:
        target = located(value["_target_"])
        return [] if _may_build(target, hint, bool(value.get("_partial_"))) else [_expected(hint, _name(target), key)]
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if not _takes(origin, dict):
        return [_expected(hint, repr(dict(value)), key)]
    item = arguments[1] if len(arguments) == 2 else Any
    return [problem for name, inner in value.items() for problem in problems_of_kind(inner, item, f"{key}.{name}")]


def _problems_of_list(value: list[Any] | tuple[Any, ...], hint: Any, key: str) -> list[str]:
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if not _takes(origin, list, tuple):
        return [_expected(hint, repr(list(value)), key)]
    items = [argument for argument in arguments if argument is not Ellipsis] or [Any]
    if len(items) > 1:
        if len(items) != len(value):
            return [f"{key}: expected {len(items)} values, got {len(value)}"]
    else:
        items *= len(value)
    return [
        problem
        for i, (inner, item) in enumerate(zip(value, items, strict=True))
        for problem in problems_of_kind(inner, item, f"{key}[{i}]")
    ]


def _problems_of_other(value: Any, hint: Any, key: str) -> list[str]:
    """Of a value that is no node, where an annotation asks for an object."""
    kind = typing.get_origin(hint) or hint
    if not inspect.isclass(kind) or (isinstance(value, kind) if not _is_protocol(kind) else False):
        return []
    return [_expected(hint, repr(value), key)]


def problems_of_plain(value: Any, hint: Any, key: str) -> list[str]:
    """What is wrong with plain data for an annotation, whatever is meant to be built from them.

    Args:
        value: plain data.
        hint: the annotation, of plain data.
        key: of the value.
    """
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, SchemaError):
        return []
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        return [_sentence(key, value, detail) for detail in error.errors()[:1]]
    return []


def _may_build(target: Any, hint: Any, partial: bool) -> bool:
    """Whether a node can build what an annotation asks for, as far as that can be told."""
    kind = typing.get_origin(hint) or hint
    if _is_plain(hint):
        return False
    if kind is Callable:
        return partial or (inspect.isclass(target) and any("__call__" in vars(base) for base in target.__mro__))
    if partial:
        return not inspect.isclass(kind)
    if not inspect.isclass(kind):
        return True
    if not inspect.isclass(target):
        # Of what a function gives back only its annotation says something, and few have one.
        return not inspect.isbuiltin(target)
    if _is_protocol(kind):
        return all(hasattr(target, name) for name in _methods(kind))
    return issubclass(target, kind)


def _takes(kind: Any, *containers: type) -> bool:
    """Whether one of the containers that a yaml has is of some class."""
    return inspect.isclass(kind) and not _is_protocol(kind) and any(issubclass(one, kind) for one in containers)


def _is_protocol(kind: Any) -> bool:
    return bool(getattr(kind, "_is_protocol", False))


def _methods(protocol: Any) -> list[str]:
    """The methods and properties of a protocol; its data may be set by a constructor."""
    parts = [base for base in protocol.__mro__ if getattr(base, "_is_protocol", False)]
    return [
        name
        for base in parts
        for name, member in vars(base).items()
        if (callable(member) or isinstance(member, property)) and (not name.startswith("_") or name == "__call__")
    ]


def _expected(hint: Any, given: str, key: str) -> str:
    return f"{key}: expected {_described(hint)}, got {given}"


def _name(target: Any) -> str:
    return getattr(target, "__name__", str(target))


def _described(hint: Any) -> str:
    """An annotation in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _described(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_described(argument) for argument in arguments)
    if hint is type(None) or hint is None:
        return "null"
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    kind = origin or hint
    if kind in PLAIN:
        return {bool: "true or false", int: "an integer", float: "a number", str: "a text"}[kind]
    if _takes(kind, dict):
        return "a mapping" + (f" of {_described(arguments[1])}" if len(arguments) == 2 else "")
    if _takes(kind, list, tuple):
        return "a list" + (f" of {_described(arguments[0])}" if arguments else "")
    return f"a {getattr(kind, '__name__', kind)}"


def _sentence(key: str, value: Any, detail: Mapping[str, Any]) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else "" for part in detail["loc"])
    message = str(detail["msg"])
    given = detail["input"] if where else value
    if isinstance(given, float) and not math.isfinite(given):
        message = "input should be a finite number"
    return f"{key}{where}: {message[0].lower()}{message[1:]}, got {given!r}"
