"""Which runs are the same but for their seed."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tendency.app.runs.run import Run

SEEDED_NAME = re.compile(r"-seed\d+(-[0-9a-f]+)?$")
"""The end of a run's own name, which tells seeds apart."""


def seed_groups(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The names of runs that differ in nothing but their seed, by what they have in common; of two runs or more.

    Args:
        runs: with names that are all different.
    """
    names = [run.name for run in runs]
    alike: dict[str, list[str]] = {}
    for run in runs:
        alike.setdefault(json.dumps(without_seed(run.configuration), sort_keys=True), []).append(run.name)
    groups: dict[str, list[str]] = {}
    for members in alike.values():
        if len(members) > 1:
            short = SEEDED_NAME.sub("", members[0])
            title = short if short not in groups and short not in names else members[0]
            groups[f"{title} ({len(members)} seeds)"] = members
    return groups


def without_seed(content: Any) -> Any:
    """Plain data without the run's seed, wherever it was written; that of the problem stays, which makes other data."""
    if isinstance(content, Mapping):
        return {key: value if key == "pde" else without_seed(value) for key, value in content.items() if key != "seed"}
    if isinstance(content, list):
        return [without_seed(value) for value in content]
    return content
