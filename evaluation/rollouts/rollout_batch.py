"""All metrics of the simulators on one batch, taken in while the snapshots pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.evaluation.metrics.correlation_time import CorrelationTime
from tendency.evaluation.metrics.metric import EnsembleMetric, Metric, SnapshotMetric, TrajectoryMetric
from tendency.evaluation.metrics.relative_errors import RelativeErrors
from tendency.evaluation.metrics.setting import Setting, Subject
from tendency.evaluation.metrics.spectra import Spectra
from tendency.evaluation.metrics.stability import BlowUp, GeometricMean
from tendency.evaluation.rollouts.side_by_side import Moment

Variable = tuple[tuple[str, ...], np.ndarray]
"""Names of the axes, and values."""


def always_measured() -> list[Metric]:
    """What the table and the page of every report rest on."""
    return [RelativeErrors(), CorrelationTime(), BlowUp(), GeometricMean(), Spectra()]


def applicable(metrics: Sequence[Metric], subject: Subject, ensemble: int = 1) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that say something about a subject, and why the others do not, by their figures' names.

    Args:
        metrics: all that are wanted.
        subject: what is judged.
        ensemble: members that are rolled out.

    Raises:
        ValueError: two metrics have a figure of the same name.
    """
    kept: list[Metric] = []
    reasons: dict[str, str] = {}
    names: set[str] = set()
    for metric in metrics:
        if double := sorted(names & set(metric.variables)):
            raise ValueError(f"evaluation.metrics: {type(metric).__name__} measures {double[0]}, as another one does")
        names |= set(metric.variables)
        reason = metric.reason_against(subject)
        if isinstance(metric, EnsembleMetric) and ensemble < 2:
            reason = "one rollout is no ensemble; evaluation.ensemble=8 rolls eight out"
        if reason is None:
            kept.append(metric)
        else:
            reasons |= dict.fromkeys(metric.variables, reason)
    return kept, reasons


class Judge:
    """Judges one batch.

    Args:
        metrics: those that apply.
        simulators: names.
        setting: of the batch.
    """

    def __init__(self, metrics: Sequence[Metric], simulators: Sequence[str], setting: Setting) -> None:
        self.simulators, self.setting = list(simulators), setting
        self.of_snapshots = [metric for metric in metrics if isinstance(metric, SnapshotMetric)]
        self.of_trajectories = [metric for metric in metrics if isinstance(metric, TrajectoryMetric)]
        self.of_ensembles = [metric for metric in metrics if isinstance(metric, EnsembleMetric)]
        self.curves: dict[str, dict[str, Tensor]] = {name: {} for name in simulators}
        self.memories: dict[str, list[Any]] = {name: [None] * len(self.of_trajectories) for name in simulators}

    def take(self, moment: Moment) -> None:
        """Takes one more snapshot in."""
        for name, prediction in moment.predictions.items():
            found = {"one_step_nrmse": moment.one_step[name]}
            for metric in self.of_snapshots:
                found |= metric.measure(prediction, moment.truth, self.setting)
            found |= self._of_members(name, moment)
            for variable, value in found.items():
                self._column(self.curves[name], variable, value)[:, moment.snapshot] = value
            self.memories[name] = [
                follower.take(memory, moment.snapshot, prediction, moment.truth, self.setting)
                for follower, memory in zip(self.of_trajectories, self.memories[name], strict=True)
            ]

    def _column(self, curves: dict[str, Tensor], variable: str, value: Tensor) -> Tensor:
        """Where the values (B, T, ...) of a variable go.

        Made whole at once: small tensors kept from every snapshot would lie between the large ones that are given back,
        and the process would grow with the rollout.
        """
        if variable not in curves:
            snapshots = self.setting.times.shape[1]
            curves[variable] = value.new_full((len(value), snapshots, *value.shape[1:]), torch.nan)
        return curves[variable]

    def _of_members(self, name: str, moment: Moment) -> dict[str, Tensor]:
        """Figures of an ensemble; NaN at the start, where its members are one, and for what draws nothing."""
        found: dict[str, Tensor] = {}
        members = moment.members.get(name)
        for metric in self.of_ensembles:
            if members is not None:
                found |= metric.measure(members, moment.truth, self.setting)
            else:
                # Of the right shape.
                twice = moment.truth.expand(2, *moment.truth.shape)
                alike = metric.measure(twice, moment.truth, self.setting)
                found |= {variable: torch.full_like(value, torch.nan) for variable, value in alike.items()}
        return found

    def variables(self) -> dict[str, Variable]:
        """All figures: (simulator, trajectory, snapshot, ...), those of the truth alone without the simulators."""
        dims = {"one_step_nrmse": ()} | {
            name: own for metric in (*self.of_snapshots, *self.of_ensembles) for name, own in metric.variables.items()
        }
        of_truth = {name for metric in (*self.of_snapshots, *self.of_trajectories) for name in metric.of_truth}
        columns: dict[str, list[np.ndarray]] = {}
        axes: dict[str, tuple[str, ...]] = {}
        for simulator in self.simulators:
            curves = self.curves[simulator]
            for name, values in curves.items():
                axes[name] = ("trajectory", "snapshot", *dims[name])
                columns.setdefault(name, []).append(values.cpu().numpy())
            for metric, memory in zip(self.of_trajectories, self.memories[simulator], strict=True):
                for name, value in metric.result(memory, curves, self.setting).items():
                    axes[name] = ("trajectory", *metric.variables[name])
                    columns.setdefault(name, []).append(value.cpu().numpy())
        return {
            name: (axes[name], found[0]) if name in of_truth else (("simulator", *axes[name]), np.stack(found))
            for name, found in columns.items()
        }

    def labels(self) -> dict[str, list[Any]]:
        """The labels along the metrics' own axes."""
        return {
            axis: list(labels)
            for metric in (*self.of_snapshots, *self.of_trajectories, *self.of_ensembles)
            for axis, labels in metric.labels(self.setting).items()
        }


def joined(parts: Sequence[Mapping[str, Variable]]) -> dict[str, Variable]:
    """The variables of several batches, trajectory after trajectory.

    Where domains of other proportions have fewer shells of wavenumbers, the rest is NaN, whatever the batches were.
    """
    found: dict[str, Variable] = {}
    for name, (axes, first) in parts[0].items():
        arrays = [part[name][1] for part in parts]
        along = axes.index("trajectory")
        if len({(*array.shape[:along], *array.shape[along + 1 :]) for array in arrays}) > 1:
            shape = np.max([array.shape for array in arrays], axis=0)
            arrays = [_padded(array, shape, along) for array in arrays]
        found[name] = (axes, np.concatenate(arrays, along) if len(arrays) > 1 else first)
    return found


def _padded(array: np.ndarray, shape: np.ndarray, along: int) -> np.ndarray:
    sizes = [size if axis == along else most for axis, (size, most) in enumerate(zip(array.shape, shape, strict=True))]
    whole = np.full(sizes, np.nan)
    whole[tuple(slice(size) for size in array.shape)] = array
    return whole
