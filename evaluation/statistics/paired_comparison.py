"""Pairs of methods compared on the same test trajectories: ratio of their errors, its interval and significance.

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
import torch
import xarray as xr

from tendency.evaluation.metrics.rollout_error import geometric_mean_error
from tendency.evaluation.statistics.method_results import first_snapshots

MEASURE = "rollout_nrmse"
"""The error of a whole rollout that methods are compared by."""
LARGEST, SMALLEST = 100.0, 1e-16
"""Errors count as no larger than that of a rollout that is lost, and as no smaller than rounding."""
MOST_METHODS = 12


@dataclass(frozen=True)
class PairedComparison:
    """The paired difference of log errors of two methods on the same test trajectories.

    Args:
        first: name of A.
        second: name of B.
        ratio: error of A over error of B, geometric mean over seeds and trajectories; below 1 where A is better.
        low: lower end of the ratio's interval.
        high: upper end of the ratio's interval.
        share: share of the bootstrap draws in which A has the smaller error.
        seeds: numbers of runs of A and of B; one run of a trained method does not show how much the seed matters, and
            the interval then covers other trajectories alone.
        trajectories: number of test trajectories.
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


def compare_methods(
    first: np.ndarray, second: np.ndarray, *, names: tuple[str, str] = ("A", "B"), draws: int = 10000, seed: int = 0
) -> PairedComparison:
    """Compares two methods by a hierarchical bootstrap: of seeds, and of trajectories.

    Each draw takes runs of either method and trajectories with replacement, the same trajectories for both: what makes
    one harder than another cancels. Of n there are n − 1 drawn, so that the variance of a mean comes out unbiased; all
    that there is, where there is one.

    Args:
        first: errors (runs, trajectories) of A.
        second: errors (runs, trajectories) of B, on the same trajectories in the same order.
        names: names of A and B.
        draws: number of bootstrap draws.
        seed: seed of the draws.

    Raises:
        ValueError: the numbers of trajectories differ.
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


def members_of_methods(results: xr.Dataset, groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The simulators of each group of runs, and of each method that is in no group, by its name.

    Args:
        results: results of ``evaluate_rollouts``.
        groups: names of the simulators that differ in their seed alone, by what they have in common.
    """
    grouped = {name for names in groups.values() for name in names}
    alone = {str(name): [str(name)] for name in results.simulator.values if str(name) not in grouped}
    return {name: list(names) for name, names in groups.items()} | alone


def compare_pair(results: xr.Dataset, members: Mapping[str, Sequence[str]], pair: tuple[str, str]) -> PairedComparison:
    """Compares the rollout errors of two methods over the snapshots that both predict.

    Args:
        results: results of ``evaluate_rollouts``.
        members: simulators of each method, from ``members_of_methods``.
        pair: names of the two methods.
    """
    starts = first_snapshots(results)
    start = max(starts[name] for method in pair for name in members[method])
    first, second = (np.stack([_errors_from(results, name, starts[name], start) for name in members[m]]) for m in pair)
    return compare_methods(first, second, names=pair)


def _errors_from(results: xr.Dataset, name: str, own: int, start: int) -> np.ndarray:
    """The rollout error (trajectories,) of a simulator that starts at ``own``, over the snapshots after ``start``."""
    one = results.sel({"simulator": name})
    if own == start:
        return one[MEASURE].values
    return geometric_mean_error(torch.from_numpy(one.nrmse.values[:, start + 1 :])).numpy()


def compare_all(results: xr.Dataset, groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Every method against every other, as plain data: the fields of ``PairedComparison``, and its ``sentence``.

    Args:
        results: results of ``evaluate_rollouts``.
        groups: names of the simulators that differ in their seed alone, by what they have in common.
    """
    members = members_of_methods(results, groups)
    names = list(members)[:MOST_METHODS]
    pairs = [compare_pair(results, members, pair) for pair in itertools.combinations(names, 2)]
    return [{**asdict(pair), "sentence": pair.sentence()} for pair in pairs]
