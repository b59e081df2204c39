"""What the methods of a leaderboard are called: by what they have in common on every problem."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tendency.app.configuration.groups import GROUPS
from tendency.app.runs.seed_groups import without_seed


def method_names(problems: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Names of methods that make no mention of the problem, all different on each.

    A method is its network, its prediction with the integrator, and its objective where that is not single steps. Those
    that agree in all of these on some problem are told apart by settings, as few as will do, and by the same on every
    problem, whichever methods are there.

    Args:
        problems: configurations of the runs on each problem, one for each method.
    """
    short = {problem: [_name(one) for one in there] for problem, there in problems.items()}
    flat = {problem: [_flat(_method(one)) for one in there] for problem, there in problems.items()}
    keys: dict[str, list[str]] = {}
    for problem, names in short.items():
        for name, settings in zip(names, flat[problem], strict=True):
            alike = [other for there, other in zip(names, flat[problem], strict=True) if there == name]
            chosen = keys.setdefault(name, [])
            chosen += _telling(settings, alike, chosen)
    return {
        problem: _numbered(
            ", ".join([name, *(f"{key}={settings[key]}" for key in keys[name] if key in settings)])
            for name, settings in zip(names, flat[problem], strict=True)
        )
        for problem, names in short.items()
    }


def _telling(settings: Mapping[str, Any], alike: Sequence[Mapping[str, Any]], chosen: Sequence[str]) -> list[str]:
    """Further settings by which one method is told from others of its name."""
    found: list[str] = []
    differing = [key for key in settings if any(other.get(key) != settings[key] for other in alike)]
    # Where classes differ, so do their arguments, which say less.
    for key in sorted(differing, key=lambda key: key.endswith("._target_")):
        same = [o for o in alike if all(o.get(k) == settings.get(k) for k in itertools.chain(chosen, found))]
        if any(other.get(key) != settings[key] for other in same):
            found.append(key)
    return found


def _numbered(names: Iterable[str]) -> list[str]:
    """Names made different where nothing tells two methods apart."""
    listed = list(names)
    return [
        name if listed.count(name) == 1 else f"{name} ({1 + listed[:number].count(name)})"
        for number, name in enumerate(listed)
    ]


def _name(configuration: Mapping[str, Any]) -> str:
    prediction = configuration["prediction"]
    parts = [class_name(configuration["model"]), class_name(prediction).removesuffix("Prediction").lower()]
    if isinstance(integrator := prediction.get("integrator"), Mapping):
        parts.append(f"by {class_name(integrator)}")
    objective = configuration.get("objective")
    if objective and class_name(objective) != "OneStep":
        parts.append(f"with {class_name(objective)}")
    return " ".join(parts)


def class_name(node: Mapping[str, Any]) -> str:
    """The name of a node's class; of a network from elsewhere, that of its own."""
    inner = node.get("network")
    named = inner if isinstance(inner, Mapping) and "_target_" in inner else node
    return str(named.get("_target_")).rpartition(".")[2]


def _method(configuration: Mapping[str, Any]) -> Any:
    """What of a configuration is the method's, its seed left out."""
    return without_seed({key: value for key, value in configuration.items() if key not in GROUPS or GROUPS[key].method})


def _flat(node: Any, key: str = "") -> dict[str, Any]:
    if isinstance(node, Mapping):
        return {name: value for k, v in node.items() for name, value in _flat(v, f"{key}.{k}".strip(".")).items()}
    return {key: node}
