"""Figures of a rollout report for papers and pull requests: PNG and SVG, on white."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from tendency.data.whole_file import whole_file
from tendency.evaluation.report.colours import BASELINE, COLOURS, colour_range, method_style
from tendency.evaluation.report.field_painter import FieldPainter
from tendency.evaluation.report.space import Space
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.statistics.metric_curves import MetricCurve
from tendency.evaluation.statistics.ranking import learned_methods, method_names
from tendency.evaluation.statistics.summary import counted

DASHES = ("-", "--", ":", "-.")
STYLE: Any = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": BASELINE,
    "legend.frameon": False,
    # Else the names inside an SVG differ from run to run.
    "svg.hashsalt": "tendency",
    # A name may hold a dollar sign, which would start a formula.
    "text.parse_math": False,
}


@dataclass(frozen=True)
class ReportFigure:
    """One figure, as PNG and as SVG.

    Args:
        name: name of the files, without an ending.
        caption: text that says what is shown, also to those who cannot see it.
        png: content of the PNG file.
        svg: content of the SVG file.
    """

    name: str
    caption: str
    png: bytes
    svg: bytes

    @property
    def embedded(self) -> str:
        """The address of the PNG for a page that holds it."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


def draw_figure(name: str, caption: str, size: tuple[float, float], paint: Callable[[Figure], None]) -> ReportFigure:
    """Paints a figure.

    Args:
        name: name of the files, without an ending.
        caption: text below the figure.
        size: width and height in inches.
        paint: function that draws on a figure.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=160)
        # Where things are has been decided: it takes half of the time, and both files are to look alike.
        figure.set_layout_engine("none")
        figure.savefig(svg, format="svg", dpi=160, metadata={"Date": None})
    return ReportFigure(name, caption, png.getvalue(), svg.getvalue())


def line_style(results: xr.Dataset, method: str) -> dict[str, Any]:
    """Colour and dashes of a method's line."""
    colour, dash = method_style(results, method)
    return {"color": colour, "ls": DASHES[dash]}


