"""The page of a study: one table in Markdown and CSV, and the learning curves."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tendency.app.studies.study_numbers import STILL_FALLING, StudyCell, validation_curve
from tendency.app.studies.study_plan import MODELS, PROBLEMS, ROWS, StudySettings, Training
from tendency.data.whole_file import whole_file
from tendency.evaluation.report.colours import COLOURS
from tendency.evaluation.statistics.intervals import Interval

NUMBERS = (
    ("nrmse", lambda c: c.nrmse.mean),
    ("nrmse_low", lambda c: c.nrmse.low),
    ("nrmse_high", lambda c: c.nrmse.high),
    *(
        (f"{name}{end}", lambda c, name=name, part=part: getattr(getattr(c, name), part))
        for name in ("one_step", "high_band", "high_energy")
        for end, part in (("", "mean"), ("_low", "low"), ("_high", "high"))
    ),
    ("correlation_time", lambda c: c.correlation_time.mean),
    ("correlation_time_low", lambda c: c.correlation_time.low),
    ("correlation_time_high", lambda c: c.correlation_time.high),
    ("correlation_time_censored", lambda c: c.censored),
    ("correlation_steps", lambda c: c.correlation_time.mean / c.dt),
    ("time_per_step", lambda c: c.dt),
    ("network_calls_per_step", lambda c: c.calls),
    ("time_per_network_call", lambda c: c.dt / c.calls if c.calls else None),
    ("seconds_per_step", lambda c: c.seconds),
    ("time_per_second", lambda c: c.dt / c.seconds),
    ("parameters", lambda c: c.parameters),
    ("training_seconds", lambda c: c.training_seconds),
    ("fall_in_last_quarter", lambda c: c.falls),
    ("stable_share", lambda c: c.stable),
)
"""The columns of the CSV file after the names."""
HEAD = (
    "row",
    "seeds",
    "parameters",
    "rollout nRMSE",
    "one-step nRMSE",
    "of it in the high band",
    "energy in the high band",
    "time to correlation 0.8",
    "in steps",
    "calls per step",
    "time per call",
    "time per second",
    "training",
    "notes",
)


def write_page(
    cells: list[StudyCell], trainings: list[Training], settings: StudySettings, scale: Mapping[str, Any], target: Path
) -> Path:
    """Writes ``<target>.md``, ``<target>/table.csv`` and ``<target>/learning_curves.png``.

    Args:
        cells: of the table.
        trainings: whose curves are drawn.
        settings: of the study.
        scale: its name and its settings.
        target: without an ending.

    Returns:
        The path of the page.
    """
    page = target.with_name(f"{target.name}.md")
    _write(target / "table.csv", table_csv(cells).encode())
    image = learning_curves(trainings, settings)
    _write(target / "learning_curves.png", image)
    lines = [*_introduction(scale, settings), "", *table(cells), "", *_legend(), ""]
    lines += [f"![Validation error of every network over its training]({target.name}/learning_curves.png)", ""]
    _write(page, "\n".join(lines).encode())
    return page


def table(cells: list[StudyCell]) -> list[str]:
    """One Markdown table for each problem and network."""
    lines = []
    for problem, model in dict.fromkeys((cell.problem, cell.model) for cell in cells):
        lines += [f"## {PROBLEMS[problem]}, {MODELS[model]}", "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
        lines += [_line(cell) for cell in cells if (cell.problem, cell.model) == (problem, model)]
        lines.append("")
    return lines[:-1]


def table_csv(cells: list[StudyCell]) -> str:
    """One line for each cell, every number in full; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["problem", "model", "row", "seeds", *(name for name, _ in NUMBERS)])
    for cell in cells:
        values = [value(cell) for _, value in NUMBERS]
        writer.writerow([cell.problem, cell.model, cell.row, cell.seeds, *("" if v is None else v for v in values)])
    return text.getvalue()


