"""Medians of times of which some are only known to be longer than the horizon."""

from torch import Tensor


def censored_median(times: Tensor, censored: Tensor) -> tuple[float, bool]:
    """The median of times of which some are only known to be longer (Kaplan-Meier estimator).

    The survival function falls at each observed time by the factor 1 − d/n, with d times observed there and n not yet
    over; the median is the first time at which it is 1/2 or less.

    Args:
        times: (n,) observed times, or the horizon where censored.
        censored: (n,) bool, whether a time is only known to be longer.

    Returns:
        The median and False; or the longest time and True where more than half survive it.

    References:
        Kaplan, Meier: Nonparametric estimation from incomplete observations. J. Am. Stat. Assoc. 53 (1958),
        doi:10.1080/01621459.1958.10501452.
    """
    survival = 1.0
    for time in times[~censored].unique():
        at_risk, observed = (times >= time).sum(), ((times == time) & ~censored).sum()
        survival *= 1 - float(observed / at_risk)
        # Products of fractions: 3/4 · 2/3 may be above 1/2 in its last bit.
        if survival <= 0.5 + 1e-9:
            return float(time), False
    return float(times.max()), True
