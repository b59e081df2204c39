"""Quantiles over trajectories of which some blew up."""

import numpy as np

SHARES = (0.1, 0.5, 0.9)


def quantiles(values: np.ndarray, worst: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """10, 50 and 90 % over trajectories; NaN where the quantile is a trajectory that blew up.

    Args:
        values: (trajectories, snapshots) values of a metric.
        worst: value that one that is not finite counts as, so that the survivors are not taken for all trajectories.

    Returns:
        Three arrays (snapshots,).
    """
    ordered = np.sort(np.where(np.isfinite(values), values, worst), axis=0)
    edges = []
    for share in SHARES:
        below, part = divmod(share * (len(ordered) - 1), 1)
        lower, upper = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
        # Not lower + part (upper - lower) at part = 0: 0 times infinity is no number.
        with np.errstate(invalid="ignore"):
            edge = lower if part == 0 else (1 - part) * lower + part * upper
        edges.append(np.where(np.isfinite(edge), edge, np.nan))
    return edges[0], edges[1], edges[2]
