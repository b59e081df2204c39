"""Sentences on the best method of a report: until when it is useful, which scales it keeps, whether it pays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from tendency.evaluation.metrics.stated_figures import ROLLOUT_KEY
from tendency.evaluation.report.figures import mean_energy
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.method_comparisons import unlearned_figures
from tendency.evaluation.statistics.ranking import learned_methods

USEFUL = 0.8
"""Correlation with the truth down to which a rollout counts as useful."""
DEPARTS = 2.0
"""Factor between two energies of a wavenumber from which on a spectrum counts as another one."""
HELD = 1e-10
"""Shells with less than this share of the largest shell's energy hold what rounding left in a stored snapshot."""
NOT_MEASURED = (
    "Whether it pays, beside the solver at the same cost, was not measured: python evaluate.py runs=[...] "
    "evaluation/cost=full does."
)

Summaries = Mapping[str, Mapping[str, Any]]


def finding_sentences(
    results: xr.Dataset, summary: Summaries, verdicts: Sequence[str] | None, called: Mapping[str, str]
) -> list[str]:
    """What was found of the trained method with the smallest error over the rollout.

    Args:
        results: results of ``evaluate_rollouts``.
        summary: summary from ``summarise``.
        verdicts: sentences on whether surrogates pay; None where it was not measured.
        called: names of methods in sentences, of those that are not called as in the results.
    """
    learned = [name for name in learned_methods(results) if summary[name].get(ROLLOUT_KEY) is not None]
    groups = ReportDescription.of_results(results).seeds
    methods = {name: [name] for name in learned}
    for group, members in groups.items():
        methods = {name: runs for name, runs in methods.items() if name not in members} | {group: list(members)}
    if not methods:
        return []

    def error(name: str) -> float:
        return float(np.mean([summary[run].get(ROLLOUT_KEY, np.inf) for run in methods[name]]))

    best = min(methods, key=error)
    name = called.get(best, best)
    if len(methods) > 1:
        name += ", whose rollouts have the smallest error,"
    # What is no better than the forecast that nothing changes is of no use, however long it is correlated.
    is_learned = ROLLOUT_KEY not in unlearned_figures(results, groups, learned)
    sentences = [*_useful(summary, name, methods[best]), *_scales(results, methods[best])] if is_learned else []
    paid = [NOT_MEASURED] if verdicts is None else [f"{verdict.removesuffix('.')}." for verdict in verdicts]
    return [*sentences, *paid]


def _useful(summary: Summaries, name: str, runs: Sequence[str]) -> list[str]:
    """Until when rollouts are correlated with the truth; nothing where that was not measured."""
    key = f"correlation_time_{USEFUL}"
    if any(key not in summary[run] for run in runs):
        return []
    horizon = float(summary[runs[0]]["horizon"])
    times = [float(summary[run][key]) for run in runs]
    beyond = [bool(summary[run][f"{key}_censored"]) for run in runs]
    said = f"{name} stays useful (correlation of its rollouts with the truth above {USEFUL})"
    if all(beyond):
        return [f"{said} over all of the {horizon:.4g} units of time, in the median over trajectories."]
    until = f"t = {times[0]:.3g}" if len(runs) == 1 else f"t = {min(times):.3g} to {max(times):.3g}, by the seed,"
    return [f"{said} until {until} of {horizon:.4g}, in the median over trajectories."]


def _scales(results: xr.Dataset, runs: Sequence[str]) -> list[str]:
    """From which wavenumber on the spectrum of the rollouts' last snapshot departs from the truth's."""
    if "true_spectrum" not in results:
        return []
    last = {"moment": -1}
    truth = mean_energy(results.true_spectrum.isel(last))
    found = [mean_energy(results.spectrum.sel({"simulator": run}).isel(last)) for run in runs]
    if truth is None or any(energy is None for energy in found):
        return []
    energy = np.mean(found, axis=0)
    held = np.flatnonzero(np.isfinite(truth) & (truth > HELD * np.nanmax(truth)) & (np.arange(len(truth)) > 0))
    if not len(held):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = energy[held] / truth[held]
    departs = held[~((ratio > 1 / DEPARTS) & (ratio < DEPARTS))]
    wavenumber = results.wavenumber.values[0]
    if not len(departs):
        return ["At the end of its rollouts the energy of every wavenumber is within a factor of two of the truth's."]
    first = departs[0]
    more = "more" if energy[first] > truth[first] else "less"
    return [
        f"At the end of its rollouts the energy spectrum departs from the truth's from wavenumber "
        f"{wavenumber[first]:.3g} on, where it holds {more} than "
        f"{'twice' if more == 'more' else 'half'} the energy."
    ]
