"""Times, side lengths and parameters with which single precision can calculate."""

import numpy as np

LEAST, MOST = 1e-18, 1e18
"""Between them a number, its inverse and their squares are normal numbers of single precision."""
ROUNDING = 1e-12
"""Share of a time below which a step from it is rounding of the time."""
SPREAD = 1e-9
"""The shortest step beside the longest; below it one of the times is another's rounding."""


def require_positive(key: str, value: float) -> None:
    """Refuses a step or a side length that single precision cannot calculate with.

    Args:
        key: of the configuration, or what the number is.
        value: that is stated or was found.

    Raises:
        ValueError: with both sides.
    """
    if not LEAST <= value <= MOST:
        raise ValueError(
            f"{key}: expected a number from {LEAST:g} to {MOST:g}, with which single precision can calculate, got "
            f"{value:g}; take other units"
        )


def require_size(key: str, values: np.ndarray) -> None:
    """Refuses numbers that are larger than single precision can calculate with.

    Args:
        key: of the configuration, or what the numbers are.
        values: of any sign and shape.

    Raises:
        ValueError: with both sides.
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= MOST:
        raise ValueError(f"{key}: expected numbers up to {MOST:g}, got {largest:g}; take other units")


def require_steps(name: str, times: np.ndarray) -> None:
    """Refuses times whose differences are impossible steps, or the rounding of the times.

    Args:
        name: of the file.
        times: (R, T) that increase.

    Raises:
        ValueError: with both sides.
    """
    require_size(f"data.path: times of {name}", times)
    between = np.diff(times)
    shortest, longest = float(between.min()), float(between.max())
    require_positive(f"data.path: time between snapshots of {name}", shortest)
    # Rounding of a time is a share of the time itself.
    share = float((between / np.abs(times).max(axis=1, keepdims=True)).min())
    if share < ROUNDING or shortest < SPREAD * longest:
        raise ValueError(
            f"data.path: expected times of {name} that differ by more than their rounding, got steps from {shortest:g} "
            f"to {longest:g}; leave the trajectory out by data.leave_out, or say data.dt=..."
        )
