"""Paints fields of one trajectory: as images, as points, or as space against time."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from tendency.evaluation.report.space import Space

NO_VALUE = "#9a9a9a"
"""The page's player has the same grey."""


class FieldPainter:
    """Paints fields of one trajectory, all on the colour range of its truth.

    Args:
        space: geometry and domains of the report's trajectories.
        row: row of the trajectory in the results.
        low: lower end of the colour range.
        high: upper end of the colour range; minus ``low`` for a field that has both signs.
    """

    def __init__(self, space: Space, row: int, low: float, high: float) -> None:
        self.positions = space.positions(row)
        self.on_grid = space.is_grid
        self.extent = space.extents[row]
        signed = low == -high
        self.values: dict[str, Any] = {"cmap": _colours("RdBu_r" if signed else "viridis"), "vmin": low, "vmax": high}
        span = high if signed else high - low
        self.differences: dict[str, Any] = {"cmap": _colours("RdBu_r"), "vmin": -span, "vmax": span}

    def colours(self, part: str) -> dict[str, Any]:
        """Colour map and range of ``truth``, ``prediction`` or ``difference``."""
        return self.differences if part == "difference" else self.values

    def draw_space_time(self, figure: Figure, fields: dict[str, np.ndarray], time: np.ndarray) -> None:
        """Paints space against time, one panel for each field (T, N)."""
        panels = figure.subplots(len(fields), 1, sharex=True)
        for panel, (part, values) in zip(panels, fields.items(), strict=True):
            mesh = panel.pcolormesh(
                time, self.positions[0], values.T, shading="nearest", rasterized=True, **self.colours(part)
            )
            panel.set_title(part, loc="left", fontsize=9.5)
            panel.set_ylabel("x")
            figure.colorbar(mesh, ax=panel, pad=0.01, aspect=12)
        panels[-1].set_xlabel("time since the start")

    def draw_snapshots(self, figure: Figure, fields: dict[str, np.ndarray], time: np.ndarray) -> None:
        """Paints a row for each field (T, *N), a column for each snapshot."""
        panels = figure.subplots(len(fields), len(time), squeeze=False)
        for row, (part, values) in enumerate(fields.items()):
            for panel, snapshot, t in zip(panels[row], values, time, strict=True):
                artist = self.draw_snapshot(panel, snapshot, part)
                if row == 0:
                    panel.set_title(f"t = {t:.4g}", fontsize=9.5)
            panels[row, 0].set_ylabel(part)
            figure.colorbar(artist, ax=list(panels[row]), pad=0.01, aspect=12)

    def draw_snapshot(self, panel: Axes, values: np.ndarray, part: str) -> Any:
        """Paints one field (*N) as an image or as points; returns the artist for a colour bar."""
        panel.set(xticks=[], yticks=[])
        if self.on_grid:
            box = (0, self.extent[0], 0, self.extent[1])
            return panel.imshow(values.T, origin="lower", interpolation="nearest", extent=box, **self.colours(part))
        panel.set_aspect("equal")
        x, y = self.positions[:2]
        return panel.scatter(x, y, c=values, s=8, lw=0, rasterized=True, plotnonfinite=True, **self.colours(part))


def _colours(name: str) -> Colormap:
    """Colours of values; grey where there are none: in an obstacle, or where a rollout is not finite."""
    return colormaps[name].with_extremes(bad=NO_VALUE)