def _line(cell: StudyCell) -> str:
    beyond = "> " if cell.censored else ""
    notes = []
    if ROWS[cell.row].baseline is not None:
        notes.append("no network")
    elif cell.falls is None:
        notes.append("learning curve too short to judge")
    elif cell.falls > STILL_FALLING:
        notes.append(f"not converged: error fell by {100 * cell.falls:.0f} % in the last quarter")
    if cell.stable < 1:
        notes.append(f"{100 * (1 - cell.stable):.0f} % blew up")
    fields = [
        ROWS[cell.row].title,
        str(cell.seeds),
        f"{cell.parameters:,}" if cell.parameters else "",
        cell.nrmse.text(),
        cell.one_step.text(),
        _known(cell.high_band),
        _known(cell.high_energy),
        beyond + cell.correlation_time.text(),
        f"{beyond}{cell.correlation_time.mean / cell.dt:.0f}",
        f"{cell.calls:.3g}",
        f"{cell.dt / cell.calls:.3g}" if cell.calls else "",
        f"{cell.dt / cell.seconds:.3g}",
        "" if cell.training_seconds is None else f"{cell.training_seconds / 60:.1f} min",
        "; ".join(notes),
    ]
    return f"| {' | '.join(fields)} |"


def _known(interval: Interval) -> str:
    return "" if math.isnan(interval.mean) else interval.text()


def _introduction(scale: Mapping[str, Any], settings: StudySettings) -> list[str]:
    chosen = " ".join(
        f"{key}=[{','.join(map(str, getattr(settings, key)))}]" for key in ("problems", "models", "rows", "seeds")
    )
    lines = ["# Predicting change, not states", ""]
    lines += [
        "Zhou & Barati Farimani ([arXiv:2412.13074](https://arxiv.org/abs/2412.13074)), on our own data. Made by",
        "",
    ]
    quoted = ",".join(f'"{override}"' for override in settings.overrides)
    extra = [f"'overrides=[{quoted}]'"] if quoted else []
    lines += ["    " + " ".join(["python study.py", f"scale={scale['name']}", chosen, *extra]), ""]
    lines += ["with the settings of conf/experiment/predicting_change and these on top:", ""]
    return lines + [f"- {key}: `{' '.join(values)}`" for key, values in scale["settings"].items() if values]


def _legend() -> list[str]:
    return [
        "Each number is a median over the test trajectories of one network, then a mean over its seeds with a 95 %",
        "t-interval; the rollout's nRMSE is the geometric mean over its snapshots. Intervals of errors are those of",
        "their logarithms. The high band are the wavenumbers from 12 times the lowest one on (as in PDEBench): the",
        "error there after a rollout's first step over the norm of the whole truth, and the energy there at its end",
        "over the truth's; empty where the truth has nothing there.",
        "A time with `>` lies beyond the end of the trajectories and has no interval. Time per call and per second",
        "say how much physical time one call of the network, and one second of computing for one trajectory on one",
        "thread, bring a rollout forward. The four derivative rows share their networks, whose best weights are those",
        "with the best validation rollout under RK4. A corrected step comes with a solve on the coarse grid, which the",
        "seconds show and the calls do not.",
    ]


def learning_curves(trainings: list[Training], settings: StudySettings) -> bytes:
    """The validation error of every network over its steps, one panel for each problem and network, as PNG."""
    rows, columns = len(settings.problems), len(settings.models)
    figure = Figure((5.0 * columns + 2.2, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
    kinds = list(dict.fromkeys((t.strategy, t.widening) for t in trainings))
    for training in trainings:
        panel = axes[settings.problems.index(training.problem), settings.models.index(training.model)]
        log = training.folder.log
        curve = [(step, error) for step, error in validation_curve(log) if math.isfinite(error)] if log.exists() else []
        if not curve:
            continue
        kind = kinds.index((training.strategy, training.widening))
        served = [row for row in ROWS.values() if (row.strategy, row.widening) == kinds[kind]]
        label = served[0].title if len(served) == 1 else "derivative, validated with RK4"
        colour = COLOURS[kind % len(COLOURS)]
        panel.plot(*zip(*curve, strict=True), color=colour, marker=".", lw=1, label=label)
    for i, problem in enumerate(settings.problems):
        for j, model in enumerate(settings.models):
            panel = axes[i, j]
            panel.set(title=f"{PROBLEMS[problem]}, {MODELS[model]}", xlabel="steps", ylabel="validation rollout nRMSE")
            if panel.lines:
                panel.set_yscale("log")
    handles = {line.get_label(): line for panel in axes.flat for line in panel.lines}
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return image.getvalue()


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
