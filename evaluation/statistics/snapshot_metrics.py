"""The metrics that change with the snapshot, whichever were measured."""

import xarray as xr

MOST_PARTS = 8
"""Fields or bands that are told apart; what has more is no metric of a snapshot but a function, such as a spectrum."""


def snapshot_metrics(results: xr.Dataset) -> dict[str, xr.DataArray]:
    """Each metric (simulator, trajectory, snapshot) by its variable's name, ``<name>.<part>`` for each field or band.

    Args:
        results: from ``evaluate_rollouts``.
    """
    plain = ("simulator", "trajectory", "snapshot")
    found = {}
    for name, values in results.data_vars.items():
        further = [str(dim) for dim in values.dims if dim not in plain]
        if not set(plain) <= set(values.dims) or len(further) > 1 or values.dtype.kind not in "fiu":
            continue
        if not further:
            found[str(name)] = values.transpose(*plain)
        elif values.sizes[further[0]] <= MOST_PARTS:
            for number, part in enumerate(results[further[0]].values):
                found[f"{name}.{part}"] = values.isel({further[0]: number}).transpose(*plain)
    return found
