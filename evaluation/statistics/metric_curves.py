"""Curves of all metrics that were measured at every snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from tendency.evaluation.metrics.figure import UNRANKED, MetricFigure
from tendency.evaluation.metrics.stated_figures import MOST_LABELS, StatedFigures
from tendency.evaluation.statistics.quantiles import quantiles


@dataclass(frozen=True)
class MetricCurve:
    """One metric at every snapshot.

    Args:
        name: name of the variable in metrics.nc; ``<name>.<label>`` of one field or band.
        title: words for axes and lists of choices.
        figure: what the metric states of it.
        values: (simulator, trajectory, snapshot) values.
        label: field or band; empty where there is one curve alone.
    """

    name: str
    title: str
    figure: MetricFigure
    values: xr.DataArray
    label: str = ""

    def quantiles(self, method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """10, 50 and 90 % over the trajectories of a method at each snapshot; a blow-up counts as the worst."""
        return quantiles(self.values.sel({"simulator": method}).values, self.figure.better.worst)


def metric_curves(results: xr.Dataset) -> list[MetricCurve]:
    """The curve of each metric, and of each field or band of it.

    Args:
        results: results of ``evaluate_rollouts``.
    """
    plain = ("simulator", "trajectory", "snapshot")
    stated = StatedFigures.of_results(results).arrays
    curves = []
    for name, values in results.data_vars.items():
        further = [str(dim) for dim in values.dims if dim not in plain]
        if not set(plain) <= set(values.dims) or len(further) > 1 or values.dtype.kind not in "fiu":
            continue
        figure = stated.get(str(name)) or MetricFigure(str(name), str(name).replace("_", " "), UNRANKED)
        labels: Sequence[str] = [str(label) for label in results[further[0]].values] if further else [""]
        if len(labels) > MOST_LABELS:
            continue
        for number, label in enumerate(labels):
            part = values.isel({further[0]: number}) if further else values
            end, more = (f".{label}", f", {label}") if label else ("", "")
            curves.append(MetricCurve(f"{name}{end}", f"{figure.title}{more}", figure, part.transpose(*plain), label))
    return curves
