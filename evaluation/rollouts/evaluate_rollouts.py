"""Rolls simulators out over test trajectories and measures every snapshot, streaming to disk."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import h5netcdf
import torch
import xarray as xr
from xarray.backends import H5NetCDFStore

from tendency.data.whole_file import sweep_leftovers, write_whole_bytes
from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.metric import Metric
from tendency.evaluation.metrics.standard_metrics import standard_metrics
from tendency.evaluation.metrics.stated_figures import ATTRIBUTE as FIGURES_ATTRIBUTE
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report_description import ATTRIBUTE, FIRST_SNAPSHOT, ReportDescription
from tendency.evaluation.rollouts.batch_metrics import (
    BatchMetrics,
    Variable,
    applicable_metrics,
    concatenate_batches,
)
from tendency.evaluation.rollouts.rollout_file import RolloutFile
from tendency.evaluation.rollouts.side_by_side import SnapshotSource, roll_out_side_by_side, split_at_start
from tendency.simulation.fields import Field
from tendency.simulation.simulator import Simulator


class TrajectoryBatches(Protocol):
    """Batches of whole test trajectories."""

    def __iter__(self) -> Iterator[SnapshotSource]:
        """The batches in order."""
        ...

    def __len__(self) -> int:
        """Number of batches."""
        ...


@dataclass(frozen=True)
class MeasurementPlan:
    """What is measured of rollouts.

    Args:
        metrics: metrics beside those that every report rests on.
        subject: fields, geometry and solver of the trajectories; None for scalar fields with the channels' names, of
            which nothing else is known.
        ensemble: number of members that simulators which draw noise are rolled out with; 1 for the rollout alone.
        kept: which trajectories stay in ``rollouts.nc``, as rows of the results; None for all.
    """

    metrics: Sequence[Metric] = ()
    subject: Subject | None = None
    ensemble: int = 1
    kept: Callable[[xr.Dataset], Sequence[int]] | None = None


STANDARD_PLAN = MeasurementPlan()


def common_start(simulators: Mapping[str, Simulator]) -> int:
    """The number of the snapshot that rollouts start from: where the longest history ends.

    Args:
        simulators: simulators by name; of a report, its surrogates.
    """
    return max(simulator.history for simulator in simulators.values()) - 1


def evaluate_rollouts(
    simulators: Mapping[str, Simulator],
    trajectories: TrajectoryBatches | Sequence[SnapshotSource],
    channel_names: Sequence[str],
    folder: Path,
    *,
    description: ReportDescription,
    measurement: MeasurementPlan = STANDARD_PLAN,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> xr.Dataset:
    """Measures simulators on the same trajectories, from the same snapshot.

    Rollouts start at the snapshot where the longest history of the surrogates ends (those in ``description.learned``;
    of all simulators where it is None). A baseline that needs more snapshots starts as soon as it has them: its figures
    before are NaN, and ``first_snapshot`` (simulator,) says where each method starts. Beside its rollout, each also
    takes one step from every true snapshot. Nothing is averaged over trajectories; reductions run in float64, so that
    the numbers do not depend on the batch. Memory holds one snapshot of each method at a time, and of the truth what
    its source holds.

    Args:
        simulators: simulators by name.
        trajectories: batches of whole trajectories: windows, or files that are read snapshot by snapshot.
        channel_names: names of the C channels.
        folder: folder of ``rollouts.nc`` (truth and predictions, written snapshot by snapshot) and ``metrics.nc``.
        description: what the report is about; stored in the results' attributes, with why a metric does not apply,
            and what the metrics state of their figures.
        measurement: which metrics, of what, and with how many members.
        progress: callback with (batches done, batches in all).

    Returns:
        The content of metrics.nc.

    Raises:
        ValueError: trajectories too short to roll out, or two metrics of one name.
    """
    subject, ensemble = measurement.subject, measurement.ensemble
    start = common_start({name: simulators[name] for name in description.learned or simulators})
    longest = max(start, common_start(simulators)) + 1
    folder.mkdir(parents=True, exist_ok=True)
    sweep_leftovers(folder)
    batches: list[dict[str, Variable]] = []
    labels: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    metrics: list[Metric] = []
    given: tuple[str, ...] = ()
    with RolloutFile(folder / "rollouts.nc", list(simulators), channel_names) as file, torch.inference_mode():
        for done, source in enumerate(trajectories, 1):
            if source.t.shape[1] < longest + 1:
                raise ValueError(
                    f"trajectories of {source.t.shape[1]} snapshots are too short for a history of {longest}"
                )
            if subject is None:
                subject = Subject(tuple(Field(name) for name in channel_names), source.conditions.geometry)
            metrics, reasons = applicable_metrics([*standard_metrics(), *measurement.metrics], subject, ensemble)
            variables, labels = _measure_batch(simulators, source, start, metrics, subject, ensemble, file)
            batches.append(variables)
            given = source.conditions.given_names
            progress(done, len(trajectories))
        labels |= {"simulator": list(simulators), "channel": list(channel_names)}
        results, empty = _dataset(concatenate_batches(batches), labels)
        results[FIRST_SNAPSHOT] = ("simulator", [max(one.history - 1 - start, 0) for one in simulators.values()])
        reasons |= dict.fromkeys(empty, "this problem has none")
        known_labels = {str(axis): results[axis].values.tolist() for axis in results.coords}
        figures = StatedFigures.of_metrics(metrics, known_labels, description.characteristic_time)
        results.attrs = {
            ATTRIBUTE: json.dumps(replace(description, not_applicable=reasons, given=given).to_dict()),
            FIGURES_ATTRIBUTE: json.dumps(figures.to_dict()),
            "start_snapshot": start,
            "ensemble": ensemble,
        }
        if measurement.kept is not None:
            file.keep(measurement.kept(results))
    write_netcdf(results, folder / "metrics.nc")
    return results


def write_netcdf(results: xr.Dataset, path: Path) -> None:
    """Writes a dataset whole or not at all; made in memory, since HDF5 does not bear a full disk."""
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        results.dump_to_store(H5NetCDFStore(file))
    write_whole_bytes(path, content.getvalue())


def _measure_batch(
    simulators: Mapping[str, Simulator],
    source: SnapshotSource,
    start: int,
    metrics: Sequence[Metric],
    subject: Subject,
    ensemble: int,
    file: RolloutFile,
) -> tuple[dict[str, Variable], dict[str, Any]]:
    """The figures of one batch, and the labels of their axes."""
    past, following = split_at_start(source, start)
    conditions, times = source.conditions, source.t[:, start:]
    weights = conditions.weights()
    context = BatchContext(subject, conditions, times, past[-1], weights)
    file.append(source.index, times, past[-1], conditions)
    unknown = torch.full_like(past[-1], torch.nan)
    batch = BatchMetrics(metrics, list(simulators), context)
    for current in roll_out_side_by_side(simulators, source, start, past, following, weights, ensemble):
        file.write_truth(current.snapshot, current.truth)
        for name in simulators:
            file.write_prediction(name, current.snapshot, current.predictions.get(name, unknown))
        batch.update(current)
    variables = batch.variables()
    variables["trajectory"] = (("trajectory",), source.index.cpu().numpy())
    variables["time"] = (("trajectory", "snapshot"), (times - times[:, :1]).cpu().numpy())
    variables["absolute_time"] = (("trajectory", "snapshot"), times.cpu().numpy())
    return variables, batch.labels()


def _dataset(variables: Mapping[str, Variable], labels: Mapping[str, Any]) -> tuple[xr.Dataset, list[str]]:
    """The figures as a dataset, and the names of those without any value, which are left out."""
    empty = [name for name, (_, values) in variables.items() if values.size == 0]
    figures = {name: value for name, value in variables.items() if name != "trajectory" and name not in empty}
    coordinates = {"trajectory": variables["trajectory"]}
    coordinates |= {axis: ((axis,), values) for axis, values in labels.items() if len(values)}
    return xr.Dataset(figures, coordinates), empty
