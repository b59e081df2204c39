"""Makes the record of a training from its run's folder."""

import platform
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.runs.checkpoint_reader import load_stepper, read_checkpoint
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.studies.comparison_plan import OWN_REPORT, Training
from tendency.app.studies.processes import seconds_of
from tendency.app.studies.training_record import NETWORK, StepCost, TrainingRecord
from tendency.data.dataset import TrajectoryDataset
from tendency.data.machine import processor_name, usable_cores
from tendency.errors import ArtefactError
from tendency.evaluation.cost.rollout_cost import seconds_per_step
from tendency.evaluation.report.report_numbers import DEFINITIONS, definitions_of
from tendency.simulation.simulator import Simulator
from tendency.simulation.window import Window
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.logs.metrics_reader import read_metrics
from tendency.version import provenance

TIMED_TRAJECTORIES = 8


def collect_record(training: Training, journal: Path, datasets: Path) -> TrainingRecord:
    """Reads all reports of a training, and measures what its steps cost: now, with one thread and nothing beside.

    Args:
        training: a training whose run has finished.
        journal: folder of the journal of the jobs.
        datasets: folder of the datasets.

    Raises:
        ArtefactError: the run's checkpoint is missing or damaged, or a report is of an older version or does not say
            which method it is.
        DatasetError: its dataset is missing or damaged.
    """
    folder = training.folder
    names = sorted(path.name for path in folder.path.glob(f"{OWN_REPORT}*") if ReportFolder(path).done())
    reports = {name: report_figures(folder.path / name, folder.path.name) for name in names}
    stepper, window = load_stepper(folder.path), _timed_window(folder.path, datasets)
    # Nothing is said of other data than the training's.
    steps = {OWN_REPORT: _costs(stepper, window)} | {
        name: _costs(_stepped_by(stepper, integrator), window) for name in names if (integrator := _integrator_of(name))
    }
    seconds = seconds_of(journal, folder.path.name)
    recorded = (folder.finished() or {}).get("training_seconds")
    return TrainingRecord(
        identity=training.identity,
        run=folder.path.name,
        configuration=(folder.configuration() or {}) | {"evaluation": training.config["evaluation"]},
        reports=reports,
        steps=steps,
        parameters=sum(p.numel() for p in stepper.surrogate.parameters()),
        training_seconds=recorded if seconds is None else seconds,
        validation=tuple(validation_curve(folder.log)),
        overrides=training.overrides,
        made_by=provenance() | {"processor": processor_name(), "cores": usable_cores(), "system": platform.system()},
    )


def report_figures(report: Path, run: str) -> dict[str, dict[str, Any]]:
    """The summary of a report, the run by one name wherever it lies, and whatever its folder was called then.

    Args:
        report: folder of the report.
        run: name of the run's folder.

    Raises:
        ArtefactError: the report does not have one trained method, or defines its figures otherwise.
    """
    numbers = ReportFolder(report).numbers()
    if (definitions := definitions_of(numbers)) != DEFINITIONS:
        raise ArtefactError(
            f"report {report}: its figures have the definitions {definitions} and do not belong into one table with "
            f"those of the definitions {DEFINITIONS}; remove the folder to have the run judged anew"
        )
    summary: dict[str, dict[str, Any]] = numbers["summary"]
    learned = numbers["description"].get("learned") or [run]
    if len(learned) != 1 or learned[0] not in summary:
        raise ArtefactError(f"report {report}: expected one trained method, such as {run}, got {list(summary)}")
    return {NETWORK if method == learned[0] else method: figures for method, figures in summary.items()}


def _timed_window(run: Path, datasets: Path) -> Window:
    recipe = read_checkpoint(run).recipe
    test = TrajectoryDataset.whole(datasets / recipe.dataset, "test", recipe.num_test, recipe.stride)
    return test.windows(list(range(min(TIMED_TRAJECTORIES, len(test)))))


def _costs(stepper: SurrogateStepper, window: Window) -> dict[str, StepCost]:
    """What the steps of the network cost, and those of the coarse solver inside it, where there is one."""
    dt = float((window.time(1) - window.time(0)).mean())
    timed: dict[str, tuple[Simulator, float | None]] = {NETWORK: (stepper, stepper.prediction.network_calls)}
    companion = stepper.prediction.companion()
    if companion is not None:
        timed[companion[0]] = (companion[1], 0.0)
    return {name: StepCost(dt, calls, seconds_per_step(method, window)) for name, (method, calls) in timed.items()}


def _integrator_of(report: str) -> Path | None:
    """What describes the integrator that a report is called after; None for a report of another kind."""
    path = conf_folder() / "prediction" / "integrator" / f"{report.removeprefix(OWN_REPORT).removeprefix('-')}.yaml"
    return path if path.is_file() else None


def _stepped_by(stepper: SurrogateStepper, integrator: Path) -> SurrogateStepper:
    """A surrogate whose derivative is stepped by what a yaml of conf/prediction/integrator describes."""
    return RolloutReport(integrator=build(plain(OmegaConf.load(integrator)))).judged(stepper)


def validation_curve(log: Path) -> list[tuple[int, float]]:
    """(steps, rollout nRMSE) of each validation of a run."""
    key = "valid/rollout_nrmse"
    if not log.exists():
        return []
    records = read_metrics(log)
    return [
        (record["step"] + 1, float(record[key])) for record in records if None not in (record["step"], record.get(key))
    ]
