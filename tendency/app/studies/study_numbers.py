"""The numbers of a study: one cell for each problem, network and row."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.runs.checkpoint_reader import load_stepper, read_checkpoint
from tendency.app.studies.jobs import seconds_of
from tendency.app.studies.study_plan import ROWS, StudyRow, StudySettings, Training
from tendency.data.dataset import TrajectoryDataset
from tendency.evaluation.cost.rollout_cost import seconds_per_step
from tendency.evaluation.statistics.intervals import Interval, log_t_interval, t_interval
from tendency.simulation.simulator import Simulator
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.logs.metrics_reader import read_metrics

TIMED_TRAJECTORIES = 8
STILL_FALLING = 0.05
THRESHOLD = "correlation_time_0.8"


@dataclass(frozen=True)
class StudyCell:
    """What the seeds of one row say of one problem and one network.

    Args:
        problem: its name.
        model: its name.
        row: its name.
        seeds: how many are judged.
        nrmse: geometric mean over the snapshots of a rollout, median over trajectories; interval over seeds.
        one_step: nRMSE of one step from each true snapshot, median over all.
        high_band: error of a rollout's first step in the high band of wavenumbers, over the norm of the whole truth.
        high_energy: what the high band of a rollout's end holds, over what the truth's holds.
        correlation_time: until the correlation falls below 0.8, median over trajectories; physical time.
        censored: some seed's median trajectory was above 0.8 to the end.
        dt: of one step, physical time.
        calls: of the network in one step.
        seconds: of one step of one trajectory.
        parameters: of the network.
        training_seconds: mean over the seeds; None where the study did not train them.
        falls: by how much the validation error still fell over the last quarter of training, the largest of the seeds.
        stable: share of the trajectories that did not blow up.
    """

    problem: str
    model: str
    row: str
    seeds: int
    nrmse: Interval
    one_step: Interval
    high_band: Interval
    high_energy: Interval
    correlation_time: Interval
    censored: bool
    dt: float
    calls: float
    seconds: float
    parameters: int
    training_seconds: float | None
    falls: float | None
    stable: float


def collect(trainings: list[Training], settings: StudySettings, folder: Path, datasets: Path) -> list[StudyCell]:
    """The cells for which there is a report, in the order of the settings.

    Args:
        trainings: of the study.
        settings: of the study.
        folder: of its journal.
        datasets: where the datasets lie, for the timing.
    """
    cells = []
    for problem in settings.problems:
        for model in settings.models:
            for name in settings.rows:
                row = ROWS[name]
                there = [
                    training
                    for training in trainings
                    if training.serves(problem, model, row) and training.report(row).done()
                ]
                if there:
                    cells.append(_cell(name, there, folder, datasets))
    return cells


def _cell(name: str, trainings: list[Training], folder: Path, datasets: Path) -> StudyCell:
    row, first = ROWS[name], trainings[0]
    figures = [t.report(row).summary(row.baseline or t.folder.path.name) for t in trainings]
    times = [figure[THRESHOLD] for figure in figures]
    censored = any(figure[f"{THRESHOLD}_censored"] for figure in figures)
    spent = [seconds_of(folder, training.folder.path.name) for training in trainings]
    known = [seconds for seconds in spent if seconds is not None]
    falls = [fall for training in trainings if (fall := last_fall(training.folder.log)) is not None]
    stepper, dt, seconds = timed(first.folder.path, row, datasets)
    learned = row.baseline is None
    return StudyCell(
        problem=first.problem,
        model=first.model,
        row=name,
        seeds=len(trainings),
        # An error that is not finite is written as null.
        nrmse=_over_seeds(figures, "rollout_nrmse"),
        one_step=_over_seeds(figures, "one_step_nrmse"),
        high_band=_over_seeds(figures, "first_band_error_high"),
        high_energy=_over_seeds(figures, "final_band_energy_high"),
        # A median that lies beyond the horizon is only known to do so: no interval then.
        correlation_time=Interval(sum(times) / len(times)) if censored else t_interval(times),
        censored=censored,
        dt=dt,
        calls=float(stepper.prediction.network_calls or math.nan) if learned else 0.0,
        seconds=seconds,
        parameters=sum(p.numel() for p in stepper.surrogate.parameters()) if learned else 0,
        training_seconds=sum(known) / len(known) if known and learned else None,
        falls=max(falls) if falls and learned else None,
        stable=sum(figure["stable_share"] for figure in figures) / len(figures),
    )


def _over_seeds(figures: list[dict[str, Any]], name: str) -> Interval:
    """The geometric mean; NaN where the figure does not apply."""
    if not all(name in figure for figure in figures):
        return Interval(math.nan)
    return log_t_interval([_finite(figure[name]) for figure in figures])


def _finite(value: float | None) -> float:
    return math.inf if value is None else value


def timed(run: Path, row: StudyRow, datasets: Path) -> tuple[SurrogateStepper, float, float]:
    """A row's surrogate, its step and the seconds that it takes, measured now, with one thread and nothing beside."""
    stepper = load_stepper(run)
    if row.integrator is not None:
        stepper = RolloutReport(integrator=build(integrator_node(row.integrator))).judged(stepper)
    recipe = read_checkpoint(run).recipe
    test = TrajectoryDataset.whole(datasets / recipe.dataset, "test", recipe.num_test, recipe.stride)
    window = test.windows(list(range(min(TIMED_TRAJECTORIES, len(test)))))
    dt = float((window.time(1) - window.time(0)).mean())
    timed: Simulator = stepper
    companion = stepper.prediction.companion()
    if companion is not None and companion[0] == row.baseline:
        timed = companion[1]
    return stepper, dt, seconds_per_step(timed, window)


def integrator_node(name: str) -> dict[str, Any]:
    """What conf/prediction/integrator says of an integrator, as plain data."""
    return plain(OmegaConf.load(conf_folder() / "prediction" / "integrator" / f"{name}.yaml"))


def validation_curve(log: Path) -> list[tuple[int, float]]:
    """(steps, rollout nRMSE) of each validation of a run."""
    key = "valid/rollout_nrmse"
    return [(int(record["step"]) + 1, float(record[key])) for record in read_metrics(log) if key in record]


def last_fall(log: Path) -> float | None:
    """By which share the best validation error fell in the last quarter of a run; None where too few were made."""
    curve = validation_curve(log)
    if not curve:
        return None
    before = [error for step, error in curve if step <= 0.75 * curve[-1][0]]
    if not before or not math.isfinite(min(before)):
        return None
    return 1 - min(error for _, error in curve) / min(before)
