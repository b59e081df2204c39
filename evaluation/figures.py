"""Figures of a rollout report, each for light and for dark pages."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Colour-blind safe (Okabe & Ito 2008); persistence and truth keep to greys.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LIGHT = {"text": "#1b1f24", "faint": "#8a929c", "page": "#ffffff"}
DARK = {"text": "#e6e9ed", "faint": "#848d97", "page": "#14171b"}


@dataclass(frozen=True)
class ReportFigure:
    """One figure as PNG bytes for both themes.

    Args:
        name: of the file.
        title: above it.
        caption: what it shows, also for those who cannot see it.
        light: PNG.
        dark: PNG.
    """

    name: str
    title: str
    caption: str
    light: bytes
    dark: bytes


def draw(
    name: str, title: str, caption: str, size: tuple[float, float], paint: Callable[[Figure, dict], None]
) -> ReportFigure:
    """Paints a figure twice.

    Args:
        name: of the file.
        title: above it.
        caption: below it.
        size: in inches.
        paint: draws on a figure with a theme's colours.
    """
    images = []
    for theme in (LIGHT, DARK):
        style: Any = {
            "text.color": theme["text"],
            "axes.edgecolor": theme["faint"],
            "axes.labelcolor": theme["text"],
            "xtick.color": theme["text"],
            "ytick.color": theme["text"],
            "figure.facecolor": theme["page"],
            "axes.facecolor": theme["page"],
            "savefig.facecolor": theme["page"],
            "font.size": 9.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
        }
        with rc_context(style):
            figure = Figure(figsize=size, layout="constrained")
            FigureCanvasAgg(figure)
            paint(figure, theme)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=130)
            images.append(buffer.getvalue())
    return ReportFigure(name, title, caption, *images)


def colour_of(method: str, methods: list[str], theme: dict[str, str]) -> str:
    """A method's colour: grey for persistence, the palette in order for the others."""
    if method == "persistence":
        return theme["faint"]
    learned = [name for name in methods if name != "persistence"]
    return COLOURS[learned.index(method) % len(COLOURS)]


