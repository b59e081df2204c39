"""How rollouts are judged: what a report is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from tendency.app.problems.dataset_problem import problem_of, training_pairs
from tendency.app.progress import progress_line
from tendency.app.reports.subject import subject_of
from tendency.app.reports.told_data import data_facts, problem_words
from tendency.app.reports.told_training import ToldTraining, trainings_of
from tendency.app.runs.report_folder import ReportFolder
from tendency.data.dataset import TrajectoryDataset
from tendency.data.streamed_trajectories import StreamedSplit
from tendency.errors import ConfigError
from tendency.evaluation.baselines.baseline import Baseline, TrainingPairs, build_baselines
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.cost.cost_study import CostStudy
from tendency.evaluation.metrics.context import Subject
from tendency.evaluation.metrics.metric import Metric
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.in_distribution import InDistribution
from tendency.evaluation.report.report import write_report
from tendency.evaluation.report.report_source import ReportSource
from tendency.evaluation.report.sentences import joined
from tendency.evaluation.report.space import Space
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.statistics.method_comparisons import compare_all
from tendency.evaluation.statistics.ranking import shown_trajectories
from tendency.evaluation.statistics.seed_intervals import intervals_over_seeds
from tendency.evaluation.statistics.summary import summarise, summary_lines
from tendency.simulation.annotations import PositiveInt
from tendency.simulation.simulator import Simulator
from tendency.surrogates.integrators.integrator import Integrator
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper


@dataclass(frozen=True)
class JudgedSurrogates:
    """The surrogates of a report, and what is known of their training.

    Args:
        steppers: by the name that the report calls them.
        stride: stored snapshots in one step of their training data.
        groups: names of those that differ in their seed alone, by what they have in common.
        training_seconds: of each, where they are known.
    """

    steppers: Mapping[str, SurrogateStepper]
    stride: int = 1
    groups: Mapping[str, list[str]] = field(default_factory=dict)
    training_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TestData:
    """What surrogates are judged on.

    Args:
        dataset: its folder.
        num_trajectories: its first so many test trajectories.
        home: the dataset that the surrogates were trained on, where it is another one.
    """

    __test__ = False  # no test class of pytest's

    dataset: Path
    num_trajectories: int
    home: Path | None = None


@dataclass(frozen=True)
class ReportText:
    """What a report says beside its figures.

    Args:
        name: of the report.
        configuration: of the runs, plain data.
        skipped: runs that are not judged, each with its reason.
        trainings: that the surrogates come from, by run.
        ending: of the title, such as ", as trained".
    """

    name: str
    configuration: Mapping[str, Any]
    skipped: Mapping[str, str] = field(default_factory=dict)
    trainings: Mapping[str, ToldTraining] = field(default_factory=dict)
    ending: str = ""


@dataclass(frozen=True)
class Evaluation:
    """The rollouts of a report, measured and compared.

    Args:
        results: every figure of every trajectory and snapshot.
        trajectories: that were rolled out.
        space: where their values lie.
        folder: of the report, which holds the rollouts.
        text: title and notes of the report.
        further: figures over seeds, comparisons of methods, and the break-even, plain data.
        verdicts: sentences on whether the surrogates pay.
    """

    results: xr.Dataset
    trajectories: TrajectoryDataset
    space: Space
    folder: Path
    text: ReportText
    further: Mapping[str, Any]
    verdicts: list[str]


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
        keep_all_rollouts: whether ``rollouts.nc`` holds every test trajectory, not the best, median and worst alone.
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
        keep_all_rollouts: bool = False,
    ) -> None:
        self.batch_size, self.stride, self.integrator, self.ensemble = batch_size, stride, integrator, ensemble
        self.cost, self.keep_all_rollouts = cost, keep_all_rollouts
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

    def check_length(self, num_snapshots: int, trained_stride: int, history: int) -> None:
        """Refuses trajectories that leave nothing to predict.

        Args:
            num_snapshots: stored, of a trajectory.
            trained_stride: of the surrogates' training, which this report takes where it has none.
            history: the longest of the surrogates.

        Raises:
            ConfigError: fewer snapshots than the history and one to predict.
        """
        stride = self.stride or trained_stride
        asked = (num_snapshots - 1) // stride + 1
        if asked < history + 1:
            raise ConfigError(
                [
                    f"evaluation.stride: expected one with at least {history + 1} snapshots of a trajectory, "
                    f"{history} to start from and one to predict; got {stride}, with {asked} of the {num_snapshots} "
                    "that are stored"
                ]
            )

    def as_trained(self) -> "RolloutReport":
        """The same report on the steps and with the integrators of the training, cost not measured."""
        metrics = {str(number): metric for number, metric in enumerate(self.metrics)}
        return RolloutReport(
            self.batch_size,
            metrics=metrics,
            baselines=self.baselines,
            ensemble=self.ensemble,
            keep_all_rollouts=self.keep_all_rollouts,
        )

    def judged(self, trained: SurrogateStepper) -> SurrogateStepper:
        """A trained surrogate as it is judged."""
        prediction = self.prediction(trained.prediction)
        return SurrogateStepper(trained.surrogate, prediction, trained.normalizer, trained.learned).eval()

    def evaluate(
        self,
        surrogates: JudgedSurrogates,
        test: TestData,
        folder: Path,
        text: ReportText,
        use_gpu: bool = True,
    ) -> Evaluation:
        """Rolls the test trajectories out with the surrogates and with all that they are compared with.

        Args:
            surrogates: that are judged.
            test: on what.
            folder: where the rollouts and their figures are written as they pass.
            text: title and notes of the report.
            use_gpu: where there is one.

        Returns:
            What ``write`` makes a report of.
        """
        trajectories = TrajectoryDataset.whole(
            test.dataset, "test", test.num_trajectories, self.stride or surrogates.stride
        )
        device = torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")
        judged = {name: self.judged(stepper).to(device) for name, stepper in surrogates.steppers.items()}
        recordings = StreamedSplit(trajectories, self.batch_size, device)
        history = max(stepper.history for stepper in judged.values())
        self.check_length(trajectories.metadata.num_snapshots, surrogates.stride, history)
        subject = subject_of(trajectories, test.home)
        pairs = training_pairs(trajectories, test.home, device)
        beside, reasons = self._beside(judged, subject, pairs, recordings.num_snapshots)
        results = evaluate_rollouts(
            {**judged, **beside},
            recordings,
            trajectories.metadata.channel_names,
            folder,
            description=replace(
                _described(trajectories, judged, subject.step),
                title=text.name,
                missing_baselines=reasons,
                skipped_runs=text.skipped,
                seeds=surrogates.groups,
            ),
            measurement=MeasurementPlan(
                self.metrics, subject, self.ensemble, None if self.keep_all_rollouts else shown_trajectories
            ),
            progress=progress_line("evaluating"),
        )
        seeds = intervals_over_seeds(summarise(results), surrogates.groups, StatedFigures.of_results(results))
        further = {"seeds": seeds, "comparisons": compare_all(results, surrogates.groups, list(judged))}
        cost, verdicts = self._cost(judged, trajectories, device, surrogates.training_seconds)
        space = Space(trajectories.metadata.geometry, recordings.extents())
        return Evaluation(results, trajectories, space, folder, text, further | cost, verdicts)

    def write(
        self, evaluation: Evaluation, in_distribution: InDistribution | None = None
    ) -> tuple[list[str], ReportFolder]:
        """Writes the report.

        Args:
            evaluation: from ``evaluate``.
            in_distribution: how the surrogates do as they were trained, where this report is on something else.

        Returns:
            A short table, and where the report lies.
        """
        away, text = {}, evaluation.text
        if in_distribution is not None:
            away = {"in_distribution": in_distribution.to_dict()}
            text = replace(text, ending=", away from the training")
        write_report(
            evaluation.results,
            evaluation.folder,
            _source(text, evaluation.trajectories),
            evaluation.space,
            {**evaluation.further, **away},
        )
        return [*summary_lines(evaluation.results), *evaluation.verdicts], ReportFolder(evaluation.folder)

    def _beside(
        self, judged: Mapping[str, SurrogateStepper], subject: Subject, pairs: TrainingPairs, num_snapshots: int
    ) -> tuple[dict[str, Simulator], dict[str, str]]:
        """What the surrogates are compared with, by name, and why each of the others is left out."""
        beside, reasons = build_baselines(self.baselines, subject, pairs)
        companions = [pair for stepper in judged.values() if (pair := stepper.prediction.companion())]
        beside |= dict(reversed(companions))  # of several with one title, the first surrogate's
        for name in [name for name, simulator in beside.items() if simulator.history + 1 > num_snapshots]:
            reasons[name] = f"it starts from {beside.pop(name).history} snapshots, which leaves none to predict"
        return beside, reasons

    def _cost(
        self,
        simulators: Mapping[str, Simulator],
        test: TrajectoryDataset,
        device: torch.device,
        training_seconds: Mapping[str, float],
    ) -> tuple[dict[str, Any], list[str]]:
        """Whether the surrogates pay, where that is measured: as numbers, and in sentences."""
        if self.cost is None:
            return {}, []
        try:
            found = self.cost.measure(simulators, test, device, training_seconds)
        except ValueError as error:
            return {}, [f"break-even: not applicable, {error}"]
        return found.to_dict(), [one.sentence for one in found.verdicts]


def _source(text: ReportText, test: TrajectoryDataset) -> ReportSource:
    """What the report is made of beside its results; its title in words, where it is known what was trained."""
    problem, formula = problem_words(test)
    trainings = trainings_of(text.trainings)
    title = f"{joined(trainings.networks)} on {problem}" if trainings.networks else text.name
    title += text.ending
    return ReportSource(
        title=title,
        configuration=dict(text.configuration),
        certificate=test.manifest.certificate.to_dict(),
        provenance=test.manifest.provenance,
        problem=problem,
        formula=formula,
        data=data_facts(test),
        trainings=trainings,
        has_solver=problem_of(test) is not None,
    )


def _described(
    test: TrajectoryDataset, judged: Mapping[str, SurrogateStepper], step: float | None
) -> ReportDescription:
    """What is judged and on what."""
    return ReportDescription(
        dataset=test.folder.name,
        pde=test.metadata.name,
        equation=test.metadata.equation,
        resolution=test.metadata.resolution,
        step=step,
        network_calls={name: _calls(stepper, step) for name, stepper in judged.items()},
        learned=list(judged),
        characteristic_time=test.metadata.characteristic_time,
        test_trajectories=len(test),
    )


def _calls(stepper: SurrogateStepper, step: float | None) -> str:
    """Network calls from one snapshot to the next, for the report."""
    calls = stepper.prediction.network_calls
    if calls is None:
        return "adaptive"
    steps = 1 if step is None else stepper.prediction.num_steps(step, stepper.learned)
    return f"{steps * calls:.3g}"