def shorten(name: str, most: int = 44) -> str:
    """A name that leaves room for the picture: its beginning and its end."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def curves_figure(results: xr.Dataset, curve: MetricCurve, thresholds: Sequence[float] = ()) -> ReportFigure:
    """One metric against time: the median over trajectories, and the band that holds 80 % of them.

    Args:
        results: results of ``evaluate_rollouts``.
        curve: curve of the metric.
        thresholds: values at which a line is drawn across.
    """
    logarithmic = curve.figure.logarithmic
    time = np.median(results.time.values, axis=0)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        first = 1 if logarithmic else 0
        for method in method_names(results):
            low, middle, high = curve.quantiles(method)
            style = line_style(results, method)
            axes.fill_between(time[first:], low[first:], high[first:], color=style["color"], alpha=0.18, lw=0)
            axes.plot(time[first:], middle[first:], lw=1.8, label=shorten(method), **style)
        if logarithmic:
            axes.set_yscale("log")
        for threshold in thresholds:
            axes.axhline(threshold, color=BASELINE, lw=0.8, ls=":")
        axes.set_xlabel("time since the start")
        axes.set_ylabel(curve.title)
        figure.legend(loc="outside lower center", ncols=2)

    test = counted(results.sizes["trajectory"], "test trajectory", "test trajectories")
    caption = (
        f"{curve.title}, each method against time: the median over {test}, "
        "and the band between their 10 % and 90 % quantiles."
    )
    return draw_figure(curve.name, caption, (6.4, 3.8), paint)


def spectra_figure(results: xr.Dataset) -> ReportFigure:
    """Energy spectra at the start, the middle and the end: truth against methods, means over trajectories."""
    wavenumber = results.wavenumber.values[0]

    def paint(figure: Figure) -> None:
        panels = np.atleast_1d(figure.subplots(1, results.sizes["moment"], sharey=True))
        lowest = np.inf
        for moment, panel in enumerate(panels):
            truth = mean_energy(results.true_spectrum.isel(moment=moment))
            if truth is not None:
                lowest = min(lowest, np.min(truth[1:][truth[1:] > 0], initial=np.inf))
                panel.loglog(wavenumber[1:], truth[1:], color="black", lw=2.4, label="truth")
            for method in learned_methods(results) or method_names(results):
                energy = mean_energy(results.spectrum.sel({"simulator": method}).isel(moment=moment))
                if energy is not None:
                    style = line_style(results, method) | {"ls": "--"}
                    panel.loglog(wavenumber[1:], energy[1:], lw=1.5, label=shorten(method), **style)
            panel.set_title(str(results.moment.values[moment]), fontsize=9.5)
            panel.set_xlabel("wavenumber")
        top = np.nanmax(results.true_spectrum.values)
        panels[0].set_ylim(max(top * 1e-14, lowest / 10), top * 3)
        # Decades that leave room for each other; labels between them would run into those of the next panel.
        for panel in panels:
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.yaxis.set_major_locator(LogLocator(numticks=8))
        panels[0].set_ylabel("energy")
        figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=2)

    caption = (
        "Isotropic energy spectra of the truth and of each method's rollout at its start, middle and end, "
        "averaged over the test trajectories. A curve that leaves the truth has lost or invented those scales."
    )
    return draw_figure("spectra", caption, (9.0, 3.7), paint)


def mean_energy(energy: xr.DataArray) -> Any:
    """The energy (shell,) of all channels, mean over the finite trajectories; None if there is none.

    Args:
        energy: (trajectory, channel, shell) energies.
    """
    total = energy.sum("channel", skipna=False).values
    rows = total[np.isfinite(total[:, 1])]
    return rows.mean(0) if len(rows) else None


def rollout_figure(
    reader: RolloutReader, results: xr.Dataset, space: Space, method: str, row: int, name: str, rank: str
) -> ReportFigure:
    """Truth, prediction and difference of one trajectory: snapshots in 2D and 3D, space and time in 1D."""
    line = space.spatial_dims == 1
    count = reader.num_snapshots if line else min(5, reader.num_snapshots)
    snapshots = np.unique(np.linspace(0, reader.num_snapshots - 1, count).round().astype(int))
    fields = reader.compare(method, row, snapshots, 0)
    time = results.time.values[row, snapshots]
    painter = FieldPainter(space, row, *colour_range(fields["truth"]))
    caption = (
        f"{reader.channels[0]} of test trajectory {int(results.trajectory.values[row])} ({rank}): truth, prediction by "
        f"{method}, and their difference, on one colour scale."
    )
    paint = painter.draw_space_time if line else painter.draw_snapshots
    size = (7.6, 4.6) if line else (9.0, 5.2)
    return draw_figure(name, caption, size, lambda figure: paint(figure, fields, time))


def constant_fields_figure(reader: RolloutReader, results: xr.Dataset, space: Space, row: int) -> ReportFigure:
    """The constant fields of one trajectory, a small picture each."""
    names = reader.given
    columns = min(len(names), 4)
    lines = -(-len(names) // columns)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        for panel, name in zip(panels, names, strict=False):
            values = reader.constant_field(row, name)
            painter = FieldPainter(space, row, *colour_range(values))
            panel.set_title(shorten(name, 24), fontsize=9.5)
            if space.spatial_dims == 1:
                order = np.argsort(painter.positions[0])
                panel.plot(painter.positions[0][order], values[order], color=COLOURS[0], lw=1.4)
                panel.set_xlabel("x")
            else:
                figure.colorbar(painter.draw_snapshot(panel, values, "truth"), ax=panel, pad=0.02, shrink=0.8)

    number = int(results.trajectory.values[row])
    caption = f"What the methods are told of each point of test trajectory {number}: {', '.join(names)}."
    return draw_figure("constant_fields", caption, (2.6 * columns + 0.4, 2.3 * lines), paint)


def write_figures(figures: list[ReportFigure], folder: Path) -> None:
    """Writes each as PNG and as SVG."""
    for figure in figures:
        for ending, content in (("png", figure.png), ("svg", figure.svg)):
            with whole_file(folder / f"{figure.name}.{ending}") as temporary:
                temporary.write_bytes(content)
