"""Rollout reports: of one run at its end, or of several side by side."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from omegaconf import DictConfig

from data.dataset import TrajectoryDataset
from data.recording import Recording
from evaluation.baselines import Baseline, Persistence, made
from evaluation.comparison import comparisons, over_seeds
from evaluation.evaluate import evaluate_rollouts
from evaluation.metrics.metric import Metric
from evaluation.report import write_report
from evaluation.space import Space
from evaluation.summary import summarise, summary_lines
from simulation.annotations import PositiveInt
from simulation.simulator import Simulator
from surrogates.correction import CorrectedPrediction
from surrogates.integrators.integrator import Integrator
from surrogates.prediction import DerivativePrediction, Prediction
from surrogates.stepper import SurrogateStepper
from tendency.baselines import COARSE_SOLVER, subject_of, training_pairs
from tendency.build import build
from tendency.check import check_nodes, check_settings
from tendency.compose import plain
from tendency.datasets import progress_line
from tendency.errors import ArtefactError
from tendency.full_cost import CostStudy
from tendency.hardware import keep_freed_memory, set_matmul_precision
from tendency.judged_runs import (
    common_dataset,
    common_num_test,
    report_folder,
    require_fit,
    require_same_trajectories,
    run_names,
    training_seconds,
)
from tendency.load import load_stepper, read_checkpoint
from tendency.run_selection import select_runs
from tendency.seed_groups import seed_groups
from tendency.settings import EvaluateSettings, settings_of


class RolloutReport:
    """How rollouts are judged.

    Args:
        batch_size: trajectories that are rolled out together.
        stride: every so many stored snapshots are asked for; None asks for those that the surrogate was trained on.
        integrator: of predicted derivatives; None takes the one that each was trained with.
        metrics: by name, measured beside those that every report rests on.
        baselines: by name, rolled out beside the surrogates; persistence alone when left out.
        ensemble: members that a surrogate which draws noise is rolled out with; 1 for none beside its rollout.
        cost: whether the surrogates pay for themselves; not measured when left out.
    """

    def __init__(
        self,
        batch_size: PositiveInt = 16,
        stride: PositiveInt | None = None,
        integrator: Integrator | None = None,
        metrics: Mapping[str, Metric] | None = None,
        baselines: Mapping[str, Baseline] | None = None,
        ensemble: PositiveInt = 1,
        cost: CostStudy | None = None,
    ) -> None:
        self.batch_size, self.stride, self.integrator, self.ensemble = batch_size, stride, integrator, ensemble
        self.cost = cost
        self.metrics = list((metrics or {}).values())
        self.baselines = dict(baselines) if baselines is not None else {"persistence": Persistence()}

    def prediction(self, trained: Prediction) -> Prediction:
        """What is judged of a trained prediction: itself, or stepped by the integrator of this report.

        Raises:
            ValueError: there is an integrator, and the prediction has none that it could replace.
        """
        if self.integrator is None:
            return trained
        if not isinstance(trained, DerivativePrediction):
            raise ValueError(
                f"evaluation.integrator: {type(self.integrator).__name__} steps a derivative, "
                f"got a {type(trained).__name__}"
            )
        return trained.stepped_by(self.integrator)

    def judged(self, trained: SurrogateStepper) -> SurrogateStepper:
        """A trained surrogate as it is judged."""
        return SurrogateStepper(trained.surrogate, self.prediction(trained.prediction), trained.normalizer).eval()

    def write(
        self,
        steppers: Mapping[str, SurrogateStepper],
        dataset: Path,
        num_test: int,
        folder: Path,
        *,
        title: str,
        config: Mapping[str, Any],
        use_gpu: bool = True,
        trained_stride: int = 1,
        skipped: Mapping[str, str] | None = None,
        groups: Mapping[str, list[str]] | None = None,
        training_seconds: Mapping[str, float] | None = None,
    ) -> tuple[list[str], Path]:
        """Rolls the test trajectories out and writes the report.

        Args:
            steppers: by the name that the report calls them.
            dataset: folder of the dataset.
            num_test: its first so many test trajectories.
            folder: of the report.
            title: of the page.
            config: shown in it.
            use_gpu: where there is one.
            trained_stride: of the surrogates' training data.
            skipped: runs that are not judged, each with its reason, which the page repeats.
            groups: names of the surrogates that differ in their seed alone, by what they have in common.
            training_seconds: of each surrogate, where they are known.

        Returns:
            A short table, and the path of the page.
        """
        test = TrajectoryDataset.whole(dataset, "test", num_test, self.stride or trained_stride)
        device = torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")
        judged = {name: self.judged(stepper) for name, stepper in steppers.items()}
        simulators: dict[str, Simulator] = {name: stepper.to(device) for name, stepper in judged.items()}
        subject = subject_of(test)
        beside, reasons = made(self.baselines, subject, training_pairs(dataset, test.stride, device))
        corrected = [s.prediction for s in judged.values() if isinstance(s.prediction, CorrectedPrediction)]
        if corrected:
            beside[COARSE_SOLVER] = corrected[0].coarse
        recordings = self._windows(test, device)
        for name in [name for name, simulator in beside.items() if simulator.history + 1 > recordings.num_snapshots]:
            reasons[name] = f"it starts from {beside.pop(name).history} snapshots, which leaves none to predict"
        time = test.metadata.characteristic_time
        description = {
            "title": title,
            "dataset": dataset.name,
            "pde": test.metadata.name,
            "equation": test.metadata.equation,
            "resolution": test.metadata.resolution,
            "network_calls": {name: _calls(stepper) for name, stepper in judged.items()},
            "learned": list(judged),
            "missing_baselines": reasons,
            "skipped_runs": dict(skipped or {}),
            "seeds": dict(groups or {}),
            "characteristic_time": None if time is None else {"name": time.name, "value": time.value},
            "test_trajectories": num_test,
        }
        results = evaluate_rollouts(
            simulators | beside,
            recordings,
            test.metadata.channel_names,
            folder,
            description=description,
            metrics=self.metrics,
            subject=subject,
            ensemble=self.ensemble,
            progress=progress_line("evaluating"),
        )
        further, verdicts = self._further(results, simulators, test, device, groups or {}, training_seconds or {})
        page = write_report(
            results,
            folder,
            title=title,
            space=recordings.space(),
            configuration=dict(config),
            certificate=test.manifest.certificate.to_dict(),
            provenance=test.manifest.provenance,
            further=further,
        )
        return [*summary_lines(results), *verdicts], page

    def _further(
        self,
        results: xr.Dataset,
        simulators: Mapping[str, Simulator],
        test: TrajectoryDataset,
        device: torch.device,
        groups: Mapping[str, list[str]],
        training_seconds: Mapping[str, float],
    ) -> tuple[dict[str, Any], list[str]]:
        """What is said of seeds, of methods against each other and of their cost: as numbers, and in sentences."""
        further: dict[str, Any] = {
            "seeds": over_seeds(summarise(results), groups),
            "comparisons": comparisons(results, groups),
        }
        if self.cost is None:
            return further, []
        try:
            found = self.cost.measure(simulators, test, device, training_seconds)
        except ValueError as error:
            return further, [f"break-even: not applicable, {error}"]
        return further | found.to_dict(), [one.sentence for one in found.verdicts]

    def _windows(self, test: TrajectoryDataset, device: torch.device) -> "WholeTrajectories":
        return WholeTrajectories(test, self.batch_size, device)


class WholeTrajectories:
    """The trajectories of a split in batches, as often as they are asked for.

    Args:
        dataset: whose windows are whole trajectories.
        batch_size: trajectories in one batch.
        device: where they go.
    """

    def __init__(self, dataset: TrajectoryDataset, batch_size: int, device: torch.device) -> None:
        self.dataset, self.batch_size, self.device = dataset, batch_size, device

    @property
    def num_snapshots(self) -> int:
        """T of each trajectory."""
        return (self.dataset.metadata.num_snapshots - 1) // self.dataset.stride + 1

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Recording]:
        """The batches in order."""
        for first in range(0, len(self.dataset), self.batch_size):
            yield Recording(self.dataset, first, min(self.batch_size, len(self.dataset) - first), self.device)

    def space(self) -> Space:
        """Where the trajectories lie."""
        extents = [recording.conditions.extent.double().cpu().numpy() for recording in self]
        return Space(self.dataset.metadata.geometry, np.concatenate(extents))


def evaluate(config: DictConfig) -> None:
    """Writes one report of several runs.

    Raises:
        ConfigError: the configuration is wrong.
        ArtefactError: a run is missing, or two were judged on different data.
    """
    content = plain(config)
    groups = ("evaluation", "paths")
    check_settings(settings_of(content, groups), EvaluateSettings)
    check_nodes({"evaluation": content["evaluation"]})
    settings = EvaluateSettings(**settings_of(content, groups))
    report: RolloutReport = build(content["evaluation"], "evaluation")
    selection = select_runs(settings.runs)
    checkpoints, recipes = selection.checkpoints, selection.recipes
    names = run_names(checkpoints)
    dataset = common_dataset(settings, recipes, names, Path(content["paths"]["datasets"]))
    keep_freed_memory()
    set_matmul_precision(settings.matmul_precision)
    steppers = {name: load_stepper(path, settings.trust) for name, path in zip(names, checkpoints, strict=True)}
    num_test = settings.num_test or common_num_test(recipes, names)
    if len({recipe.get("stride", 1) for recipe in recipes}) > 1 and report.stride is None:
        strides = [f"{name}: {recipe.get('stride', 1)}" for name, recipe in zip(names, recipes, strict=True)]
        raise ArtefactError(
            "\n".join(["runs: trained with different data.stride; say evaluation.stride=...", *strides])
        )
    judged = [[str(path.resolve()) for path in checkpoints], str(dataset.resolve()), num_test, content["evaluation"]]
    folder = report_folder(settings.name, judged, Path(content["paths"]["outputs"]))
    lines, page = report.write(
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
    )
    print("\n".join(lines))
    for run, reason in selection.skipped.items():
        print(f"left out: {run}: {reason}")
    print(f"report: {page}")


def judge_run(run: Path, report: RolloutReport, folder: Path, datasets: Path, dataset: Path | None = None) -> Path:
    """Judges one run on the test trajectories of its own dataset, as it judged itself at its end, or of another.

    Args:
        run: its folder.
        report: how it is judged.
        folder: of the report.
        datasets: where the dataset lies.
        dataset: folder of another one; None for its own.

    Returns:
        The path of the page.

    Raises:
        ArtefactError: the run or the dataset is missing, or the dataset is not the one that the run had, or does not
            fit it.
    """
    recipe = read_checkpoint(run)["recipe"]
    if dataset is None:
        dataset = datasets / recipe["dataset"]
        require_same_trajectories(dataset, [recipe], [run.name])
    require_fit(dataset, [recipe], [run.name])
    _, page = report.write(
        {run.name: load_stepper(run)},
        dataset,
        recipe["num_test"],
        folder,
        title=folder.name,
        config=recipe.get("run", {}),
        trained_stride=recipe.get("stride", 1),
    )
    return page


def _calls(stepper: SurrogateStepper) -> str:
    """Network calls in one step, for the report."""
    calls = stepper.prediction.network_calls
    return "adaptive" if calls is None else f"{calls:.3g}"
