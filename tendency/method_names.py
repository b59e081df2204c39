"""What the methods of a leaderboard are called: by what they have in common on every problem."""

from collections.abc import Mapping, Sequence
from typing import Any

MOST_SETTINGS = 3
"""Settings that tell two methods apart are named up to so many."""


def method_names(configurations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of methods on one problem, all different, that make no mention of the problem.

    A method is its network, its prediction with the integrator, and its objective where that is not single steps.
    Those that agree in all of these are told apart by the settings in which they differ.

    Args:
        configurations: of the runs, one for each method.
    """
    names = [_name(configuration) for configuration in configurations]
    flat = [_flat({key: c.get(key) for key in c if key not in ("pde", "seed", "paths")}) for c in configurations]
    found: list[str] = []
    for name, own in zip(names, flat, strict=True):
        alike = [other for other, there in zip(flat, names, strict=True) if there == name]
        keys = [key for key in own if any(other.get(key) != own[key] for other in alike)]
        # Where classes differ, so do their arguments, which say less.
        keys = [key for key in keys if not key.endswith("._target_")] or keys
        settings = [f"{key}={own[key]}" for key in keys[:MOST_SETTINGS]]
        text = ", ".join([name, *settings])
        found.append(text if text not in found else f"{text} ({found.count(text) + 1})")
    return found


def _name(configuration: Mapping[str, Any]) -> str:
    prediction = configuration["prediction"]
    parts = [_class(configuration["model"]), _class(prediction).removesuffix("Prediction").lower()]
    if isinstance(integrator := prediction.get("integrator"), Mapping):
        parts.append(f"by {_class(integrator)}")
    objective = configuration.get("objective")
    if objective and _class(objective) != "OneStep":
        parts.append(f"with {_class(objective)}")
    return " ".join(parts)


def _class(node: Mapping[str, Any]) -> str:
    """The name of a node's class; of a network from elsewhere, that of its own."""
    inner = node.get("network")
    named = inner if isinstance(inner, Mapping) and "_target_" in inner else node
    return str(named["_target_"]).rpartition(".")[2]


def _flat(node: Any, key: str = "") -> dict[str, Any]:
    if isinstance(node, Mapping):
        return {name: value for k, v in node.items() for name, value in _flat(v, f"{key}.{k}".strip(".")).items()}
    return {key: node}
