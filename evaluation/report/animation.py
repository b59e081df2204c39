"""A rollout as an animated GIF, for pull requests and slides."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from tendency.data.whole_file import whole_file
from tendency.evaluation.report.colours import COLOURS, colour_range
from tendency.evaluation.report.field_painter import FieldPainter
from tendency.evaluation.report.figures import STYLE
from tendency.evaluation.report.space import Space
from tendency.evaluation.rollouts.rollout_reader import RolloutReader

MOST_FRAMES = 40
MOST_BYTES = 4_000_000
SECONDS = 6.0
"""How long it plays, about."""


def write_animation(
    reader: RolloutReader, results: xr.Dataset, space: Space, method: str, row: int, path: Path
) -> None:
    """Writes truth, prediction and difference of one trajectory as a GIF, with fewer frames where it gets too large.

    Args:
        reader: reader of the rollouts.
        results: results of ``evaluate_rollouts``.
        space: geometry and domains of the trajectories.
        method: name of the method whose rollout is shown.
        row: row of the trajectory in the results.
        path: path of the file.
    """
    count = min(MOST_FRAMES, reader.num_snapshots)
    while True:
        content = _gif(reader, results, space, method, row, count)
        if len(content) <= MOST_BYTES or count <= 2:
            break
        count = max(2, int(0.9 * count * MOST_BYTES / len(content)))
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def _gif(reader: RolloutReader, results: xr.Dataset, space: Space, method: str, row: int, count: int) -> bytes:
    snapshots = np.unique(np.linspace(0, reader.num_snapshots - 1, count).round().astype(int))
    fields = reader.compare(method, row, snapshots, 0)
    frames: list[Image.Image] = []
    with rc_context(STYLE):
        flat = space.spatial_dims == 1
        figure = Figure((6.4, 3.4) if flat else (8.0, 2.9), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        painter = FieldPainter(space, row, *colour_range(fields["truth"]))
        shown = ProfileFrames(figure, painter, fields) if flat else SnapshotFrames(figure, painter, fields)
        title = figure.suptitle(" ", fontsize=10)
        # Where things are is decided once, or they would tremble.
        canvas.draw()
        figure.set_layout_engine("none")
        above = [part for axes in figure.axes for part in (*axes.spines.values(), axes.get_legend()) if part]
        changing = [*shown.moving.values(), *above, title]
        for artist in changing:
            artist.set_animated(True)
        # What stays is drawn once; a frame takes its images or lines alone, and what lies above those.
        canvas.draw()
        still = canvas.copy_from_bbox(figure.bbox)
        for number, t in enumerate(results.time.values[row, snapshots]):
            shown.show(number)
            title.set_text(f"{reader.channels[0]}, t = {t:.4g}")
            canvas.restore_region(still)
            for artist in changing:
                figure.draw_artist(artist)
            image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
            frames.append(image.quantize(128, dither=Image.Dither.NONE))
    buffer = io.BytesIO()
    duration = int(1000 * SECONDS / max(len(frames), 12))
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return buffer.getvalue()


class SnapshotFrames:
    """Frames with three fields side by side.

    Args:
        figure: figure to draw on.
        painter: painter with the colour range.
        fields: (T, *N) values by ``truth``, ``prediction`` and ``difference``.
    """

    def __init__(self, figure: Figure, painter: FieldPainter, fields: dict[str, np.ndarray]) -> None:
        self.fields, self.on_grid = fields, painter.on_grid
        self.moving: dict[str, Any] = {}
        for panel, (part, values) in zip(figure.subplots(1, len(fields)), fields.items(), strict=True):
            self.moving[part] = painter.draw_snapshot(panel, values[0], part)
            panel.set_title(part, fontsize=9.5)
            figure.colorbar(self.moving[part], ax=panel, pad=0.02, shrink=0.8)

    def show(self, number: int) -> None:
        """Shows the snapshot of this number."""
        for part, values in self.fields.items():
            self.moving[part].set_array(values[number].T if self.on_grid else values[number])


class ProfileFrames:
    """Frames with truth and prediction as curves, and their difference below.

    Args:
        figure: figure to draw on.
        painter: painter with the positions and the colour range.
        fields: (T, N) values by ``truth``, ``prediction`` and ``difference``.
    """

    def __init__(self, figure: Figure, painter: FieldPainter, fields: dict[str, np.ndarray]) -> None:
        self.fields = fields
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        x, styles = painter.positions[0], {"truth": ("black", 2.4, "-"), "prediction": (COLOURS[0], 1.6, "--")}
        self.moving = {
            part: upper.plot(x, fields[part][0], color=c, lw=w, ls=s, label=part)[0]
            for part, (c, w, s) in styles.items()
        }
        self.moving["difference"] = lower.plot(x, fields["difference"][0], color=COLOURS[1], lw=1.4)[0]
        self._limits(upper, painter.values)
        self._limits(lower, painter.differences)
        lower.set(xlabel="x", ylabel="difference")
        upper.legend(loc="upper right", ncols=2)

    def _limits(self, axes: Axes, colours: dict[str, Any]) -> None:
        room = 0.15 * (colours["vmax"] - colours["vmin"])
        axes.set_ylim(colours["vmin"] - room, colours["vmax"] + room)

    def show(self, number: int) -> None:
        """Shows the snapshot of this number."""
        for part, values in self.fields.items():
            self.moving[part].set_ydata(values[number])
