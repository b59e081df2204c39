"""The chart of the losses and the validation errors of the trainings that a report's surrogates come from."""

from collections.abc import Mapping, Sequence

import numpy as np

from tendency.evaluation.report.charts import Chart, Trace, chart_layout, escape_name, kept_points, packed
from tendency.evaluation.report.colours import COLOURS
from tendency.evaluation.report.report_source import TrainingHistory

LOSS = "training loss"


def training_chart(histories: Mapping[str, TrainingHistory]) -> Chart:
    """Of one run its loss and its validation errors in one figure; of several a figure of each, a line for each run.

    Args:
        histories: what was logged, by the name of the run.
    """
    curves = {run: {LOSS: one.loss, **one.validations} for run, one in histories.items()}
    if len(curves) == 1:
        (shown,) = curves.values()
        figures = {"loss and errors": shown}
    else:
        names = dict.fromkeys(name for one in curves.values() for name in one)
        figures = {name: {run: one[name] for run, one in curves.items() if name in one} for name in names}
    layouts = {title: chart_layout("steps of the optimiser", title, up_scale="log") for title in figures}
    drawn = {
        title: {
            "data": [_trace(name, points, number) for number, (name, points) in enumerate(lines.items())],
            "layout": layouts[title] | {"hovermode": "x unified"},
        }
        for title, lines in figures.items()
    }
    caption = (
        "The loss of the training batches, in the units of the loss that was trained with, and the errors on the "
        "validation trajectories, by which the best checkpoint was chosen."
    )
    return Chart("training", "Training", caption, drawn, scales=True)


def _trace(name: str, points: Sequence[tuple[int, float]], number: int) -> Trace:
    steps, values = np.asarray(points, dtype=float).reshape(-1, 2)[kept_points(len(points))].T
    return {
        "x": packed(steps),
        "y": packed(np.where(values > 0, values, np.nan)),
        "name": escape_name(name),
        "mode": "lines" if len(steps) > 40 else "lines+markers",
        "marker": {"size": 5},
        "line": {"color": COLOURS[number % len(COLOURS)], "width": 2},
        "hovertemplate": "%{y:.3g}",
    }
