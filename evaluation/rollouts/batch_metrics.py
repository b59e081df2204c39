"""All metrics of the simulators on one batch of trajectories, updated while the snapshots pass."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.figure import MetricFigure, Summary
from tendency.evaluation.metrics.metric import EnsembleMetric, Metric, SnapshotMetric, TrajectoryMetric
from tendency.evaluation.metrics.stated_figures import ONE_STEP
from tendency.evaluation.rollouts.side_by_side import RolloutSnapshot

Variable = tuple[tuple[str, ...], np.ndarray]
"""Names of the axes, and values."""


def applicable_metrics(
    metrics: Sequence[Metric], subject: Subject, ensemble: int = 1
) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that apply to a subject, and why the others do not, by the names of their figures.

    Args:
        metrics: metrics that are wanted.
        subject: the subject of the report.
        ensemble: number of members that are rolled out.

    Raises:
        ValueError: two figures have the same name, title or key in the summary, or a metric does not state its figures.
    """
    kept: list[Metric] = []
    reasons: dict[str, str] = {}
    taken = {what: set(words) for what, words in _words_of([(ONE_STEP, ONE_STEP.summaries or ())]).items()}
    for metric in metrics:
        if not getattr(metric, "figures", ()):
            raise ValueError(
                f"evaluation.metrics: {type(metric).__name__} states no figures, "
                'expected figures = (MetricFigure("name", "title", SMALLER),)'
            )
        for what, words in _words_of([(one, metric.summaries(one)) for one in metric.figures]).items():
            if double := next((word for word in words if word in taken[what] or words.count(word) > 1), None):
                raise ValueError(f"evaluation.metrics: {type(metric).__name__} {what} {double}, as another one does")
            taken[what] |= set(words)
        reason = metric.reason_against(subject)
        if isinstance(metric, EnsembleMetric) and ensemble < 2:
            reason = "one rollout is no ensemble; evaluation.ensemble=8 rolls eight out"
        if reason is None:
            kept.append(metric)
        else:
            reasons |= dict.fromkeys(metric.variables, reason)
    return kept, reasons


def _words_of(stated: Sequence[tuple[MetricFigure, Sequence[Summary]]]) -> dict[str, list[str]]:
    """The names, titles and keys of figures: what a page, a file or a summary finds each of them by."""
    return {
        "measures": [figure.name for figure, _ in stated],
        "has a figure with the title": [figure.title for figure, _ in stated],
        "has a number with the key": [
            key for _, summaries in stated for summary in summaries for key in _keys(summary)
        ],
    }


def _keys(summary: Summary) -> list[str]:
    """The keys of the labels that a summary states, or what those of all labels begin with."""
    return [summary.key] if summary.labels is None else [f"{summary.key}_{label}" for label in summary.labels]


