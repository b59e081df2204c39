"""Runs that stand in one report: on which data they are judged, and what they do as they were trained beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tendency.app.configuration.build import build
from tendency.app.configuration.settings import EvaluateSettings
from tendency.app.problems.shifted_dataset import shifted_dataset
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.reports.same_test_data import (
    common_dataset,
    common_num_test,
    report_folder,
    require_fit,
    require_same_trajectories,
    run_names,
    training_seconds,
)
from tendency.app.runs.checkpoint_reader import load_stepper
from tendency.app.runs.run_folder import differences
from tendency.app.runs.run_selection import Selection
from tendency.app.runs.seed_groups import configuration_of, seed_groups
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError
from tendency.errors import ArtefactError
from tendency.evaluation.report.in_distribution import InDistribution
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

    def report_on(self, selection: Selection, parent: Path, name: str | None = None) -> tuple[list[str], Path]:
        """Writes the report of runs that are judged on the same data.

        Args:
            selection: the runs.
            parent: folder in which the report's own is made.
            name: of that folder; None takes that of the settings, or makes one from all that the report rests on.

        Returns:
            A short table, and the path of the page.
        """
        checkpoints, recipes = selection.checkpoints, selection.recipes
        names = run_names(checkpoints)
        num_test = self.settings.num_test or common_num_test(recipes, names)
        self._require_one_stride(names, recipes)
        # Refused before data are made: a name that is taken, foreign code, an integrator of what has none.
        if name is None and self.settings.name is not None:
            report_folder(self.settings.name, [], parent)
        steppers = self._steppers(names, checkpoints)
        for stepper in steppers.values():
            self.report.judged(stepper)
        dataset = self._dataset(names, selection, num_test)
        judged = [[str(path.resolve()) for path in checkpoints], str(dataset.resolve()), num_test, self.node]
        folder = parent / name if name is not None else report_folder(self.settings.name, judged, parent)
        changes = changes_of(names, recipes, dataset, self.report.stride, self.node.get("integrator"))
        home = self._home(names, recipes)
        trained_on = {recipe["dataset"] for recipe in recipes} - {dataset.name}
        return self.report.write(
            steppers,
            dataset,
            num_test,
            folder,
            title=folder.name,
            config={name: recipe.get("run", {}) for name, recipe in zip(names, recipes, strict=True)},
            trained_stride=recipes[0].get("stride", 1),
            skipped=selection.skipped,
            groups=seed_groups(names, checkpoints, recipes),
            training_seconds=training_seconds(names, checkpoints),
            home=self.datasets / trained_on.pop() if len(trained_on) == 1 else None,
            in_distribution=(lambda: self._as_trained(steppers, recipes, home, num_test, folder, changes))
            if changes
            else None,
        )

    def _require_one_stride(self, names: Sequence[str], recipes: Sequence[Mapping[str, Any]]) -> None:
        if len({recipe.get("stride", 1) for recipe in recipes}) > 1 and self.report.stride is None:
            strides = [f"{name}: {recipe.get('stride', 1)}" for name, recipe in zip(names, recipes, strict=True)]
            raise ArtefactError(
                "\n".join(["runs: trained with different data.stride; say evaluation.stride=...", *strides])
            )

    def _steppers(self, names: Sequence[str], checkpoints: Sequence[Path]) -> dict[str, SurrogateStepper]:
        return {name: load_stepper(path, self.settings.trust) for name, path in zip(names, checkpoints, strict=True)}

    def _dataset(self, names: list[str], selection: Selection, num_test: int) -> Path:
        """The data that all are judged on: their own, another dataset, or their own problem changed."""
        if not self.settings.shift:
            return common_dataset(self.settings, selection.recipes, names, self.datasets)
        known = [configuration_of(*pair) for pair in zip(selection.checkpoints, selection.recipes, strict=True)]
        configurations = dict(zip(names, known, strict=True))
        time = selection.recipes[0]["metadata"].get("characteristic_time")
        folder = shifted_dataset(configurations, self.settings.shift, num_test, self.datasets, time)
        require_fit(folder, selection.recipes, names)
        return folder

    def _home(self, names: list[str], recipes: list[dict[str, Any]]) -> Path | str:
        """The dataset that the runs were trained on, or why it cannot be judged on."""
        if len({(recipe["dataset"], recipe.get("stride", 1)) for recipe in recipes}) > 1:
            return "the runs were trained on different datasets or with different data.stride"
        home = self.datasets / recipes[0]["dataset"]
        try:
            require_same_trajectories(home, recipes, names)
        except (ArtefactError, DatasetError) as error:
            return " ".join(str(error).split())
        return home

    def _as_trained(
        self,
        steppers: Mapping[str, SurrogateStepper],
        recipes: list[dict[str, Any]],
        home: Path | str,
        num_test: int,
        folder: Path,
        changes: Sequence[str],
    ) -> InDistribution:
        """A second report inside the first, on what the runs were trained on."""
        if isinstance(home, str):
            return InDistribution(changes, {}, missing=home)
        _, page = self.report.as_trained().write(
            steppers,
            home,
            min(num_test, *(recipe["num_test"] for recipe in recipes)),
            folder / AS_TRAINED,
            title=f"{folder.name}, as trained",
            config={},
            trained_stride=recipes[0].get("stride", 1),
        )
        numbers = json.loads((folder / AS_TRAINED / "metrics.json").read_text(encoding="utf-8"))
        step = numbers["description"]["step"]
        return InDistribution(changes, numbers["summary"], step, page=f"{AS_TRAINED}/{page.name}")


def changes_of(
    names: Sequence[str],
    recipes: Sequence[Mapping[str, Any]],
    dataset: Path,
    stride: int | None,
    integrator: Mapping[str, Any] | None,
) -> list[str]:
    """What runs are judged on that they were not trained with, a sentence each.

    Args:
        names: of the runs, which are named where not all of them are away from their training.
        recipes: of their surrogates.
        dataset: that they are judged on.
        stride: of the report, where it has one of its own.
        integrator: of the report, likewise.
    """
    here = read_manifest(dataset).description.get("problem", {})
    changes: dict[str, list[str]] = {}
    for name, recipe in zip(names, recipes, strict=True):
        own = []
        if recipe["dataset"] != dataset.name:
            lines = differences(recipe.get("run", {}).get("pde", here), here, "pde")
            own = [line.replace(" there, ", " in training, ") for line in lines]
            if not 0 < len(own) <= MOST_CHANGES:
                own = [f"dataset: {recipe['dataset']} in training, {dataset.name} here"]
        if stride is not None and stride != (trained := recipe.get("stride", 1)):
            own.append(f"stride: {trained} in training, {stride} here")
        if integrator is not None and integrator != (stepped := recipe["prediction"].get("integrator")):
            own.append(f"integrator: {_written(stepped)} in training, {_written(integrator)} here")
        for change in own:
            changes.setdefault(change, []).append(name)
    return [change if len(away) == len(names) else f"{change} ({', '.join(away)})" for change, away in changes.items()]


def _written(node: Any) -> str:
    """A node as a call: ``Substeps(number=4, integrator=RungeKutta4())``."""
    if not isinstance(node, Mapping):
        return str(node)
    given = ", ".join(f"{key}={_written(value)}" for key, value in node.items() if not key.startswith("_"))
    return f"{str(node['_target_']).rpartition('.')[2]}({given})"