def shortened(name: str, most: int = 48) -> str:
    """A name that leaves room for the picture: its beginning and its end."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def curves(results: xr.Dataset, variable: str, label: str, logarithmic: bool) -> ReportFigure:
    """One metric against time: the median over trajectories, and the band that holds 80 % of them."""
    methods = [str(name) for name in results.simulator.values]
    time = np.median(results.time.values, axis=0)

    def paint(figure: Figure, theme: dict[str, str]) -> None:
        axes = figure.add_subplot()
        for method in methods:
            values = results[variable].sel({"simulator": method}).values
            shown = np.where(np.isfinite(values), values, np.nan)
            colour = colour_of(method, methods, theme)
            with np.errstate(all="ignore"):
                low, middle, high = _quantiles(shown)
            first = 1 if logarithmic else 0
            axes.fill_between(time[first:], low[first:], high[first:], color=colour, alpha=0.22, lw=0)
            axes.plot(time[first:], middle[first:], color=colour, lw=2, label=shortened(method))
        if logarithmic:
            axes.set_yscale("log")
        else:
            for threshold in results.threshold.values:
                axes.axhline(threshold, color=theme["faint"], lw=0.8, ls=":")
            axes.set_ylim(top=1.02)
        axes.set_xlabel("time since the start")
        axes.set_ylabel(label)
        figure.legend(loc="outside lower center", ncols=2)

    caption = (
        f"{label} of each method against time: the median over {results.sizes['trajectory']} test trajectories, "
        "and the band between their 10 % and 90 % quantiles."
    )
    return draw(variable, f"{label} against time", caption, (7.2, 4.0), paint)


def _quantiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """10, 50 and 90 % over trajectories; a snapshot that no trajectory survives stays empty."""
    columns = []
    for column in values.T:
        finite = column[np.isfinite(column)]
        columns.append(np.quantile(finite, [0.1, 0.5, 0.9]) if len(finite) else np.full(3, np.nan))
    low, middle, high = np.array(columns).T
    return low, middle, high


def spectra(results: xr.Dataset) -> ReportFigure:
    """Energy spectra at the start, the middle and the end: truth against methods, means over trajectories."""
    methods = [str(name) for name in results.simulator.values if str(name) != "persistence"]
    moments = [str(moment) for moment in results.moment.values]
    wavenumber = results.wavenumber.values[0]

    def paint(figure: Figure, theme: dict[str, str]) -> None:
        panels = np.atleast_1d(figure.subplots(1, len(moments), sharey=True))
        for panel, moment in zip(panels, range(len(moments)), strict=True):
            truth = results.true_spectrum.isel(moment=moment).sum("channel", skipna=False).mean("trajectory").values
            panel.loglog(wavenumber[1:], truth[1:], color=theme["text"], lw=2.4, label="truth")
            for method in methods:
                energy = results.spectrum.sel({"simulator": method}).isel(moment=moment).sum("channel", skipna=False)
                rows = energy.where(np.isfinite(energy[:, 1]), drop=True)
                if rows.size:
                    mean = rows.mean("trajectory").values
                    panel.loglog(
                        wavenumber[1:],
                        mean[1:],
                        color=colour_of(method, methods, theme),
                        lw=1.5,
                        ls="--",
                        label=shortened(method),
                    )
            panel.set_title(moments[moment], fontsize=9.5)
            panel.set_xlabel("wavenumber")
        top = np.nanmax(results.true_spectrum.values)
        panels[0].set_ylim(bottom=max(top * 1e-14, np.nanmin(results.true_spectrum.values[..., 1:]) / 10))
        panels[0].set_ylabel("energy")
        figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=2)

    caption = (
        "Isotropic energy spectra of the truth and of each method's rollout at its start, middle and end, "
        "averaged over the test trajectories. A curve that leaves the truth has lost or invented those scales."
    )
    return draw("spectra", "Energy spectra", caption, (9.0, 3.7), paint)


def rollout_images(rollouts: xr.Dataset, method: str, row: int, name: str, which: str) -> ReportFigure:
    """Truth, prediction and difference of one trajectory: snapshots in 2D and 3D, space and time in 1D."""
    truth = rollouts.truth.isel(trajectory=row, channel=0).values
    prediction = rollouts.prediction.isel(
        simulator=list(_names(rollouts)).index(method), trajectory=row, channel=0
    ).values
    time = rollouts.time.isel(trajectory=row).values
    time = time - time[0]
    number = int(rollouts.trajectory.values[row])
    channel = _channels(rollouts)[0]
    if truth.ndim == 4:
        middle = truth.shape[3] // 2
        truth, prediction = truth[..., middle], prediction[..., middle]
    painter = _space_time if truth.ndim == 2 else _snapshots
    size = (9.0, 4.6) if truth.ndim == 2 else (9.4, 5.2)
    caption = (
        f"{channel} of test trajectory {number} ({which}): truth, prediction by {method}, and their difference, "
        "on one colour scale."
    )

    def paint(figure: Figure, theme: dict[str, str]) -> None:
        painter(figure, truth, prediction, time)

    return draw(name, f"Rollout, {which} trajectory", caption, size, paint)


def _space_time(figure: Figure, truth: np.ndarray, prediction: np.ndarray, time: np.ndarray) -> None:
    limit = np.abs(truth).max()
    panels = figure.subplots(3, 1, sharex=True)
    images = ((truth, "truth"), (prediction, "prediction"), (prediction - truth, "difference"))
    for panel, (values, label) in zip(panels, images, strict=True):
        image = panel.imshow(
            values.T, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit,
            extent=(time[0], time[-1], 0, 1), interpolation="nearest",
        )  # fmt: skip
        panel.set_title(label, loc="left", fontsize=9.5)
        panel.set_ylabel("x / L")
    panels[-1].set_xlabel("time since the start")
    figure.colorbar(image, ax=panels, shrink=0.6, pad=0.01)


def _snapshots(figure: Figure, truth: np.ndarray, prediction: np.ndarray, time: np.ndarray) -> None:
    columns = np.unique(np.linspace(0, len(time) - 1, min(5, len(time))).round().astype(int))
    limit = np.abs(truth).max()
    panels = figure.subplots(3, len(columns), squeeze=False)
    for column, snapshot in enumerate(columns):
        images = (truth[snapshot], prediction[snapshot], prediction[snapshot] - truth[snapshot])
        for row, (values, label) in enumerate(zip(images, ("truth", "prediction", "difference"), strict=True)):
            panel: Axes = panels[row, column]
            image = panel.imshow(
                values.T, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
            )
            panel.set_xticks([])
            panel.set_yticks([])
            if row == 0:
                panel.set_title(f"t = {time[snapshot]:.4g}", fontsize=9.5)
            if column == 0:
                panel.set_ylabel(label)
    figure.colorbar(image, ax=panels, shrink=0.6, pad=0.01)


def _names(rollouts: xr.Dataset) -> list[str]:
    return [str(name) for name in rollouts.simulator.values]


def _channels(rollouts: xr.Dataset) -> list[str]:
    return [str(name) for name in rollouts.channel.values]


def write_figures(figures: list[ReportFigure], folder: Path) -> None:
    """Writes the light variants as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        (folder / f"{figure.name}.png").write_bytes(figure.light)