class BatchMetrics:
    """The figures of several simulators on one batch.

    Each is measured from the snapshot on where its own rollout starts; its figures of a snapshot before are NaN.

    Args:
        metrics: metrics that apply.
        simulators: names of the simulators.
        context: conditions, times, start and weights of the batch.
    """

    def __init__(self, metrics: Sequence[Metric], simulators: Sequence[str], context: BatchContext) -> None:
        self.simulators, self.context = list(simulators), context
        self.contexts: dict[str, BatchContext] = {}
        self._by_start: dict[int, BatchContext] = {0: context}
        self.snapshot_metrics = [metric for metric in metrics if isinstance(metric, SnapshotMetric)]
        self.trajectory_metrics = [metric for metric in metrics if isinstance(metric, TrajectoryMetric)]
        self.ensemble_metrics = [metric for metric in metrics if isinstance(metric, EnsembleMetric)]
        self.curves: dict[str, dict[str, Tensor]] = {name: {} for name in simulators}
        self.memories: dict[str, list[Any]] = {name: [None] * len(self.trajectory_metrics) for name in simulators}

    def update(self, current: RolloutSnapshot) -> None:
        """Measures one more snapshot."""
        for name, prediction in current.predictions.items():
            if name not in self.contexts:
                self.contexts[name] = self._context_from(current)
            context = self.contexts[name]
            figures = {ONE_STEP.name: current.one_step_nrmse[name]}
            for metric in self.snapshot_metrics:
                figures |= metric.measure(prediction, current.truth, context)
            figures |= self._ensemble_figures(name, current)
            for variable, value in figures.items():
                self._curve(self.curves[name], variable, value)[:, current.snapshot] = value
            self.memories[name] = [
                metric.update(memory, current.snapshot - context.missed, prediction, current.truth, context)
                for metric, memory in zip(self.trajectory_metrics, self.memories[name], strict=True)
            ]

    def _context_from(self, current: RolloutSnapshot) -> BatchContext:
        """The context of rollouts that start at a snapshot, shared by all that do."""
        missed = current.snapshot
        if missed not in self._by_start:
            times = self.context.times[:, missed:]
            self._by_start[missed] = replace(self.context, times=times, start=current.truth, missed=missed)
        return self._by_start[missed]

    def _curve(self, curves: dict[str, Tensor], variable: str, value: Tensor) -> Tensor:
        """The values (B, T, ...) of a variable, allocated for all snapshots at the first one.

        Small tensors kept from every snapshot would lie between the large ones that are freed, and the memory of the
        process would grow with the rollout.
        """
        if variable not in curves:
            snapshots = self.context.times.shape[1]
            curves[variable] = value.new_full((len(value), snapshots, *value.shape[1:]), torch.nan)
        return curves[variable]

    def _ensemble_figures(self, name: str, current: RolloutSnapshot) -> dict[str, Tensor]:
        """Figures of an ensemble; NaN at the start, where its members are equal, and for simulators without noise."""
        figures: dict[str, Tensor] = {}
        members = current.members.get(name)
        for metric in self.ensemble_metrics:
            if members is not None:
                figures |= metric.measure(members, current.truth, self.context)
            else:
                # Measured of two equal members for the shape of its figures alone.
                equal_members = current.truth.expand(2, *current.truth.shape)
                shaped = metric.measure(equal_members, current.truth, self.context)
                figures |= {variable: torch.full_like(value, torch.nan) for variable, value in shaped.items()}
        return figures

    def variables(self) -> dict[str, Variable]:
        """All figures: (simulator, trajectory, snapshot, ...), those of the truth alone without the simulators."""
        dims = {ONE_STEP.name: ONE_STEP.axes} | {
            name: own
            for metric in (*self.snapshot_metrics, *self.ensemble_metrics)
            for name, own in metric.variables.items()
        }
        of_truth = {
            figure.name
            for metric in (*self.snapshot_metrics, *self.trajectory_metrics)
            for figure in metric.figures
            if figure.of_truth
        }
        columns: dict[str, list[np.ndarray]] = {}
        axes: dict[str, tuple[str, ...]] = {}
        for simulator in self.simulators:
            curves = self.curves[simulator]
            for name, values in curves.items():
                axes[name] = ("trajectory", "snapshot", *dims[name])
                columns.setdefault(name, []).append(values.cpu().numpy())
            context = self.contexts[simulator]
            own = {name: values[:, context.missed :] for name, values in curves.items()}
            for metric, memory in zip(self.trajectory_metrics, self.memories[simulator], strict=True):
                for name, value in metric.result(memory, own, context).items():
                    axes[name] = ("trajectory", *metric.variables[name])
                    columns.setdefault(name, []).append(value.cpu().numpy())
        # Figures of the truth alone come from a method that sees all of it.
        earliest = int(np.argmin([self.contexts[name].missed for name in self.simulators]))
        return {
            name: (axes[name], arrays[earliest]) if name in of_truth else (("simulator", *axes[name]), np.stack(arrays))
            for name, arrays in columns.items()
        }

    def labels(self) -> dict[str, list[Any]]:
        """The labels along the metrics' own axes."""
        return {
            axis: list(labels)
            for metric in (*self.snapshot_metrics, *self.trajectory_metrics, *self.ensemble_metrics)
            for axis, labels in metric.labels(self.context).items()
        }


def concatenate_batches(batches: Sequence[Mapping[str, Variable]]) -> dict[str, Variable]:
    """The variables of several batches, concatenated along the trajectories.

    A batch whose domains have other proportions may have fewer shells of wavenumbers; the rest is NaN.

    Args:
        batches: variables of each batch, by name.
    """
    variables: dict[str, Variable] = {}
    for name, (axes, first) in batches[0].items():
        arrays = [batch[name][1] for batch in batches]
        along = axes.index("trajectory")
        if len({(*array.shape[:along], *array.shape[along + 1 :]) for array in arrays}) > 1:
            shape = np.max([array.shape for array in arrays], axis=0)
            arrays = [_pad_with_nan(array, shape, along) for array in arrays]
        variables[name] = (axes, np.concatenate(arrays, along) if len(arrays) > 1 else first)
    return variables


def _pad_with_nan(array: np.ndarray, shape: np.ndarray, along: int) -> np.ndarray:
    """An array of the given shape on all axes but the one ``along``."""
    sizes = [size if axis == along else most for axis, (size, most) in enumerate(zip(array.shape, shape, strict=True))]
    padded = np.full(sizes, np.nan)
    padded[tuple(slice(size) for size in array.shape)] = array
    return padded
