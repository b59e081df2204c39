"""How rollouts are judged: what a report is made of."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from tendency.app.problems.dataset_problem import training_pairs
from tendency.app.progress import progress_line
from tendency.app.reports.subject import subject_of
from tendency.data.dataset import TrajectoryDataset
from tendency.data.whole_trajectories import WholeTrajectories
from tendency.evaluation.baselines.baseline import Baseline, build_baselines
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.cost.cost_study import CostStudy
from tendency.evaluation.metrics.metric import Metric
from tendency.evaluation.report.in_distribution import InDistribution
from tendency.evaluation.report.report import write_report
from tendency.evaluation.report.space import Space
from tendency.evaluation.rollouts.evaluate_rollouts import evaluate_rollouts
from tendency.evaluation.statistics.paired_comparison import comparisons, over_seeds
from tendency.evaluation.statistics.summary import summarise, summary_lines
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.simulator import Simulator
from tendency.surrogates.integrators.integrator import Integrator
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper


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

    def as_trained(self) -> "RolloutReport":
        """The same report on the steps and with the integrators of the training, cost not measured."""
        metrics = {str(number): metric for number, metric in enumerate(self.metrics)}
        return RolloutReport(self.batch_size, metrics=metrics, baselines=self.baselines, ensemble=self.ensemble)

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
        home: Path | None = None,
        in_distribution: Callable[[], InDistribution] | None = None,
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
            home: the dataset that the surrogates were trained on, where it is another one.
            in_distribution: measures how they do as they were trained, where this report is on something else; called
                when the rollouts of this one are done.

        Returns:
            A short table, and the path of the page.
        """
        test = TrajectoryDataset.whole(dataset, "test", num_test, self.stride or trained_stride)
        device = torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")
        judged = {name: self.judged(stepper) for name, stepper in steppers.items()}
        simulators: dict[str, Simulator] = {name: stepper.to(device) for name, stepper in judged.items()}
        subject = subject_of(test, home)
        beside, reasons = build_baselines(self.baselines, subject, training_pairs(test, home, device))
        companions = [pair for stepper in judged.values() if (pair := stepper.prediction.companion())]
        beside |= dict(reversed(companions))  # of several with one title, the first surrogate's
        recordings = self._windows(test, device)
        for name in [name for name, simulator in beside.items() if simulator.history + 1 > recordings.num_snapshots]:
            reasons[name] = f"it starts from {beside.pop(name).history} snapshots, which leaves none to predict"
        description = _described(test, judged, subject.step) | {
            "title": title,
            "missing_baselines": reasons,
            "skipped_runs": dict(skipped or {}),
            "seeds": dict(groups or {}),
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
        if in_distribution is not None:
            further["in_distribution"] = in_distribution().to_dict()
        page = write_report(
            results,
            folder,
            title=title,
            space=Space(test.metadata.geometry, recordings.extents()),
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


def _described(test: TrajectoryDataset, judged: Mapping[str, SurrogateStepper], step: float | None) -> dict[str, Any]:
    """What is judged and on what, as plain data."""
    metadata, time = test.metadata, test.metadata.characteristic_time
    return {
        "dataset": test.folder.name,
        "pde": metadata.name,
        "equation": metadata.equation,
        "resolution": metadata.resolution,
        "step": step,
        "network_calls": {name: _calls(stepper) for name, stepper in judged.items()},
        "learned": list(judged),
        "characteristic_time": None if time is None else {"name": time.name, "value": time.value},
        "test_trajectories": len(test),
    }


def _calls(stepper: SurrogateStepper) -> str:
    """Network calls in one step, for the report."""
    calls = stepper.prediction.network_calls
    return "adaptive" if calls is None else f"{calls:.3g}"
