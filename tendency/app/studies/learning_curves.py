"""The validation errors of a comparison's networks over their training, as an image."""

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tendency.app.studies.comparison_plan import ComparisonPlan, Trial
from tendency.app.studies.training_record import TrainingRecord
from tendency.evaluation.report.colours import COLOURS


def learning_curves(
    plan: ComparisonPlan, trials: Sequence[Trial], records: Mapping[str, TrainingRecord]
) -> bytes | None:
    """One panel for each problem and model, one colour for each variant that is trained, as PNG.

    Args:
        plan: plan of the comparison.
        trials: its trials.
        records: records by identity.

    Returns:
        The image; None where no record has a validation error that is finite.
    """
    rows, columns = len(plan.problems), len(plan.models)
    figure = Figure((5.0 * columns + 2.2, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
    networks = list(dict.fromkeys(plan.comparison.network_of(trial.name) for trial in trials))
    drawn: set[str] = set()
    for trial in trials:
        record = records.get(trial.training.identity)
        curve = [point for point in record.validation if math.isfinite(point[1])] if record is not None else []
        if not curve or trial.training.identity in drawn:
            continue
        drawn.add(trial.training.identity)
        panel = axes[plan.problems.index(trial.problem), plan.models.index(trial.model)]
        network = plan.comparison.network_of(trial.name)
        colour = COLOURS[networks.index(network) % len(COLOURS)]
        label = plan.comparison.title_of(network)
        panel.plot(*zip(*curve, strict=True), color=colour, marker=".", lw=1, label=label)
    if not drawn:
        return None
    for i, problem in enumerate(plan.problems):
        for j, model in enumerate(plan.models):
            panel = axes[i, j]
            titles = (plan.comparison.problems[problem].title, plan.comparison.models[model].title)
            title = ", ".join(text for text in titles if text) or plan.comparison.title
            panel.set(title=title, xlabel="steps", ylabel="validation rollout nRMSE")
            if panel.lines:
                panel.set_yscale("log")
    handles = {line.get_label(): line for panel in axes.flat for line in panel.lines}
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return image.getvalue()
