"""Curves of all metrics that were measured at every snapshot."""

import xarray as xr

MOST_PARTS = 8
"""Most fields or bands with a curve of their own; a variable with more of them is a function, such as a spectrum."""


def metric_curves(results: xr.Dataset) -> dict[str, xr.DataArray]:
    """Each metric (simulator, trajectory, snapshot) by its variable's name, ``<name>.<part>`` for each field or band.

    Args:
        results: results of ``evaluate_rollouts``.
    """
    plain = ("simulator", "trajectory", "snapshot")
    curves = {}
    for name, values in results.data_vars.items():
        further = [str(dim) for dim in values.dims if dim not in plain]
        if not set(plain) <= set(values.dims) or len(further) > 1 or values.dtype.kind not in "fiu":
            continue
        if not further:
            curves[str(name)] = values.transpose(*plain)
        elif values.sizes[further[0]] <= MOST_PARTS:
            for number, part in enumerate(results[further[0]].values):
                curves[f"{name}.{part}"] = values.isel({further[0]: number}).transpose(*plain)
    return curves
