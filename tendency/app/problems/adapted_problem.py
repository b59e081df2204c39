"""The problem that data files solve: the node of a pde with the files' points, times, domain and parameters."""

from collections.abc import Iterable, Mapping
from typing import Any

from tendency.app.configuration.small_form import solved_part
from tendency.data.file_facts import FileFacts
from tendency.simulation.problem import Problem

PARAMETERS = "tendency.simulation.parameters"


def lacking_parameters(pde: Mapping[str, Any], known: Iterable[str], in_files: Iterable[str]) -> list[str]:
    """What the solver needs and nobody gives, each as the override that would say it.

    Args:
        pde: node of the problem.
        known: names of the parameters of the dataset.
        in_files: names of parameters in the files that are not used yet.
    """
    missing = sorted(set(pde.get("parameters") or {}) - set(known))
    if not missing:
        return []
    constants = "data.constants={" + ", ".join(f"{name}: 0.01" for name in missing) + "}"
    there = sorted(in_files)
    named = "data.params={" + ", ".join(f"{name}: {there[0]}" for name in missing) + "}" if there else ""
    return [f"{constants} or {named}" if named else constants]


def adapted_problem(pde: Mapping[str, Any], facts: FileFacts) -> dict[str, Any]:
    """The node of a problem whose trajectories are those of data files.

    Args:
        pde: node of the problem as it was chosen.
        facts: of the files.
    """
    metadata, times = facts.metadata, pde["times"]
    geometry = metadata.geometry
    node = {key: value for key, value in solved_part(pde).items() if key != "store_on"}
    return node | {
        "geometry": {
            "_target_": "tendency.simulation.geometry.Grid",
            "shape": list(geometry.shape),
            "boundary": {"_target_": "tendency.simulation.geometry.Boundary", **geometry.boundary.to_dict()},
        },
        "extent": [_parameter(side) for side in facts.extent],
        "parameters": {name: _parameter(facts.params[name]) for name in pde.get("parameters") or {}},
        "times": {**times, "dt": _parameter(facts.steps), "num_snapshots": metadata.num_snapshots, "burn_in": 0.0},
    }


def require_channels(problem: Problem, facts: FileFacts) -> None:
    """Refuses a problem whose states are others than those of the files.

    Raises:
        ValueError: with both sides.
    """
    dims = facts.metadata.spatial_dims
    ours, theirs = ([(each.name, each.rank) for each in fields] for fields in (problem.fields, facts.metadata.fields))
    # One scalar is no other, whatever it is called.
    same = ours == theirs or (len(ours) == len(theirs) == 1 and ours[0][1] == theirs[0][1])
    if not same or dims != problem.geometry.spatial_dims:
        raise ValueError(
            f"pde: expected the fields of the data files, {[name for name, _ in theirs]} in {dims}D, got those of "
            f"{problem.simulator.name}, {[name for name, _ in ours]}; leave pde= out, or take another"
        )


def _parameter(ends: tuple[float, float]) -> dict[str, Any]:
    """A distribution over what the files hold."""
    low, high = ends
    if low < high:
        return {"_target_": f"{PARAMETERS}.Uniform", "low": low, "high": high}
    return {"_target_": f"{PARAMETERS}.Constant", "value": low}
