"""Is method A better than method B? A difference, how well it is known, and how often it comes out that way.

References:
    Davison, Hinkley: Bootstrap Methods and their Application. Cambridge 1997, section 3.8 (hierarchical data).
    Rao, Wu: Resampling inference with complex survey data. J. Am. Stat. Assoc. 83 (1988),
    doi:10.1080/01621459.1988.10478591 (why n − 1 of n are drawn).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.statistics.intervals import Interval, log_t_interval, t_interval

MEASURE = "geometric_mean_nrmse"
"""The error of a whole rollout that methods are compared by."""
LARGEST, SMALLEST = 100.0, 1e-16
"""Errors count as no larger than that of a rollout that is lost, and as no smaller than rounding."""
MOST_METHODS = 12


@dataclass(frozen=True)
class PairedComparison:
    """The paired difference of log errors of two methods on the same test trajectories.

    Args:
        first: the name of A.
        second: the name of B.
        ratio: error of A over error of B, geometric mean over seeds and trajectories; below 1 where A is better.
        low: lower end of its interval.
        high: upper end of its interval.
        share: of the bootstrap draws in which A has the smaller error.
        seeds: runs of A and of B; with one run of a trained method, nothing is known of how much the seed matters, and
            the interval speaks of other trajectories alone.
        trajectories: that both were judged on.
    """

    first: str
    second: str
    ratio: float
    low: float
    high: float
    share: float
    seeds: tuple[int, int]
    trajectories: int

    def sentence(self) -> str:
        """Who is better, by how much, and how sure that is."""
        better, worse, ratio, low, high, share = self.first, self.second, self.ratio, self.low, self.high, self.share
        if ratio > 1:
            better, worse, ratio, low, high, share = worse, better, 1 / ratio, 1 / high, 1 / low, 1 - share
        figures = f"{ratio:.3g} times its error [{low:.3g}, {high:.3g}], smaller in {100 * share:.3g} % of the draws"
        if low <= 1 <= high:
            return f"{better} and {worse} cannot be told apart: {figures}"
        return f"{better} is better than {worse}: {figures}"


def compare(
    first: np.ndarray, second: np.ndarray, *, names: tuple[str, str] = ("A", "B"), draws: int = 10000, seed: int = 0
) -> PairedComparison:
    """Compares two methods by a hierarchical bootstrap: of seeds, and of trajectories.

    Each draw takes runs of either method and trajectories with replacement, the same trajectories for both: what makes
    one harder than another cancels. Of n there are n − 1 drawn, so that the variance of a mean comes out unbiased; all
    that there is, where there is one.

    Args:
        first: errors (runs, trajectories) of A.
        second: errors (runs, trajectories) of B, on the same trajectories in the same order.
        names: of both.
        draws: of the bootstrap.
        seed: of the draws.

    Raises:
        ValueError: other trajectories.
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"a paired comparison needs the same trajectories, got {first.shape[1]} and {second.shape[1]} of them"
        )
    generator = np.random.default_rng(seed)
    logs = [np.log(np.clip(np.nan_to_num(e, nan=LARGEST, posinf=LARGEST), SMALLEST, LARGEST)) for e in (first, second)]
    count = first.shape[1]
    trajectories = _shares(generator, count, draws)
    means = []
    for log in logs:
        runs = _shares(generator, len(log), draws)
        means.append(np.einsum("dr,rt,dt->d", runs, log, trajectories, optimize=True))
    differences = means[0] - means[1]
    low, high = np.quantile(differences, [0.025, 0.975])
    return PairedComparison(
        *names,
        ratio=float(np.exp(logs[0].mean() - logs[1].mean())),
        low=float(np.exp(low)),
        high=float(np.exp(high)),
        share=float((differences < 0).mean() + 0.5 * (differences == 0).mean()),
        seeds=(len(first), len(second)),
        trajectories=count,
    )


def _shares(generator: np.random.Generator, count: int, draws: int) -> np.ndarray:
    """How often each of ``count`` is drawn, as shares (draws, count)."""
    if count == 1:
        return np.ones((draws, 1))
    return generator.multinomial(count - 1, np.full(count, 1 / count), draws) / (count - 1)


def errors_of(results: xr.Dataset, groups: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """The rollout errors (runs, trajectories) of each group of runs, and of each method that is in no group.

    Args:
        results: from ``evaluate_rollouts``.
        groups: names of the simulators that differ in their seed alone, by what they have in common.
    """
    grouped = {name for names in groups.values() for name in names}
    alone = {str(name): [str(name)] for name in results.simulator.values if str(name) not in grouped}
    return {
        name: results[MEASURE].sel({"simulator": list(names)}).values for name, names in (dict(groups) | alone).items()
    }


def comparisons(results: xr.Dataset, groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Every method against every other, as plain data: the fields of ``Comparison``, and its ``sentence``.

    Args:
        results: from ``evaluate_rollouts``.
        groups: as of ``errors_of``.
    """
    errors = errors_of(results, groups)
    names = list(errors)[:MOST_METHODS]
    found = [compare(errors[a], errors[b], names=(a, b)) for a, b in itertools.combinations(names, 2)]
    return [{**asdict(one), "sentence": one.sentence()} for one in found]


def over_seeds(
    summary: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The mean over the seeds of each group, and its t-interval, of the figures of a summary.

    Args:
        summary: from ``tendency.evaluation.statistics.summary.summarise``.
        groups: as of ``errors_of``.

    Returns:
        {group: {figure: {mean, low, high}}}; errors are averaged by their logarithms. A time that is censored for some
        seed has no interval, and what is not finite is None.
    """
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for group, names in groups.items():
        runs = [summary[name] for name in names]
        found[group] = {
            figure: _interval(figure, [run[figure] for run in runs], runs).to_dict()
            for figure in runs[0]
            if not figure.endswith("_censored") and all(figure in run for run in runs)
        }
    return found


def _interval(figure: str, values: list[float], runs: Sequence[Mapping[str, Any]]) -> Interval:
    if any(run.get(f"{figure}_censored", False) for run in runs):
        return Interval(sum(values) / len(values))
    if "nrmse" in figure and "time" not in figure:
        return log_t_interval(values)
    return t_interval(values)
