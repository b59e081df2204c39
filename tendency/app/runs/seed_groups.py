"""Which runs are the same but for their seed."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SEEDED_NAME = re.compile(r"-seed\d+(-[0-9a-f]+)?$")
"""The end of a run's own name, which tells seeds apart."""


def seed_groups(
    names: Sequence[str], checkpoints: Sequence[Path], recipes: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """The names of runs that differ in nothing but their seed, by what they have in common; of two runs or more.

    A run is known by the configuration in its folder, and a checkpoint without one by what it records of its run.

    Args:
        names: of the runs, all different.
        checkpoints: of the runs.
        recipes: of the checkpoints.
    """
    alike: dict[str, list[str]] = {}
    for name, path, recipe in zip(names, checkpoints, recipes, strict=True):
        alike.setdefault(json.dumps(without_seed(configuration_of(path, recipe)), sort_keys=True), []).append(name)
    groups: dict[str, list[str]] = {}
    for members in alike.values():
        if len(members) > 1:
            short = SEEDED_NAME.sub("", members[0])
            title = short if short not in groups and short not in names else members[0]
            groups[f"{title} ({len(members)} seeds)"] = members
    return groups


def configuration_of(path: Path, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """A run's configuration, from its folder or from what its checkpoint records of it.

    Args:
        path: of the checkpoint.
        recipe: of its surrogate.
    """
    stored = path.parent.parent / "config.json"
    if path.parent.name == "checkpoints" and stored.is_file():
        config = json.loads(stored.read_text(encoding="utf-8"))
        return {key: value for key, value in config.items() if key != "paths"}
    return {**recipe.get("run", {}), "model": recipe["model"], "prediction": recipe["prediction"]}


def without_seed(content: Any) -> Any:
    """Plain data without the run's seed, wherever it was written; that of the problem stays, which makes other data."""
    if isinstance(content, Mapping):
        return {key: value if key == "pde" else without_seed(value) for key, value in content.items() if key != "seed"}
    if isinstance(content, list):
        return [without_seed(value) for value in content]
    return content
