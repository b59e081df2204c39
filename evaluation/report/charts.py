"""The charts of a report's page, as plotly.js takes them; the page itself colours the truth and the baselines."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.cost.break_even import AT_BEST, CostPoint, pareto_front
from tendency.evaluation.cost.call_cost import with_prefix
from tendency.evaluation.metrics.figure import Statistic
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.colours import BASELINE, COLOURS, method_style
from tendency.evaluation.report.figures import mean_energy, shorten
from tendency.evaluation.statistics.metric_curves import MetricCurve, metric_curves
from tendency.evaluation.statistics.ranking import learned_methods, method_names
from tendency.evaluation.statistics.summary import counted

MOST_POINTS = 400
"""Points of a curve on the page; metrics.csv has all."""
FIRST_CURVE = "nrmse"
"""Variable whose curve the page shows first."""
DASHES = ("solid", "dash", "dot", "dashdot")

Trace = dict[str, Any]
"""One line or cloud of points, in the words of plotly.js."""


@dataclass(frozen=True)
class Chart:
    """One or more figures in one place of the page, of which one is seen.

    Args:
        name: name of the place.
        title: heading above the chart.
        caption: text below the chart.
        figures: ``data`` and ``layout`` of plotly.js, by the text in the list of choices.
        scales: whether the reader may choose between a linear and a logarithmic axis.
    """

    name: str
    title: str
    caption: str
    figures: Mapping[str, dict[str, Any]]
    scales: bool = False


def error_chart(results: xr.Dataset) -> Chart:
    """Every metric of a snapshot against time: the median over trajectories, and the band that holds 80 % of them."""
    time = np.median(results.time.values, axis=0)
    kept = kept_points(len(time))
    figures = {}
    for label, curve in curves_by_title(results).items():
        traces: list[Trace] = []
        values = curve.values.values
        logarithmic = curve.figure.logarithmic and bool((values[np.isfinite(values)] >= 0).all())
        for method in method_names(results):
            edges = curve.quantiles(method)
            # At the start no rollout has an error, which a logarithmic axis has no place for.
            low, middle, high = (np.where(logarithmic & (edge == 0), np.nan, edge)[kept] for edge in edges)
            style = _line_style(results, method)
            traces += _band(time[kept], low, high, method, style)
            traces.append(
                {
                    "x": packed(time[kept]),
                    "y": packed(middle),
                    "name": escape_name(method),
                    "mode": "lines",
                    "customdata": packed(np.stack([low, high], 1)),
                    "hovertemplate": "%{y:.3g} [%{customdata[0]:.3g}, %{customdata[1]:.3g}]",
                    "legendgroup": method,
                    **style,
                }
            )
        unit = f" [{curve.figure.unit}]" if curve.figure.unit else ""
        layout = chart_layout("time since the start", f"{label}{unit}", up_scale="log" if logarithmic else "linear")
        figures[label] = {"data": traces, "layout": layout | {"hovermode": "x unified"}}
    test = counted(results.sizes["trajectory"], "test trajectory", "test trajectories")
    caption = (
        f"The median over {test}, and the band between their 10 % and 90 % "
        "quantiles. A curve ends where the trajectory that it stands for blew up."
    )
    return Chart("errors", "Error against time", caption, figures, scales=True)


def spectra_chart(results: xr.Dataset) -> Chart:
    """Energy spectra of the truth and of each method, one figure for each moment, means over trajectories."""
    wavenumber = results.wavenumber.values[0]
    figures = {}
    for moment in range(results.sizes["moment"]):
        truth = mean_energy(results.true_spectrum.isel(moment=moment))
        traces = [_spectrum_trace(wavenumber, truth, "truth", {"line": {"width": 3}, "meta": {"colour": "text"}})]
        for method in learned_methods(results) or method_names(results):
            energy = mean_energy(results.spectrum.sel({"simulator": method}).isel(moment=moment))
            if energy is not None:
                traces.append(_spectrum_trace(wavenumber, energy, method, _line_style(results, method)))
        top, bottom = np.nanmax(results.true_spectrum.values), np.nanmin(truth[1:][truth[1:] > 0], initial=np.inf)
        layout = chart_layout("wavenumber", "energy", "log", "log")
        layout["yaxis"]["range"] = np.log10([max(top * 1e-14, bottom / 10), top * 3]).tolist()
        figures[str(results.moment.values[moment])] = {"data": traces, "layout": layout | {"hovermode": "x unified"}}
    caption = (
        "Isotropic energy spectra of the truth and of each method's rollout, averaged over the test trajectories. A "
        "curve that leaves the truth has lost or invented those scales."
    )
    return Chart("spectra", "Energy spectra", caption, dict(reversed(figures.items())))


def break_even_chart(points: Sequence[Mapping[str, Any]]) -> Chart:
    """Error against seconds: a surrogate pays where no solver reaches its error in as little time.

    Args:
        points: each with method, seconds, error and, where it has them, a label such as a resolution, a batch and its
            peak_bytes.
    """
    traces: list[Trace] = []
    methods = list(dict.fromkeys(str(point["method"]) for point in points))
    colours = list(dict.fromkeys(method.removesuffix(AT_BEST) for method in methods))
    for method in methods:
        together = method.endswith(AT_BEST)
        colour = COLOURS[colours.index(method.removesuffix(AT_BEST)) % len(COLOURS)]
        style = {
            "legendgroup": method,
            "hovertemplate": "%{text} %{y:.3g} in %{x:.3g} s%{customdata}",
            "marker": {"size": 9, "symbol": "diamond" if together else "circle", "color": colour},
            "line": {"color": colour, "dash": "dot" if together else "solid"},
        }
        best, others = _split_by_front([point for point in points if str(point["method"]) == method])
        if others:
            traces.append(_points_trace(others, method, mode="markers", opacity=0.35, showlegend=False, **style))
        traces.append(_points_trace(best, method, mode="lines+markers", **style))
    figure = {"data": traces, "layout": chart_layout("seconds for one trajectory", "error", "log", "log")}
    caption = (
        "Error against computing time: a method is worth its price where no other is both below it and left of it. "
        "Lines join the settings of a method that no other of its settings beats in both; the rest are faint. Diamonds "
        "are solved in batches, whose seconds are shared out. Under the pointer a point tells its setting and memory."
    )
    return Chart("break-even", "Break-even", caption, {"error against seconds": figure})


def _split_by_front(points: list[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The points on the Pareto front of error and seconds, the fastest first, and the other points."""
    numbered = [CostPoint("", str(row), p["seconds"], p["error"], p.get("batch", 1)) for row, p in enumerate(points)]
    rows = [int(point.label) for point in pareto_front(numbered)]
    return [points[row] for row in rows], [point for row, point in enumerate(points) if row not in rows]


