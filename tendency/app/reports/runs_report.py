"""Runs that stand in one report: on which data they are judged, and what they do as they were trained beside it."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tendency.app.configuration.build import build
from tendency.app.configuration.identity import identity
from tendency.app.configuration.settings import EvaluateSettings
from tendency.app.problems.dataset_problem import problem_node_of
from tendency.app.problems.shifted_dataset import shifted_dataset
from tendency.app.reports.rollout_report import JudgedSurrogates, ReportText, RolloutReport, TestData
from tendency.app.reports.same_test_data import (
    common_dataset,
    common_num_test,
    report_folder,
    require_fit,
    require_same_trajectories,
)
from tendency.app.reports.told_training import ToldTraining
from tendency.app.runs.checkpoint_reader import load_stepper
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run import Run, with_different_names
from tendency.app.runs.run_folder import differences
from tendency.app.runs.run_selection import Selection
from tendency.app.runs.seed_groups import seed_groups
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.readers.known_readers import admit_named
from tendency.errors import ArtefactError, ConfigError
from tendency.evaluation.report.in_distribution import InDistribution
from tendency.simulation.problem import Problem
from tendency.surrogates.stepper import SurrogateStepper

AS_TRAINED = "as_trained"
"""Folder, inside that of a report on other data, of the report on the runs' own."""

MOST_CHANGES = 8
"""Values in which two problems differ that are named one by one; with more of them it is another problem."""


class RunsReport:
    """How runs are judged, and on which data.

    Args:
        settings: of ``evaluate.py``.
        node: the configuration of the report, plain data.
        datasets: where datasets lie.

    Raises:
        ValueError: the report cannot be built.
    """

    def __init__(self, settings: EvaluateSettings, node: Mapping[str, Any], datasets: Path) -> None:
        self.settings, self.node, self.datasets = settings, node, datasets
        self.report: RolloutReport = build(node, "evaluation")

    def report_on(self, selection: Selection, parent: Path, name: str | None = None) -> tuple[list[str], ReportFolder]:
        """Writes the report of runs that are judged on the same data.

        Args:
            selection: the runs.
            parent: folder in which the report's own is made.
            name: of that folder; None takes that of the settings, or makes one from all that the report rests on.

        Returns:
            A short table, and where the report lies.
        """
        runs = with_different_names(selection.runs)
        num_test = self.settings.num_test or common_num_test(runs)
        self._require_one_stride(runs)
        # Refused before data are made: a name that is taken, foreign code, an integrator of what has none.
        if name is None and self.settings.name is not None:
            report_folder(self.settings.name, [], parent)
        steppers = {run.name: load_stepper(run.checkpoint, self.settings.trust) for run in runs}
        for stepper in steppers.values():
            self.report.judged(stepper)
        if self.settings.trust:
            self._admit_readers(runs)
        dataset = self._dataset(runs, steppers, num_test)
        if (there := read_manifest(dataset).counts.get("test", 0)) < num_test:
            raise ConfigError(
                [f"num_test: expected at most {there}, the test trajectories of {dataset}, got {num_test}"]
            )
        judged = [
            [str(run.checkpoint.resolve()) for run in runs],
            str(dataset.resolve()),
            num_test,
            identity(self.node),
        ]
        folder = parent / name if name is not None else report_folder(self.settings.name, judged, parent)
        changes = changes_of(runs, dataset, self.report.stride, self.node.get("integrator"))
        trained_on = {run.recipe.dataset for run in runs} - {dataset.name}
        told = {run.name: ToldTraining.of(run, steppers[run.name].surrogate) for run in runs}
        evaluation = self.report.evaluate(
            JudgedSurrogates(
                steppers,
                stride=runs[0].recipe.stride,
                groups=seed_groups(runs),
                training_seconds={run.name: s for run in runs if (s := run.training_seconds) is not None},
            ),
            TestData(dataset, num_test, self.datasets / trained_on.pop() if len(trained_on) == 1 else None),
            folder,
            ReportText(folder.name, {run.name: run.recipe.run for run in runs}, selection.skipped, told),
        )
        away = self._as_trained(runs, steppers, num_test, folder, changes, told) if changes else None
        return self.report.write(evaluation, away)

    def _admit_readers(self, runs: Sequence[Run]) -> None:
        """Lets classes of others read the data files that runs were trained on or are judged on."""
        named = [] if self.settings.dataset is None else [Path(self.settings.dataset)]
        for folder in {*(self.datasets / run.recipe.dataset for run in runs), *named}:
            with contextlib.suppress(DatasetError):
                if (files := read_manifest(folder).files) is not None:
                    admit_named(files.reader)

    def _require_one_stride(self, runs: Sequence[Run]) -> None:
        if len({run.recipe.stride for run in runs}) > 1 and self.report.stride is None:
            strides = [f"{run.name}: {run.recipe.stride}" for run in runs]
            raise ArtefactError(
                "\n".join(["runs: trained with different data.stride; say evaluation.stride=...", *strides])
            )

    def _dataset(self, runs: Sequence[Run], steppers: Mapping[str, SurrogateStepper], num_test: int) -> Path:
        """The data that all are judged on: their own, another dataset, or their own problem changed."""
        stride = self.report.stride or runs[0].recipe.stride
        if self.settings.shift:

            def check(problem: Problem) -> None:
                history = max(stepper.history for stepper in steppers.values())
                self.report.check_length(problem.times.num_snapshots, runs[0].recipe.stride, history)
                for dt in {problem.times.dt.lowest, problem.times.dt.highest}:
                    _require_reachable(steppers, dt * stride, "shift")

            folder = shifted_dataset(runs, self.settings.shift, num_test, self.datasets, check)
            require_fit(folder, runs)
            return folder
        folder = common_dataset(self.settings, runs, self.datasets)
        if (dt := read_manifest(folder).metadata.dt) is not None:
            _require_reachable(steppers, dt * stride, "dataset" if self.report.stride is None else "evaluation.stride")
        return folder

    def _home(self, runs: Sequence[Run]) -> Path | str:
        """The dataset that the runs were trained on, or why it cannot be judged on."""
        if len({(run.recipe.dataset, run.recipe.stride) for run in runs}) > 1:
            return "the runs were trained on different datasets or with different data.stride"
        home = self.datasets / runs[0].recipe.dataset
        try:
            require_same_trajectories(home, runs)
        except (ArtefactError, DatasetError) as error:
            return " ".join(str(error).split())
        return home

    def _as_trained(
        self,
        runs: Sequence[Run],
        steppers: Mapping[str, SurrogateStepper],
        num_test: int,
        folder: Path,
        changes: Sequence[str],
        told: Mapping[str, ToldTraining],
    ) -> InDistribution:
        """A second report inside the first, on what the runs were trained on."""
        home = self._home(runs)
        if isinstance(home, str):
            return InDistribution(changes, {}, missing=home)
        report = self.report.as_trained()
        evaluation = report.evaluate(
            JudgedSurrogates(steppers, stride=runs[0].recipe.stride),
            TestData(home, min([num_test, *(run.recipe.num_test for run in runs if run.recipe.num_test is not None)])),
            folder / AS_TRAINED,
            ReportText(folder.name, {}, trainings=told, ending=", as trained"),
        )
        _, written = report.write(evaluation)
        numbers = written.numbers()
        step = numbers["description"]["step"]
        return InDistribution(changes, numbers["summary"], step, page=f"{AS_TRAINED}/{written.page.name}")


