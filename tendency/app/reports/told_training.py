"""What a report tells of the trainings that its surrogates come from."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tendency.app.runs.method_names import class_name
from tendency.app.runs.run import Run
from tendency.errors import printable
from tendency.evaluation.report.report_source import TrainingHistory, Trainings
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.logs.metrics_reader import MetricsError, read_metrics

LOSS = "train/loss"
VALIDATIONS = {"valid/one_step_nrmse": "validation, one-step nRMSE", "valid/rollout_nrmse": "validation, rollout nRMSE"}


@dataclass(frozen=True)
class ToldTraining:
    """One training, as its run's folder and its checkpoint tell of it.

    Args:
        configuration: of the run, plain data.
        parameters: number of the network's weights.
        records: what was logged, from ``logged_records``; empty where there is no log.
        ended: what the run left when it ended: ``training_seconds``, ``device`` and ``date`` where they are known.
    """

    configuration: Mapping[str, Any]
    parameters: int
    records: Sequence[Mapping[str, Any]] = ()
    ended: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, surrogate: Surrogate) -> "ToldTraining":
        """The training of a run on disk.

        Args:
            run: the run.
            surrogate: its network.
        """
        folder = run.folder
        records = [] if folder is None else logged_records(folder.log)
        ended = {} if folder is None else folder.finished() or {}
        return cls(run.configuration, count_parameters(surrogate), records, ended)

    @property
    def network(self) -> str:
        """Name of the network's class."""
        return class_name(self.configuration["model"])

    @property
    def effort(self) -> str:
        """How long and on how much was trained, after "trained"; empty where the run does not say."""
        epochs, data = self._epochs, self.configuration.get("data", {}).get("num_train")
        if epochs is None or data is None:
            return ""
        return f"for {epochs} {'epoch' if epochs == 1 else 'epochs'} on {data} trajectories"

    @property
    def _epochs(self) -> int | None:
        counted = [record["epoch"] for record in self.records if record.get("epoch") is not None]
        return int(max(counted)) + 1 if counted else None

    def facts(self) -> dict[str, str]:
        """What is known of the training, by what it is."""
        part = {name: self.configuration.get(name) or {} for name in ("data", "optimizer", "scheduler", "trainer")}
        prediction, objective = self.configuration["prediction"], self.configuration.get("objective")
        means = class_name(prediction).removesuffix("Prediction").lower()
        integrator = prediction.get("integrator")
        steps = [record["step"] for record in self.records if record.get("step") is not None]
        seconds = self.ended.get("training_seconds")
        facts = {
            "network": f"{self.network}, {self.parameters:,} parameters",
            "prediction": means + (f", stepped by {class_name(integrator)}" if integrator else ""),
            "objective": class_name(objective) if objective else None,
            "epochs": self._epochs,
            "steps": f"{max(steps) + 1:,}" if steps else None,
            "batch size": part["data"].get("batch_size"),
            "training trajectories": part["data"].get("num_train"),
            "learning rate": part["optimizer"].get("lr"),
            "schedule": class_name(part["scheduler"]) if "_target_" in part["scheduler"] else None,
            "precision": part["trainer"].get("precision"),
            "seed": self.configuration.get("seed"),
            "training time": None if seconds is None else duration(float(seconds)),
            "device": self.ended.get("device"),
            "date": self.ended.get("date"),
        }
        return {what: str(value) for what, value in facts.items() if value is not None}

    def history(self) -> TrainingHistory | None:
        """The logged losses and validation errors; None without a log."""
        validations = {title: self._curve(key) for key, title in VALIDATIONS.items()}
        known = {title: curve for title, curve in validations.items() if curve}
        return TrainingHistory(self._curve(LOSS), known) if self._curve(LOSS) else None

    def _curve(self, key: str) -> list[tuple[int, float]]:
        return [(int(one["step"]), float(one[key])) for one in self.records if one.get(key) is not None]


def logged_records(log: Path) -> list[dict[str, Any]]:
    """What a run logged, for its report: nothing where it kept no log, or where the log is damaged, which is said.

    Args:
        log: the place of its log.
    """
    try:
        return read_metrics(log) if log.is_file() else []
    except MetricsError as error:
        print(printable(f"{error}; the report shows no curve of this training"), flush=True)
        return []


def count_parameters(surrogate: Surrogate) -> int:
    """Number of a network's weights."""
    return sum(weights.numel() for weights in surrogate.parameters())


def trainings_of(told: Mapping[str, ToldTraining]) -> Trainings:
    """What a report tells of several trainings.

    Args:
        told: by the name of the run.
    """
    efforts = {one.effort for one in told.values()}
    histories = {name: one.history() for name, one in told.items()}
    return Trainings(
        networks=list(dict.fromkeys(one.network for one in told.values())),
        effort=efforts.pop() if len(efforts) == 1 else "",
        facts={name: one.facts() for name, one in told.items()},
        histories={name: history for name, history in histories.items() if history is not None},
    )


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them: 12 s, 3.4 min, 5.6 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.3g} s"


def today() -> str:
    """The date, as reports give it."""
    return datetime.datetime.now().astimezone().date().isoformat()