def _points_trace(points: list[Mapping[str, Any]], method: str, **style: Any) -> Trace:
    return {
        "x": [p["seconds"] for p in points],
        "y": [p["error"] for p in points],
        "text": [escape_name(str(p.get("label", ""))) for p in points],
        "customdata": [_batch_and_memory(p) for p in points],
        "name": escape_name(method),
        **style,
    }


def _batch_and_memory(point: Mapping[str, Any]) -> str:
    """The batch that a point was measured in, and the memory that the batch took, for the text under the pointer."""
    batch, peak = point.get("batch"), point.get("peak_bytes")
    together = "" if batch is None else f", batch of {batch}"
    return together if peak is None else f"{together}, {with_prefix(peak)}B of memory"


def curves_by_title(results: xr.Dataset) -> dict[str, MetricCurve]:
    """The curves that the page draws by their titles: first the rollout's error, then those that tables sum up.

    Of a single channel, what repeats the figure of all channels together is left out.

    Args:
        results: the results of ``evaluate_rollouts``.
    """
    stated = StatedFigures.of_results(results)
    summed_up = {figure.source for figure in stated.in_table}
    single = results.sizes["channel"] == 1
    curves = [
        curve
        for curve in metric_curves(results)
        if curve.figure.curve and not (single and curve.figure.combined is not None)
    ]
    curves.sort(key=lambda curve: (curve.name != FIRST_CURVE, curve.figure.name not in summed_up))
    return {curve.title: curve for curve in curves}


