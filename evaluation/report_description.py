"""What a report is about: the methods that are compared, the data, and what was left out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import xarray as xr

from tendency.simulation.problem import CharacteristicTime

ATTRIBUTE = "description"
"""Attribute of metrics.nc that holds the description as JSON."""
FIRST_SNAPSHOT = "first_snapshot"
"""Variable (simulator,) of metrics.nc: the snapshot at which each rollout starts, counted from the report's start."""


@dataclass(frozen=True)
class ReportDescription:
    """What a report is about, as metrics.json and the attributes of metrics.nc hold it.

    Args:
        dataset: name of the dataset's folder.
        pde: name of the problem.
        equation: the equation in words or symbols.
        resolution: ``resolved``, or what the source of a published problem says of its grid; ``unknown`` of data files.
        step: time between snapshots; None where it differs between trajectories.
        network_calls: network calls in one step by method, a number or ``adaptive``.
        learned: names of the trained methods; None where it is not known which those are.
        characteristic_time: a time natural to the problem, such as a Lyapunov time, where it states one.
        test_trajectories: number of test trajectories.
        title: title of the report.
        missing_baselines: baselines that were not rolled out, each with the reason.
        skipped_runs: runs that were not evaluated, each with the reason.
        seeds: names of the methods that differ in their seed alone, by what they have in common.
        not_applicable: figures that were not measured, each with the reason.
        given: names of the channels of constant fields that the methods are told.
    """

    dataset: str = ""
    pde: str = ""
    equation: str = ""
    resolution: str = "resolved"
    step: float | None = None
    network_calls: Mapping[str, int | str] = field(default_factory=dict)
    learned: Sequence[str] | None = None
    characteristic_time: CharacteristicTime | None = None
    test_trajectories: int = 0
    title: str = ""
    missing_baselines: Mapping[str, str] = field(default_factory=dict)
    skipped_runs: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    given: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; entries that are missing have their defaults, unknown ones are left out."""
        known = {entry.name: content[entry.name] for entry in fields(cls) if entry.name in content}
        if (time := known.get("characteristic_time")) is not None:
            known["characteristic_time"] = CharacteristicTime(**time)
        known["given"] = tuple(known.get("given", ()))
        return cls(**known)

    @classmethod
    def of_results(cls, results: xr.Dataset) -> Self:
        """The description that results were written with.

        Args:
            results: the results of ``evaluate_rollouts``, or the content of metrics.nc.
        """
        return cls.from_dict(json.loads(results.attrs.get(ATTRIBUTE, "{}")))
