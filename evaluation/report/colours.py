"""Colours of methods and of fields, the same in every figure."""

import numpy as np
import xarray as xr

from tendency.evaluation.statistics.ranking import learned_methods, method_names

# Colour-blind safe (Okabe & Ito 2008); baselines and truth keep to grey and black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BASELINE = "#7a828c"


def method_style(results: xr.Dataset, method: str) -> tuple[str, int]:
    """The colour of a method, and which kind of dashes tells it from others of that colour.

    Learned methods go through the colours before their lines are dashed; baselines are grey and always dashed.

    Args:
        results: results with all methods.
        method: name of a method.
    """
    learned = learned_methods(results)
    if method in learned:
        number = learned.index(method)
        return COLOURS[number % len(COLOURS)], number // len(COLOURS) % 4
    baselines = [name for name in method_names(results) if name not in learned]
    return BASELINE, 1 + baselines.index(method) % 3


def colour_range(truth: np.ndarray) -> tuple[float, float]:
    """The colours' ends: alike on both sides of 0 where a field has both signs, else from its least to its largest.

    Args:
        truth: values that the colours have to distinguish.
    """
    finite = truth[np.isfinite(truth)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low < 0 < high:
        high = max(-low, high)
        return -high, high
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1))
