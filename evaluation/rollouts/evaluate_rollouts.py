"""Rolls simulators out over test trajectories and judges every snapshot, streaming to disk."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
import xarray as xr

from tendency.data.whole_file import sweep_leftovers, whole_file
from tendency.evaluation.metrics.metric import Metric
from tendency.evaluation.metrics.setting import Setting, Subject
from tendency.evaluation.rollouts.rollout_batch import Judge, Variable, always_measured, applicable, joined
from tendency.evaluation.rollouts.rollout_file import RolloutFile
from tendency.evaluation.rollouts.side_by_side import SnapshotSource, recent, side_by_side
from tendency.simulation.fields import Field
from tendency.simulation.simulator import Simulator


class TestTrajectories(Protocol):
    """Batches of whole trajectories that can be gone through."""

    def __iter__(self) -> Iterator[SnapshotSource]:
        """The batches in order."""
        ...

    def __len__(self) -> int:
        """Number of batches."""
        ...


def evaluate_rollouts(
    simulators: Mapping[str, Simulator],
    trajectories: TestTrajectories | Sequence[SnapshotSource],
    channel_names: Sequence[str],
    folder: Path,
    *,
    description: Mapping[str, Any],
    metrics: Sequence[Metric] = (),
    subject: Subject | None = None,
    ensemble: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> xr.Dataset:
    """Judges simulators on the same trajectories, from the same snapshot.

    Every method starts at the snapshot where the largest history ends. Beside its rollout, each is also asked for one
    step from every true snapshot. Nothing is averaged over trajectories; reductions run in float64, so that the numbers
    do not depend on the batch. Memory holds one snapshot of each method at a time, and of the truth what its source
    holds.

    Args:
        simulators: by name.
        trajectories: batches of whole trajectories: windows, or recordings that are read as they pass.
        channel_names: of the C channels.
        folder: ``rollouts.nc`` (truth and predictions, written as they pass) and ``metrics.nc`` go there.
        description: recorded in the results' attributes, together with why a metric does not apply.
        metrics: measured beside those that every report rests on.
        subject: what is judged; scalar fields of these names and nothing else known of them when left out.
        ensemble: members that simulators which draw are rolled out with; 1 for none beside the rollout itself.
        progress: called with (batches done, batches in all).

    Returns:
        The content of metrics.nc.

    Raises:
        ValueError: trajectories too short to roll out, or two metrics of one name.
    """
    start = max(simulator.history for simulator in simulators.values()) - 1
    folder.mkdir(parents=True, exist_ok=True)
    sweep_leftovers(folder)
    parts: list[dict[str, Variable]] = []
    labels: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    with RolloutFile(folder / "rollouts.nc", list(simulators), channel_names) as file, torch.inference_mode():
        for done, recording in enumerate(trajectories):
            if recording.t.shape[1] < start + 2:
                raise ValueError(
                    f"trajectories of {recording.t.shape[1]} snapshots are too short for a history of {start + 1}"
                )
            if subject is None:
                subject = Subject(tuple(Field(name) for name in channel_names), recording.conditions.geometry)
            kept, reasons = applicable([*always_measured(), *metrics], subject, ensemble)
            part, labels = _judged(simulators, recording, start, kept, subject, ensemble, file)
            parts.append(part)
            progress(done + 1, len(trajectories))
    labels |= {"simulator": list(simulators), "channel": list(channel_names)}
    variables = joined(parts)
    empty = [name for name, (_, values) in variables.items() if values.size == 0]
    reasons |= dict.fromkeys(empty, "this problem has none")
    results = _dataset({name: value for name, value in variables.items() if name not in empty}, labels)
    results.attrs = {
        "description": json.dumps({**description, "not_applicable": reasons}),
        "start_snapshot": start,
        "ensemble": ensemble,
    }
    write_netcdf(results, folder / "metrics.nc")
    return results


def write_netcdf(results: xr.Dataset, path: Path) -> None:
    """Writes a dataset whole or not at all."""
    with whole_file(path) as temporary:
        results.to_netcdf(temporary, engine="h5netcdf")


def _judged(
    simulators: Mapping[str, Simulator],
    recording: SnapshotSource,
    start: int,
    metrics: Sequence[Metric],
    subject: Subject,
    ensemble: int,
    file: RolloutFile,
) -> tuple[dict[str, Variable], dict[str, Any]]:
    """All figures of one batch, and the labels of their axes."""
    past, following = recent(recording, start)
    conditions, times = recording.conditions, recording.t[:, start:]
    weights = conditions.geometry.weights(conditions.extent)
    setting = Setting(subject, conditions, times, past[-1], weights)
    file.append(recording.index, times, past[-1])
    judge = Judge(metrics, list(simulators), setting)
    for moment in side_by_side(simulators, recording, start, past, following, setting, ensemble):
        file.write_truth(moment.snapshot, moment.truth)
        for name, prediction in moment.predictions.items():
            file.write_prediction(name, moment.snapshot, prediction)
        judge.take(moment)
    variables = judge.variables()
    variables["trajectory"] = (("trajectory",), recording.index.cpu().numpy())
    variables["time"] = (("trajectory", "snapshot"), (times - times[:, :1]).cpu().numpy())
    variables["absolute_time"] = (("trajectory", "snapshot"), times.cpu().numpy())
    return variables, judge.labels()


def _dataset(variables: Mapping[str, Variable], labels: Mapping[str, Any]) -> xr.Dataset:
    coordinates = {"trajectory": variables["trajectory"]}
    coordinates |= {axis: ((axis,), values) for axis, values in labels.items() if len(values)}
    return xr.Dataset({name: value for name, value in variables.items() if name != "trajectory"}, coordinates)
