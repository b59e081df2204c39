"""The headline of a report: how far the best method is ahead of persistence, and what cannot be told apart from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.metrics.figure import SummaryFigure
from tendency.evaluation.metrics.stated_figures import ONE_STEP_KEY, ROLLOUT_KEY, StatedFigures
from tendency.evaluation.report.sentences import joined
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.intervals import Interval
from tendency.evaluation.statistics.method_comparisons import (
    BELOW_REFERENCE,
    REFERENCE,
    compare_with_others,
    members_of_methods,
    unlearned_figures,
)
from tendency.evaluation.statistics.ranking import learned_methods
from tendency.evaluation.statistics.seed_intervals import intervals_over_seeds

Summaries = Mapping[str, Mapping[str, Any]]


def headline_sentences(results: xr.Dataset, summary: Summaries, called: Mapping[str, str] | None = None) -> str:
    """The best method's one-step error over persistence's, and what is not known of it; may be empty.

    Methods are compared, which are the mean of their runs where these differ in the seed alone, never single runs of
    several. Where no method is better than persistence, by an interval of 95 %, none is named the best.

    Args:
        results: results of ``evaluate_rollouts``.
        summary: summary from ``summarise``.
        called: names of methods in sentences, of those that are not called as in the results.
    """
    stated = StatedFigures.of_results(results)
    groups = ReportDescription.of_results(results).seeds
    learned = learned_methods(results)
    seeds = intervals_over_seeds(summary, groups, stated)
    one_step = _errors(stated[ONE_STEP_KEY], summary, seeds, groups, learned)
    best = min(one_step, key=lambda name: one_step[name].mean, default=None)
    if best is None or REFERENCE not in summary or REFERENCE in one_step:
        return ""
    unlearned = unlearned_figures(results, groups, learned)
    if {ONE_STEP_KEY, ROLLOUT_KEY} <= unlearned:
        return f"Nothing was learned: no trained method's error is {BELOW_REFERENCE}, and none is ranked."
    if ONE_STEP_KEY in unlearned:
        return f"No trained method's one-step error is {BELOW_REFERENCE}, and none is ranked by it."
    reference = float(summary[REFERENCE][ONE_STEP_KEY])
    if not 0 < one_step[best].mean < np.inf or not 0 < reference < np.inf:
        return ""
    sentences = [
        _gain((called or {}).get(best, best), one_step[best], reference, len(groups.get(best, [best]))),
        *(["One test trajectory does not show how much others differ."] if results.sizes["trajectory"] < 2 else []),
        *_not_told_apart(best, results, groups, stated[ONE_STEP_KEY], list(one_step)),
    ]
    if ROLLOUT_KEY in unlearned:
        sentences.append(f"Over the rollout no trained method's error is {BELOW_REFERENCE}: none is ranked by it.")
    sentences += _baselines_ahead(results, groups, stated[ROLLOUT_KEY], learned)
    return " ".join(sentences)


def _errors(
    figure: SummaryFigure,
    summary: Summaries,
    seeds: Summaries,
    groups: Mapping[str, Sequence[str]],
    learned: Sequence[str],
) -> dict[str, Interval]:
    """A figure of each trained method: the mean of its runs with its interval, or of its only run."""
    grouped = {member: group for group, members in groups.items() for member in members}
    errors: dict[str, Interval] = {}
    for run in learned:
        group = grouped.get(run)
        if group is None:
            errors[run] = Interval(float(summary[run][figure.key]))
        else:
            errors[group] = Interval.from_dict(seeds[group][figure.key])
    return errors


def _gain(best: str, error: Interval, reference: float, runs: int) -> str:
    """How many times smaller than persistence's the error of the best method is."""
    gain = reference / error.mean
    worth = f"{gain:.3g} times smaller" if gain >= 1 else f"{1 / gain:.3g} times larger"
    sentence = f"{best} has a one-step error {worth} than {REFERENCE}'s (which predicts no change)"
    if runs == 1:
        return f"{sentence}, in one run: how much the seed matters is not known."
    if error.low is None or error.high is None:
        return f"{sentence}, on average over {runs} runs."
    ends = sorted(value / reference if gain < 1 else reference / value for value in (error.low, error.high))
    return f"{sentence}, on average over {runs} runs (95 % interval: {ends[0]:.3g} to {ends[1]:.3g} times)."


def _not_told_apart(
    best: str, results: xr.Dataset, groups: Mapping[str, Sequence[str]], figure: SummaryFigure, methods: Sequence[str]
) -> list[str]:
    """Sentences on the methods that the best one is not ahead of, within the intervals; none where it is alone."""
    if len(methods) < 2:
        return []
    pairs = compare_with_others(best, results, groups, figure, methods)
    better = [name for name, pair in pairs.items() if pair.second_is_better]
    tied = [name for name, pair in pairs.items() if pair.undecided]
    sentences = []
    if better:
        # The median over trajectories and the mean over pairs of them may differ in their order.
        sentences.append(
            f"Trajectory by trajectory it is behind {', '.join(better)}, whose median over them is larger."
        )
    if tied:
        sentences.append(f"It cannot be told apart from {', '.join(tied)}.")
    return sentences or [f"It is ahead of {_number_of_others(len(methods) - 1)}."]


def _number_of_others(count: int) -> str:
    return "the other trained method" if count == 1 else f"the {count} other trained methods"


def _baselines_ahead(
    results: xr.Dataset, groups: Mapping[str, Sequence[str]], figure: SummaryFigure, learned: Sequence[str]
) -> list[str]:
    """A sentence on the baselines whose rollouts are better than those of all trained methods; none without any.

    Each pair is compared over the snapshots that both predict: the summary of a baseline that starts later leaves out
    the snapshots before, on which the others may be at their worst or best.
    """
    members = members_of_methods(results, groups)
    trained = [name for name, runs in members.items() if set(runs) & set(learned)]
    ahead = []
    for baseline in [name for name in members if name not in trained]:
        pairs = compare_with_others(baseline, results, groups, figure, trained)
        if pairs and all(pair.first_is_better for pair in pairs.values()):
            ahead.append(baseline)
    if not ahead:
        return []
    named = joined([f"the {name}" for name in ahead])
    one = len(ahead) == 1
    what = f"{named}, which {'is' if one else 'are'} not trained, {'has' if one else 'have'} a smaller error than"
    return [f"Over the rollout {what} {'the' if len(trained) == 1 else 'every'} trained network."]
