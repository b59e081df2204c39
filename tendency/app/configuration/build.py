"""From configuration to objects."""

import re
from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from tendency.app.configuration.small_form import problem_node
from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.problem import Problem
from tendency.surrogates.interface import Interface
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.surrogate import Surrogate

FULL_KEY = re.compile(r"^full_key: (\S+)$", re.MULTILINE)
"""How Hydra's error says which node it could not build."""

BEGINS_WITH_KEY = re.compile(r"(\w+)[\w.\[\]]*: ")
NOT_LOCATED = re.compile(r"Error locating target '([^']*)'")
"""How Hydra's error says that there is no such class."""

BLOCKED = re.compile(r"Target '([^']*)' is blocklisted")
"""How Hydra's error says that it builds no such thing."""


class MissingTargetError(ValueError):
    """A configuration names a class that cannot be imported."""


def build(node: Mapping[str, Any], key: str = "") -> Any:
    """What a resolved configuration node describes.

    Args:
        node: plain data.
        key: of the node in the configuration, e.g. ``pde``.

    Raises:
        MissingTargetError: a class cannot be imported.
        ValueError: what a constructor refused, in its own words, after the key of what was refused.
    """
    try:
        return instantiate(dict(node), _convert_="all")
    except InstantiationException as error:
        if missing := NOT_LOCATED.search(str(error)):
            raise MissingTargetError(_not_located(missing[1], key, error)) from None
        # Hydra wraps what a constructor raises into its own error; a user wants the sentence inside, and where it is.
        cause, where = _unwrapped(error)
        if type(cause) is ValueError:
            raise ValueError(_with_key(str(cause), key, where, node)) from None
        if isinstance(cause, ValueError | OSError):
            raise cause from None
        if cause is None:
            raise ValueError(_with_key(_refused(error), key, where, node)) from None
        raise


def _refused(error: InstantiationException) -> str:
    """Hydra's own refusal, of targets that could run anything."""
    if found := BLOCKED.search(str(error)):
        return f"expected a class or a function that builds something, got {found[1]!r}, which could run anything"
    return " ".join(str(error).split())


def _not_located(target: str, key: str, error: InstantiationException) -> str:
    """Which class could not be imported, where it is named, and why."""
    place = FULL_KEY.search(str(error))
    where = ".".join(part for part in (key, place[1] if place else "") if part)
    cause = error.__cause__
    # Hydra's own errors repeat that it looked for the class; what lies below says what went wrong.
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    reason = str(cause).strip().splitlines()[0] if cause is not None and str(cause).strip() else "not found"
    return f"{where or 'top level'}: cannot import {target} ({reason})"


def _unwrapped(error: InstantiationException) -> tuple[BaseException | None, str]:
    """What a constructor raised, and where Hydra says that its node is."""
    found = FULL_KEY.search(str(error))
    cause = error.__cause__
    while isinstance(cause, InstantiationException):
        cause = cause.__cause__
    return cause, found[1] if found else ""


def _with_key(message: str, key: str, where: str, node: Any) -> str:
    """A sentence after the key that it is about, which it may begin with or may state in part: ``low: ...``."""
    begins = BEGINS_WITH_KEY.match(message)
    if not key or (begins and begins[1] == key.split(".")[0]):
        return message
    for part in where.split(".") if where else []:
        # Hydra writes extent1 for extent[1].
        inside = None if part in node else re.fullmatch(r"(\w+?)(\d+)", part)
        if inside is None and part not in node:
            break
        node = node[inside[1]][int(inside[2])] if inside else node[part]
        key += f".{inside[1]}[{inside[2]}]" if inside else f".{part}"
    return f"{key}.{message}" if begins and begins[1] in node else f"{key}: {message}"


def build_problem(node: Mapping[str, Any]) -> Problem:
    """The problem of a pde node; a module-level function, so that worker processes can call it."""
    return build(node, "pde")


def load_problem(name: str, small: bool = False) -> Problem:
    """The problem of conf/pde/<name>.yaml as it stands there, or in its small form."""
    return build_problem(problem_node(name, small))


def build_surrogate(node: Mapping[str, Any], prediction: Prediction, metadata: TrajectoryMetadata) -> Surrogate:
    """The network of a model node, its sizes taken from the data and the prediction."""
    interface = Interface(
        in_channels=prediction.in_channels(metadata.num_channels) + metadata.num_known,
        out_channels=prediction.out_channels(metadata.num_channels),
        num_conditions=prediction.num_conditions(len(metadata.param_names)),
        boundary=metadata.geometry.boundary,
    )
    # Called here: Hydra would turn the interface, a dataclass, into plain data.
    return build({**node, "_partial_": True}, "model")(interface)
