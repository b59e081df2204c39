"""The sentences of a report's page on what it is about, and what is not in it."""

from collections.abc import Sequence

import xarray as xr

from tendency.evaluation.report.report_source import ReportSource
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.ranking import learned_methods
from tendency.evaluation.statistics.summary import counted
from tendency.simulation.conditions import MASK


def lead_sentence(results: xr.Dataset, description: ReportDescription, source: ReportSource) -> str:
    """What was done: which networks, trained how, predict which trajectories for how long.

    Args:
        results: results of ``evaluate_rollouts``.
        description: what the report is about.
        source: what it is made of beside its results.
    """
    problem = source.problem or description.pde
    horizon = float(results.time.max())
    long = f"{horizon:.4g} units of time"
    if (time := description.characteristic_time) is not None:
        long += f" ({horizon / float(time.value):.2g} {time.name}s)"
    starts = int(results.attrs.get("start_snapshot", 0)) + 1
    start = "the first snapshot alone" if starts == 1 else f"the first {starts} snapshots"
    test = counted(results.sizes["trajectory"], "test trajectory", "test trajectories")
    networks, runs = source.trainings.networks, len(learned_methods(results))
    if not networks:
        sentence = f"{test} of {problem}, rolled out over {long}, step by step from {start}."
    else:
        times = f" {runs} times" if runs > len(networks) else ""
        effort = f" {source.trainings.effort} of" if source.trainings.effort else " on"
        verb = "predicts" if runs == 1 else "predict"
        who = f"{joined(networks)}, trained{times}{effort} {problem},"
        sentence = f"{who} {verb} {test} over {long}, step by step from {start}."
    published = (
        " The data are under-resolved, as published in their source."
        if description.resolution not in ("resolved", "unknown")
        else ""
    )
    return sentence + published


def joined(names: Sequence[str]) -> str:
    """Names in a sentence: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def mask_sentences(description: ReportDescription) -> list[str]:
    """A sentence on what counts where an obstacle lies in the domain; none where there is no mask."""
    if MASK not in description.given:
        return []
    return [
        f"Errors and means are taken over the points where {MASK} is above 0.5; what lies in an obstacle counts for "
        "nothing, and is grey in pictures. Spectra are those of the whole field."
    ]


def omission_sentences(description: ReportDescription) -> list[str]:
    """Sentences on the runs, baselines and metrics that are not in the report, with the reasons."""
    lines = []
    for what, reasons in (
        ("Runs", description.skipped_runs),
        ("Baselines", description.missing_baselines),
        ("Metrics", description.not_applicable),
    ):
        names_of: dict[str, list[str]] = {}
        for name, why in reasons.items():
            names_of.setdefault(why, []).append(name)
        if names_of:
            lines.append(
                f"{what} left out: " + "; ".join(f"{', '.join(n)} ({why})" for why, n in names_of.items()) + "."
            )
    return lines
