"""Draws docs/gallery.md: one picture of each problem in conf/pde, solved here and now.

    python docs/gallery.py            # all
    python docs/gallery.py burgers    # some

1D: space and time. 2D: five snapshots. 3D: five snapshots of the slice through the middle. A problem whose yaml says
that it was not run at full size is drawn in its small form.
"""

import re
import sys
from pathlib import Path

# The packages beside this script, not those of a checkout that happens to be installed.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tendency.app.configuration.build import load_problem
from tendency.app.configuration.conf_files import conf_folder
from tendency.simulation.fields import channel_names
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import WrittenEquation, begin, rollout

HERE = Path(__file__).resolve().parent
TOO_LARGE = "Not run here at full size"


def trajectory(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The first test trajectory: u (T, C, *N) and its times (T,)."""
    solver, draw = problem.simulator, problem.draws("test", [0])
    first = problem.first_snapshot(draw)
    seed = torch.zeros(1, dtype=torch.int64)
    progress = begin(solver, first[:, None], draw.times[:, :1], draw.conditions, seed)
    states = [first, *(state.u for state in rollout(solver, progress, draw.times[:, 1:], draw.conditions))]
    return torch.cat(states).numpy(), draw.times[0].numpy()


def draw(problem: Problem, path: Path) -> None:
    """Writes the picture of one problem."""
    u, t = trajectory(problem)
    dims = problem.geometry.spatial_dims
    extent = [problem.draws("test", [0]).conditions.extent[0, axis].item() for axis in range(dims)]
    if dims == 3:
        u = u[..., u.shape[-1] // 2]
    values, name = u[:, 0], channel_names(problem.fields, dims)[0]
    low, high = np.quantile(values, [0.001, 0.999])
    signed = low < 0 < high
    colours = (
        {"cmap": "RdBu_r", "vmin": -max(-low, high), "vmax": max(-low, high)}
        if signed
        else {"cmap": "viridis", "vmin": low, "vmax": high}
    )
    if dims == 1:
        figure = Figure((7.2, 2.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = [figure.add_subplot()]
        box = (t[0], t[-1], 0, extent[0])
        image = axes[0].imshow(values.T, aspect="auto", origin="lower", extent=box, **colours)
        axes[0].set(xlabel="t", ylabel="x")
    else:
        figure = Figure((9.0, 2.1), layout="constrained")
        FigureCanvasAgg(figure)
        axes = list(figure.subplots(1, 5))
        for panel, snapshot in zip(axes, np.linspace(0, len(t) - 1, 5).round().astype(int), strict=True):
            image = panel.imshow(values[snapshot].T, origin="lower", **colours)
            panel.set(xticks=[], yticks=[])
            panel.set_title(f"t = {t[snapshot]:.4g}", fontsize=9)
    figure.colorbar(image, ax=axes, label=name, pad=0.01)
    figure.savefig(path, dpi=100)


def formula(problem: Problem) -> list[str]:
    """The equation as its solver states it, in Markdown; no line where it states none."""
    solver = problem.simulator
    if not isinstance(solver, WrittenEquation) or not solver.formula:
        return []
    return [rf"$$\begin{{gathered}} {solver.formula} \end{{gathered}}$$", ""]


def main() -> None:
    """Draws what is named on the command line, or everything, and writes the page."""
    files = sorted((conf_folder() / "pde").glob("*.yaml"))
    wanted = set(sys.argv[1:]) or {file.stem for file in files}
    if unknown := wanted - {file.stem for file in files}:
        sys.exit(f"error: unknown problems {sorted(unknown)}; available: {', '.join(file.stem for file in files)}")
    (HERE / "gallery").mkdir(exist_ok=True)
    lines = ["# Gallery", "", "The first test trajectory of every problem, drawn by `python docs/gallery.py`.", ""]
    for file in files:
        text = file.read_text(encoding="utf-8")
        head = " ".join(line[1:].strip() for line in re.match(r"(#.*\n)+", text)[0].splitlines())
        small = TOO_LARGE in head
        problem = load_problem(file.stem, small)
        if file.stem in wanted:
            print(file.stem, flush=True)
            draw(problem, HERE / "gallery" / f"{file.stem}.png")
        form = " (its small form)" if small else ""
        lines += [
            f"## `pde={file.stem}`",
            "",
            head,
            "",
            *formula(problem),
            f"![{file.stem}](gallery/{file.stem}.png){form}",
            "",
        ]
    (HERE / "gallery.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
