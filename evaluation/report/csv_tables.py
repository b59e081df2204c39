"""The numbers of a report as comma-separated values, all written by pandas.

A spreadsheet runs a text that begins with =, +, - or @ as a formula, and names of runs, fields and methods come from
folders and datasets of anybody. Such a text gets an apostrophe in front, which a spreadsheet takes for "this is text";
what reads as a number stays as it is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tendency.data.whole_file import whole_file
from tendency.evaluation.report.table import TableRow
from tendency.evaluation.statistics.metric_curves import metric_curves
from tendency.evaluation.statistics.ranking import method_names

NUMBER_FORMAT = "%.8g"
FORMULA_STARTS = ("=", "+", "-", "@")


def write_metrics_csv(results: xr.Dataset, path: Path) -> None:
    """Writes metrics.csv: one line for each method, trajectory and snapshot; what is not finite is as xarray has it.

    Columns are the simulator, the trajectory, the snapshot (counted from the start of the rollout), the time since
    then, and every metric of a snapshot; those of one field or band are called ``<metric>.<part>``.

    Args:
        results: results of ``evaluate_rollouts``.
        path: path of the file, which is written method by method.
    """
    metrics = metric_curves(results)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for number, method in enumerate(method_names(results)):
            one = results.isel(simulator=number)
            shape = (one.sizes["trajectory"], one.sizes["snapshot"])
            columns: dict[str, Any] = {
                "simulator": _harmless(method),
                "trajectory": np.repeat(one.trajectory.values, shape[1]),
                "snapshot": np.tile(np.arange(shape[1]), shape[0]),
                "time": one.time.values.ravel(),
            }
            columns |= {metric.name: metric.values.isel(simulator=number).values.ravel() for metric in metrics}
            frame = pd.DataFrame(columns).rename(columns=_harmless)
            frame.to_csv(file, index=False, header=number == 0, float_format=NUMBER_FORMAT, lineterminator="\n")


def summary_csv(columns: Sequence[str], rows: Sequence[TableRow]) -> str:
    """The summary table, each figure with its value in full and as it is read."""
    head = ["method", "note"]
    for column in columns:
        head += [column, f"{column} (as shown)"]
    lines = []
    for row in rows:
        line: list[Any] = [row.name, row.note]
        for one in row.cells:
            line += ["" if one.value is None else repr(one.value), one.text]
        lines.append(line)
    return _text(head, lines)


def trajectories_csv(per_trajectory: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    """One line for each method and trajectory.

    Args:
        per_trajectory: {method: {figure: one value for each trajectory}}.
    """
    head = list(next(iter(per_trajectory.values())))
    lines = []
    for method, figures in per_trajectory.items():
        rows = zip(*(figures[name] for name in head), strict=True)
        lines += [[method, *("" if value is None else value for value in row)] for row in rows]
    return _text(["method", *head], lines)


def curves_csv(results: xr.Dataset) -> str:
    """Each metric's quantiles over trajectories at each snapshot."""
    lines = []
    time = np.median(results.time.values, axis=0)
    for curve in metric_curves(results):
        for method in method_names(results):
            edges = curve.quantiles(method)
            for snapshot, (t, *values) in enumerate(zip(time, *edges, strict=True)):
                lines.append([curve.name, method, snapshot, *(_number(value) for value in (t, *values))])
    return _text(["metric", "method", "snapshot", "time", "quantile 0.1", "median", "quantile 0.9"], lines)


def spectra_csv(results: xr.Dataset) -> str:
    """Energy of each shell, means over the trajectories that are finite; channels apart."""
    lines = []
    wavenumber = results.wavenumber.values[0]
    for method in ("truth", *method_names(results)):
        energies = results.true_spectrum if method == "truth" else results.spectrum.sel({"simulator": method})
        for m, moment in enumerate(results.moment.values):
            for c, channel in enumerate(results.channel.values):
                one = energies.isel(moment=m, channel=c).values
                one = one[np.isfinite(one[:, 1])]
                if len(one):
                    mean = one.mean(0)
                    lines += [
                        [method, moment, channel, _number(k), _number(e)] for k, e in zip(wavenumber, mean, strict=True)
                    ]
    return _text(["method", "moment", "field", "wavenumber", "energy"], lines)


def records_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Plain records, one line each; the columns are the keys of all."""
    head = list(dict.fromkeys(key for record in records for key in record))
    return _text(head, [[record.get(key, "") for key in head] for record in records])


def _number(value: float) -> str:
    return NUMBER_FORMAT % value if np.isfinite(value) else ""


def _text(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    # As objects: a column of whole numbers with gaps would be written as 1.0, 2.0 otherwise.
    cells = [[_harmless(value) for value in line] for line in lines]
    frame = pd.DataFrame(cells, columns=[_harmless(name) for name in head], dtype=object)
    return frame.to_csv(index=False, lineterminator="\n")


def _harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula, in one line."""
    if not isinstance(value, str):
        return value
    # A carriage return is not quoted, and would begin a line, and so a cell.
    text = " ".join(value.split())
    if not text.startswith(FORMULA_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