def horizon_curves(results: xr.Dataset) -> list[MetricCurve]:
    """The curves whose value at the horizon stands in the summary table.

    Args:
        results: the results of ``evaluate_rollouts``.
    """
    at_end = {one.source for one in StatedFigures.of_results(results).in_table if one.statistic is Statistic.LAST}
    return [curve for curve in curves_by_title(results).values() if curve.figure.name in at_end]


def kept_points(length: int) -> np.ndarray:
    """The indices of the points of a curve that the page keeps."""
    return np.unique(np.linspace(0, length - 1, min(length, MOST_POINTS)).round().astype(int))


def _line_style(results: xr.Dataset, method: str) -> dict[str, Any]:
    """How a method's line is drawn; the page knows which colour suits a baseline on it."""
    colour, dash = method_style(results, method)
    line = {"line": {"color": colour, "width": 2, "dash": DASHES[dash]}}
    return line | ({"meta": {"colour": "faint"}} if colour == BASELINE else {})


def _band(time: np.ndarray, low: np.ndarray, high: np.ndarray, method: str, style: Mapping[str, Any]) -> list[Trace]:
    """Two lines of no width, filled between."""
    plain: Trace = {"x": packed(time), "mode": "lines", "line": {"width": 0}, "legendgroup": method}
    plain |= {"showlegend": False, "hoverinfo": "skip"}
    red, green, blue = (int(style["line"]["color"][i : i + 2], 16) for i in (1, 3, 5))
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red}, {green}, {blue}, 0.18)"}
    return [plain | {"y": packed(low)}, plain | fill | {"y": packed(high)}]


def _spectrum_trace(wavenumber: np.ndarray, energy: np.ndarray, name: str, style: Mapping[str, Any]) -> Trace:
    known = np.isfinite(energy) & (energy > 0) & (np.arange(len(energy)) > 0)
    return {
        "x": packed(wavenumber[known]),
        "y": packed(energy[known]),
        "name": escape_name(name),
        "mode": "lines",
        "hovertemplate": "%{y:.3g}",
        **style,
    }


def chart_layout(across: str, up: str, across_scale: str = "linear", up_scale: str = "linear") -> dict[str, Any]:
    """How a figure is laid out.

    Args:
        across: title of the axis to the right.
        up: title of the other one.
        across_scale: ``linear`` or ``log``.
        up_scale: likewise.
    """
    return {
        "margin": {"l": 64, "r": 12, "t": 12, "b": 48},
        "legend": {"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {"title": {"text": across, "standoff": 6}, "type": across_scale, "showgrid": True, "zeroline": False},
        "yaxis": {"title": {"text": up, "standoff": 6}, "type": up_scale, "showgrid": True, "zeroline": False},
    }


def packed(values: np.ndarray) -> dict[str, str]:
    """An array as bytes of single precision, which are a third of its digits."""
    # What single precision cannot hold is drawn as missing.
    with np.errstate(over="ignore"):
        content = np.asarray(values).astype("<f4")
    content = np.where(np.isfinite(content), content, np.float32("nan"))
    packed = {"dtype": "f4", "bdata": base64.b64encode(content.tobytes()).decode()}
    return packed if content.ndim == 1 else packed | {"shape": ", ".join(map(str, content.shape))}


def escape_name(name: str) -> str:
    """A name as text: plotly takes tags in names for markup."""
    return html.escape(shorten(name))
