"""Rolls simulators out over test trajectories and judges every snapshot, streaming to disk."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from data.whole_file import sweep_leftovers, whole_file
from evaluation.metrics.correlation_time import THRESHOLDS, correlation_time
from evaluation.metrics.snapshot import combined_correlation, combined_nrmse, correlation, nrmse, vrmse
from evaluation.metrics.spectrum import energy_spectrum
from evaluation.rollout_file import RolloutFile
from simulation.geometry import Grid
from simulation.simulator import Simulator, begin, rollout
from simulation.window import Window

SPECTRUM_MOMENTS = ("start", "middle", "end")


class Trajectories(Protocol):
    """Batches of whole trajectories that can be gone through."""

    def __iter__(self) -> Any:
        """Windows with present 0 and offsets 0 ... T - 1."""
        ...

    def __len__(self) -> int:
        """Number of batches."""
        ...


def evaluate_rollouts(
    simulators: Mapping[str, Simulator],
    windows: Trajectories | Sequence[Window],
    channel_names: Sequence[str],
    folder: Path,
    *,
    description: Mapping[str, Any],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> xr.Dataset:
    """Judges simulators on the same trajectories, from the same snapshot.

    Every method starts at the snapshot where the largest history ends. Beside its rollout, each is also asked for one
    step from every true snapshot. Nothing is averaged over trajectories; reductions run in float64, so that the numbers
    do not depend on the batch.

    Args:
        simulators: by name.
        windows: batches of whole trajectories.
        channel_names: of the C channels.
        folder: ``rollouts.nc`` (truth and predictions, written batch by batch) and ``metrics.nc`` go there.
        description: recorded in the results' attributes.
        progress: called with (batches done, batches in all).

    Returns:
        The content of metrics.nc.

    Raises:
        ValueError: trajectories too short to roll out.
    """
    start = max(simulator.history for simulator in simulators.values()) - 1
    folder.mkdir(parents=True, exist_ok=True)
    sweep_leftovers(folder)
    parts: list[xr.Dataset] = []
    with RolloutFile(folder / "rollouts.nc", list(simulators), channel_names) as file, torch.inference_mode():
        for done, window in enumerate(windows):
            if window.u.shape[1] < start + 2:
                raise ValueError(
                    f"trajectories of {window.u.shape[1]} snapshots are too short for a history of {start + 1}"
                )
            parts.append(_judged(simulators, window, start, channel_names, file))
            progress(done + 1, len(windows))
    results = xr.concat(parts, "trajectory", data_vars="minimal", coords="minimal", compat="override", join="override")
    results = results.transpose("simulator", "trajectory", "snapshot", ..., missing_dims="ignore")
    results.attrs = {"description": json.dumps(dict(description)), "start_snapshot": start}
    write_netcdf(results, folder / "metrics.nc")
    return results


def write_netcdf(results: xr.Dataset, path: Path) -> None:
    """Writes a dataset whole or not at all."""
    with whole_file(path) as temporary:
        results.to_netcdf(temporary, engine="h5netcdf")


def _judged(
    simulators: Mapping[str, Simulator],
    window: Window,
    start: int,
    channel_names: Sequence[str],
    file: RolloutFile,
) -> xr.Dataset:
    """All figures of one batch."""
    last = window.u.shape[1] - 1
    times = window.times(start, last)
    truth = torch.stack([window.at(offset) for offset in range(start, last + 1)], 1)
    file.append_truth(window.index, times, truth)
    per_method = []
    for name, simulator in simulators.items():
        prediction = _rolled_out(simulator, window, start, last)
        file.append_prediction(name, prediction)
        variables = _snapshot_metrics(prediction, truth, window)
        variables["one_step_nrmse"] = _one_step(simulator, window, start, last)
        variables |= _times(times, variables["correlation"][1])
        variables |= _spectra(prediction, window, "spectrum")
        per_method.append(xr.Dataset(variables))
    results = xr.concat(per_method, "simulator").assign_coords(
        simulator=list(simulators),
        channel=list(channel_names),
        trajectory=window.index.cpu().numpy(),
        threshold=np.array(THRESHOLDS),
        moment=list(SPECTRUM_MOMENTS),
    )
    results["time"] = (("trajectory", "snapshot"), (times - times[:, :1]).cpu().numpy())
    results["absolute_time"] = (("trajectory", "snapshot"), times.cpu().numpy())
    return results.assign(_spectra(truth, window, "true_spectrum"))


def _rolled_out(simulator: Simulator, window: Window, start: int, last: int) -> Tensor:
    """The start and what follows it (B, T, C, *N)."""
    u, t = window.moved(start).history(simulator.history)
    progress = begin(simulator, u, t, window.conditions, window.index)
    states = [state.u for state in rollout(simulator, progress, window.times(start + 1, last), window.conditions)]
    return torch.stack([u[:, -1], *states], 1)


def _one_step(simulator: Simulator, window: Window, start: int, last: int) -> tuple[tuple[str, ...], np.ndarray]:
    """nRMSE (B, T) of one step from each true snapshot; NaN at the first, which nothing precedes."""
    weights = window.conditions.geometry.weights(window.conditions.extent)
    errors = [torch.full((len(window.index),), torch.nan, dtype=torch.float64, device=weights.device)]
    for present in range(start, last):
        u, t = window.moved(present).history(simulator.history)
        progress = begin(simulator, u, t, window.conditions, window.index)
        (state,) = rollout(simulator, progress, window.times(present + 1, present + 1), window.conditions)
        errors.append(combined_nrmse(state.u, window.at(present + 1), weights))
    return ("trajectory", "snapshot"), torch.stack(errors, 1).cpu().numpy()


def _snapshot_metrics(prediction: Tensor, truth: Tensor, window: Window) -> dict[str, Any]:
    weights = window.conditions.geometry.weights(window.conditions.extent)
    columns: dict[str, list[Tensor]] = {}
    for p, y in zip(prediction.unbind(1), truth.unbind(1), strict=True):
        for name, metric in (("channel_nrmse", nrmse), ("channel_vrmse", vrmse), ("channel_correlation", correlation)):
            columns.setdefault(name, []).append(metric(p, y, weights))
        columns.setdefault("nrmse", []).append(combined_nrmse(p, y, weights))
        columns.setdefault("correlation", []).append(combined_correlation(p, y, weights))
    variables: dict[str, Any] = {}
    for name, values in columns.items():
        dims = ("trajectory", "snapshot", "channel")[: values[0].ndim + 1]
        variables[name] = (dims, torch.stack(values, 1).cpu().numpy())
    variables["vrmse"] = (("trajectory", "snapshot"), variables["channel_vrmse"][1].mean(-1))
    return variables


def _times(times: Tensor, correlations: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {}
    values = torch.from_numpy(correlations)
    pairs = [correlation_time(times.cpu(), values, threshold) for threshold in THRESHOLDS]
    dims = ("trajectory", "threshold")
    found["correlation_time"] = (dims, torch.stack([time for time, _ in pairs], 1).numpy())
    found["correlation_time_censored"] = (dims, torch.stack([censored for _, censored in pairs], 1).numpy())
    return found


def _spectra(u: Tensor, window: Window, name: str) -> dict[str, Any]:
    """Spectra (B, 3, C, K) at the start, the middle and the end; nothing on point clouds."""
    geometry, extent = window.conditions.geometry, window.conditions.extent
    if not isinstance(geometry, Grid):
        return {}
    moments = [0, (u.shape[1] - 1) // 2, u.shape[1] - 1]
    found = [energy_spectrum(u[:, moment], geometry, extent) for moment in moments]
    variables: dict[str, Any] = {
        name: (
            ("trajectory", "moment", "channel", "shell"),
            torch.stack([energy for _, energy in found], 1).cpu().numpy(),
        )
    }
    if name == "true_spectrum":
        variables["wavenumber"] = (("trajectory", "shell"), found[0][0].cpu().numpy())
    return variables