def _require_reachable(steppers: Mapping[str, SurrogateStepper], step: float, key: str) -> None:
    """Refuses surrogates whose steps do not lead from snapshot to snapshot.

    Raises:
        ArtefactError: naming the run and the steps that it learned.
    """
    for name, stepper in steppers.items():
        try:
            stepper.prediction.num_steps(step, stepper.learned)
        except ValueError as error:
            raise ArtefactError(f"{key}: {name} cannot be judged on snapshots {step:g} apart. {error}") from None


def changes_of(
    runs: Sequence[Run], dataset: Path, stride: int | None, integrator: Mapping[str, Any] | None
) -> list[str]:
    """What runs are judged on that they were not trained with, a sentence each.

    Args:
        runs: which are named where not all of them are away from their training.
        dataset: that they are judged on.
        stride: of the report, where it has one of its own.
        integrator: of the report, likewise.
    """
    here = identity(problem_node_of(read_manifest(dataset)))
    changes: dict[str, list[str]] = {}
    for run in runs:
        recipe = run.recipe
        own = []
        if recipe.dataset != dataset.name:
            lines = differences(identity(recipe.run.get("pde", here)), here, "pde")
            own = [line.replace(" there, ", " in training, ") for line in lines]
            if not 0 < len(own) <= MOST_CHANGES:
                own = [f"dataset: {recipe.dataset} in training, {dataset.name} here"]
        if stride is not None and stride != recipe.stride:
            own.append(f"stride: {recipe.stride} in training, {stride} here")
        trained_with = recipe.prediction.get("integrator")
        if integrator is not None and identity(integrator) != identity(trained_with):
            own.append(f"integrator: {_written(trained_with)} in training, {_written(integrator)} here")
        for change in own:
            changes.setdefault(change, []).append(run.name)
    return [change if len(away) == len(runs) else f"{change} ({', '.join(away)})" for change, away in changes.items()]


def _written(node: Any) -> str:
    """A node as a call: ``Substeps(number=4, integrator=RungeKutta4())``."""
    if not isinstance(node, Mapping):
        return str(node)
    given = ", ".join(f"{key}={_written(value)}" for key, value in node.items() if not key.startswith("_"))
    return f"{str(node['_target_']).rpartition('.')[2]}({given})"
