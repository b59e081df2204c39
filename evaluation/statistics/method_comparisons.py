"""The methods of a report against each other, and against persistence: what has learned nothing is not ranked."""

import itertools
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import xarray as xr

from tendency.evaluation.metrics.figure import Statistic, SummaryFigure
from tendency.evaluation.metrics.rollout_error import geometric_mean_error
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.statistics.method_results import first_snapshots, results_of_method
from tendency.evaluation.statistics.paired_comparison import PairedComparison, PairedDifference, compare_figure
from tendency.evaluation.statistics.summary import applies, values_per_trajectory

REFERENCE = "persistence"
"""The baseline that whatever has learned something is better than."""
BELOW_REFERENCE = f"smaller than {REFERENCE}'s beyond the 95 % interval"
"""What no trained method's error is where nothing is ranked: the rest of a sentence."""
MOST_METHODS = 12
"""Methods that are compared in pairs."""


def members_of_methods(results: xr.Dataset, groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The simulators of each group of runs, and of each method that is in no group, by its name.

    Args:
        results: results of ``evaluate_rollouts``.
        groups: names of the simulators that differ in their seed alone, by what they have in common.
    """
    grouped = {name for names in groups.values() for name in names}
    alone = {str(name): [str(name)] for name in results.simulator.values if str(name) not in grouped}
    return {name: list(names) for name, names in groups.items()} | alone


def comparable(
    results: xr.Dataset, members: Mapping[str, Sequence[str]], figure: SummaryFigure, pair: tuple[str, str]
) -> bool:
    """Whether both of two methods have a figure, of the same snapshots.

    A figure of an ensemble exists only of methods that draw noise. That of the first step is one of another snapshot
    for a method that starts later.

    Args:
        results: results of ``evaluate_rollouts``.
        members: simulators of each method, from ``members_of_methods``.
        figure: figure of the summary.
        pair: names of the two methods.
    """
    names = [name for method in pair for name in members[method]]
    starts = first_snapshots(results)
    if figure.statistic is Statistic.FIRST_STEP and len({starts[name] for name in names}) > 1:
        return False
    return all(applies(results_of_method(results, name), figure) for name in names)


def compare_pair(
    results: xr.Dataset, members: Mapping[str, Sequence[str]], figure: SummaryFigure, pair: tuple[str, str]
) -> PairedComparison | PairedDifference:
    """Compares two methods by a figure over the snapshots that both predict.

    Args:
        results: results of ``evaluate_rollouts``.
        members: simulators of each method, from ``members_of_methods``.
        figure: figure of the summary by which they are ``comparable``.
        pair: names of the two methods.
    """
    starts = first_snapshots(results)
    start = max(starts[name] for method in pair for name in members[method])
    first, second = (
        np.stack([_values_from(results, name, figure, starts[name], start) for name in members[method]])
        for method in pair
    )
    return compare_figure(figure, first, second, pair)


def _values_from(results: xr.Dataset, name: str, figure: SummaryFigure, own: int, start: int) -> np.ndarray:
    """The values (trajectories,) of a simulator that starts at ``own``, over the snapshots after ``start``.

    A figure of a whole rollout that is no mean of a figure of each snapshot stays that of the simulator's own rollout.
    """
    one = results_of_method(results, name, start)
    if start == own or figure.mean_of is None:
        return values_per_trajectory(one, figure)
    label = {} if figure.axis is None else {figure.axis: figure.label}
    return geometric_mean_error(torch.from_numpy(one[figure.mean_of].sel(label).values[:, 1:])).numpy()


def unlearned_figures(
    results: xr.Dataset, groups: Mapping[str, Sequence[str]], learned: Iterable[str]
) -> frozenset[str]:
    """The keys of the figures that nothing is ranked by, because no trained method is better than persistence.

    These are the errors in which none is better, by intervals of 95 %; where that holds of every error nothing was
    learned, and they are all figures. An error that persistence or every trained method lacks says nothing. Where
    persistence was not rolled out this is not known, and there are none.

    Args:
        results: results of ``evaluate_rollouts``.
        groups: groups of runs, as for ``members_of_methods``.
        learned: names of the trained runs.
    """
    trained = set(learned)
    stated = StatedFigures.of_results(results)
    if not trained or REFERENCE in trained or REFERENCE not in results.simulator.values:
        return frozenset()
    errors = [figure for figure in stated.ranked if figure.by_ratio]
    found = {figure.key: _any_better(results, groups, trained, figure) for figure in errors}
    known = {key: better for key, better in found.items() if better is not None}
    if known and not any(known.values()):
        return frozenset(figure.key for figure in stated.summary)
    return frozenset(key for key, better in known.items() if not better)


def _any_better(
    results: xr.Dataset, groups: Mapping[str, Sequence[str]], trained: Set[str], figure: SummaryFigure
) -> bool | None:
    """Whether some trained method is better than persistence by a figure, and the interval leaves no doubt.

    None where the figure does not exist of persistence and of some trained method, or of one test trajectory alone,
    which leaves every doubt.
    """
    if results.sizes["trajectory"] < 2:
        return None
    members = members_of_methods(results, groups)
    pairs = [(name, REFERENCE) for name in members if _is_trained(name, groups, trained)]
    pairs = [pair for pair in pairs if comparable(results, members, figure, pair)]
    return any(compare_pair(results, members, figure, pair).first_is_better for pair in pairs) if pairs else None


def _is_trained(method: str, groups: Mapping[str, Sequence[str]], trained: Set[str]) -> bool:
    """Whether a group of runs, or a run alone, is trained."""
    return bool(set(groups.get(method, [method])) & trained)


def compare_with_others(
    best: str, results: xr.Dataset, groups: Mapping[str, Sequence[str]], figure: SummaryFigure, among: Iterable[str]
) -> dict[str, PairedComparison | PairedDifference]:
    """One method as the first of a pair with each of the others.

    Args:
        best: name of the method, a group or a run alone.
        results: results of ``evaluate_rollouts``.
        groups: groups of runs, as for ``members_of_methods``.
        figure: figure of the summary.
        among: names of the methods that it is compared with; its own is left out.

    Returns:
        {name of the other method: comparison}, of those that are ``comparable``.
    """
    members = members_of_methods(results, groups)
    others = [name for name in among if name != best and comparable(results, members, figure, (best, name))]
    return {name: compare_pair(results, members, figure, (best, name)) for name in others}


def tied_with(
    best: str, results: xr.Dataset, groups: Mapping[str, Sequence[str]], figure: SummaryFigure, among: Iterable[str]
) -> set[str]:
    """The methods that the best one is not ahead of by a figure, as the intervals say.

    The best one has the best median over trajectories. Another one whose median is worse may still have the smaller
    error on the same trajectories, by a mean over them: then it is among these methods too.

    Args:
        best: name of the best method, a group or a run alone.
        results: results of ``evaluate_rollouts``.
        groups: groups of runs, as for ``members_of_methods``.
        figure: figure of the summary.
        among: names of the methods that are looked at.
    """
    pairs = compare_with_others(best, results, groups, figure, among)
    return {name for name, pair in pairs.items() if not pair.first_is_better}


def compare_all(
    results: xr.Dataset, groups: Mapping[str, Sequence[str]], learned: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Every method against every other by each figure that states it and that both have, as plain data.

    Args:
        results: results of ``evaluate_rollouts``.
        groups: groups of runs, as for ``members_of_methods``.
        learned: names of the trained runs; without them nothing is said of what has learned nothing.

    Returns:
        The fields of ``PairedComparison`` or ``PairedDifference``, the key of the figure, and a ``sentence``.
    """
    compared = StatedFigures.of_results(results).compared
    trained = set(learned or ())
    unlearned = unlearned_figures(results, groups, trained)
    members = members_of_methods(results, groups)
    pairs = []
    for figure in compared:
        for a, b in itertools.combinations(list(members)[:MOST_METHODS], 2):
            if not comparable(results, members, figure, (a, b)):
                continue
            pair = compare_pair(results, members, figure, (a, b))
            sentence = pair.sentence()
            if figure.key in unlearned and all(_is_trained(name, groups, trained) for name in (a, b)):
                sentence = (
                    f"{a} and {b} are not ranked by {figure.title}: no trained method's error is {BELOW_REFERENCE}"
                )
            pairs.append({**asdict(pair), "figure": figure.key, "sentence": sentence})
    return pairs
