"""Records of trainings: one small JSON file each, which can be committed, and copied from machine to machine."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tendency.app.runs.run_folder import write_json
from tendency.evaluation.report.report_numbers import DEFINITIONS

KIND = "training record"
TAKEN_OVER = "figures taken over from a page"
"""The kind of the files that stand for records in docs/results/ until the trainings are repeated."""
NETWORK = "network"
"""What a record calls the method that was trained; the others have the names that reports give them."""

REQUIRED_FIGURES = ("rollout_nrmse", "one_step_nrmse", "stable_share")
"""Figures that every report has of every method, whatever else it measures."""


@dataclass(frozen=True)
class StepCost:
    """What one step of one trajectory costs.

    Args:
        dt: physical time of a step.
        calls: calls of the network in a step; 0 for a method without one, None where their number varies.
        seconds: seconds of a step, in a batch on one thread.
    """

    dt: float
    calls: float | None
    seconds: float

    @classmethod
    def from_dict(cls, content: Any) -> "StepCost":
        """The inverse of ``asdict``.

        Raises:
            ValueError: an entry is no number.
        """
        cost = cls(**content)
        for name, value in asdict(cost).items():
            if not (_is_number(value) or (name == "calls" and value is None)):
                raise ValueError(f"steps: {name}: expected a number, got {value!r}")
        return cost


@dataclass(frozen=True)
class TrainingRecord:
    """What one training has shown, wherever it ran.

    Args:
        identity: hash of all that its figures depend on, which names its file.
        run: name of the run.
        configuration: configuration of ``train.py``, without places and secrets.
        reports: figures of each method in each report; what is not finite is None.
        steps: cost of a step of the methods that were timed, in each report.
        parameters: number of the network's parameters.
        training_seconds: seconds of the training, stops included; None where nothing says so.
        validation: (step, rollout nRMSE) of each validation.
        made_by: version of this program, commit and machine.
        definitions: number of the definitions of the figures.
    """

    identity: str
    run: str
    configuration: Mapping[str, Any]
    reports: Mapping[str, Mapping[str, Mapping[str, Any]]]
    steps: Mapping[str, Mapping[str, StepCost]]
    parameters: int
    training_seconds: float | None
    validation: tuple[tuple[int, float], ...]
    made_by: Mapping[str, Any]
    definitions: int = DEFINITIONS

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is written."""
        validation = [[step, error if math.isfinite(error) else None] for step, error in self.validation]
        return {"kind": KIND} | asdict(self) | {"validation": validation}

    @classmethod
    def from_dict(cls, content: Any) -> "TrainingRecord":
        """The inverse of ``to_dict``.

        Raises:
            ValueError: it is no such record, in words.
        """
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise ValueError("no record of a training")
        # Records of the first definitions do not exist; those of the second were not numbered for a while.
        known = {"definitions": 2} | {key: value for key, value in content.items() if key != "kind"}
        if known["definitions"] != DEFINITIONS:
            raise ValueError(f"its figures have the definitions {known['definitions']!r}, expected {DEFINITIONS}")
        try:
            known["steps"] = {
                report: {method: StepCost.from_dict(cost) for method, cost in methods.items()}
                for report, methods in known["steps"].items()
            }
            known["validation"] = tuple(
                (int(step), math.inf if error is None else float(error)) for step, error in known["validation"]
            )
            for report, methods in known["reports"].items():
                _require_figures(report, methods)
            record = cls(**known)
            record._require_types()
            return record
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"an incomplete record of a training ({error})") from None

    def _require_types(self) -> None:
        """Refuses what a table could not show.

        Raises:
            ValueError: an entry of another type, in words.
        """
        wrong = {
            "identity": not isinstance(self.identity, str),
            "run": not isinstance(self.run, str),
            "configuration": not isinstance(self.configuration, dict),
            "parameters": not isinstance(self.parameters, int) or isinstance(self.parameters, bool),
            "training_seconds": self.training_seconds is not None and not _is_number(self.training_seconds),
            "made_by": not isinstance(self.made_by, dict),
        }
        for name in (name for name, found in wrong.items() if found):
            raise ValueError(f"{name}: expected another type, got {getattr(self, name)!r}")

    def figures(self, report: str, method: str | None) -> Mapping[str, Any] | None:
        """The figures of a method in a report; None where the record does not know them.

        Args:
            report: name of the report.
            method: name of the method; None for the network.
        """
        return self.reports.get(report, {}).get(method or NETWORK)


@dataclass
class RecordFolder:
    """A folder of records, ``<identity>.json`` each.

    Args:
        path: the folder, which need not exist.
        records: records by identity.
        left_out: one sentence for each file that is no record.
    """

    path: Path
    records: dict[str, TrainingRecord] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "RecordFolder":
        """All records of a folder; a file that is none is left out and named."""
        folder = cls(path)
        for file in sorted(path.glob("*.json")) if path.is_dir() else []:
            try:
                content = json.loads(file.read_text(encoding="utf-8"))
                if isinstance(content, dict) and content.get("kind") == TAKEN_OVER:
                    continue
                record = TrainingRecord.from_dict(content)
                if file.stem != record.identity:
                    raise ValueError(f"it holds the record {record.identity}, and is not named after it")
                folder.records[record.identity] = record
            except (ValueError, OSError, RecursionError) as error:
                folder.left_out.append(f"{file}: {' '.join(str(error).split())}")
        return folder

    def write(self, record: TrainingRecord) -> None:
        """Adds a record, or replaces the one of the same training."""
        write_json(self.path / f"{record.identity}.json", record.to_dict())
        self.records[record.identity] = record

    def __iter__(self) -> Iterator[TrainingRecord]:
        return iter(self.records.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require_figures(report: str, methods: Any) -> None:
    """Refuses a report that does not have the errors that every table shows.

    Args:
        report: name of the report.
        methods: figures of each of its methods.

    Raises:
        ValueError: the figures are no numbers, or some are missing.
    """
    if not isinstance(methods, dict) or not all(isinstance(figures, dict) for figures in methods.values()):
        raise ValueError(f"reports: {report}: expected the figures of each method, got {methods!r}")
    for method, figures in methods.items():
        for name, value in figures.items():
            if value is not None and not isinstance(value, int | float):
                raise ValueError(f"reports: {report}: {method}: {name}: expected a number, got {value!r}")
        if missing := [name for name in REQUIRED_FIGURES if name not in figures]:
            raise ValueError(f"reports: {report}: {method}: without {', '.join(missing)}")
