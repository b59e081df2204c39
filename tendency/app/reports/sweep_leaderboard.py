"""``evaluate.py sweep=...``: a report for each problem of a sweep, and a leaderboard over all of them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tendency.app.configuration.identity import identity
from tendency.app.reports.runs_report import RunsReport
from tendency.app.reports.same_test_data import report_folder
from tendency.app.runs.method_names import method_names
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run import with_different_names
from tendency.app.runs.run_folder import write_json
from tendency.app.runs.run_selection import Selection, of_any_problem, select_runs
from tendency.data.metadata import DatasetError
from tendency.errors import ArtefactError, ConfigError
from tendency.evaluation.metrics.figure import SummaryFigure
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.leaderboard import Leaderboard, Standing
from tendency.evaluation.report.report_numbers import DEFINITIONS
from tendency.evaluation.statistics.intervals import Interval
from tendency.evaluation.statistics.method_comparisons import tied_with, unlearned_figures

MADE_OF = "made_of.json"
"""In a folder of reports: what they were made of, so that what is done is not done again."""


def report_and_rank(runs_report: RunsReport, outputs: Path) -> None:
    """Writes the reports that are missing, and the leaderboard.

    Args:
        runs_report: how runs are judged.
        outputs: where the leaderboard's folder is made.

    Raises:
        ConfigError: the name is taken.
        ArtefactError: a run that was named by itself is missing, or no problem can be judged.
    """
    selection = select_runs(runs_report.settings.sweep or [], of_any_problem, "sweep")
    parts = by_dataset(selection)
    folder = _folder(runs_report, outputs)
    refused: dict[str, str] = dict(selection.skipped)
    judged: dict[str, Selection] = {}
    for number, (name, part) in enumerate(parts.items(), 1):
        print(f"[{number}/{len(parts)}] {name}, runs: {len(part.runs)}", flush=True)
        made_of = _made_of(runs_report, part)
        try:
            if _read(folder / name / MADE_OF) != made_of:
                runs_report.report_on(part, folder, name)
                write_json(folder / name / MADE_OF, made_of)
            judged[name] = part
        except (ConfigError, ArtefactError, DatasetError, ValueError, ArithmeticError) as error:
            refused[name] = " ".join(str(error).split())
    if not judged:
        raise ArtefactError("\n".join(["sweep: nothing can be ranked", *(f"{n}: {why}" for n, why in refused.items())]))
    board = _leaderboard(runs_report, folder, judged, [f"Left out: {name} ({why})." for name, why in refused.items()])
    page = board.write(folder)
    lines = [*board.table(board.figures[0]).lines(), board.headline(), *board.notes, f"leaderboard: {page}"]
    print("\n".join(line for line in lines if line))


def _leaderboard(
    runs_report: RunsReport, folder: Path, judged: Mapping[str, Selection], left_out: Sequence[str]
) -> Leaderboard:
    """What the reports say, and what they were judged on away from the training."""
    reports = {name: ReportFolder(folder / name) for name in judged}
    numbers_of = {name: report.numbers() for name, report in reports.items()}
    members = {name: _methods(part, numbers_of[name]["description"]["seeds"]) for name, part in judged.items()}
    configurations = {name: list(there.values()) for name, there in members.items()}
    names = method_names(_stepped(configurations, runs_report.node.get("integrator")))
    standings: list[Standing] = []
    notes: list[str] = []
    figures: dict[str, SummaryFigure] = {}
    unlearned: set[tuple[str, str]] = set()
    for name, numbers in numbers_of.items():
        own = dict(zip(members[name], names[name], strict=True))
        with xr.open_dataset(reports[name].results, engine="h5netcdf") as results:
            standings += standings_of(name, numbers, own, results)
            ranked = StatedFigures.of_results(results).ranked
            about = numbers["description"]
            keys = unlearned_figures(results, about["seeds"], about["learned"])
        unlearned |= {(name, key) for key in keys}
        figures = {figure.key: figure for figure in ranked} | figures
        for change in numbers.get("in_distribution", {}).get("changes", []):
            notes.append(f"{name}, away from the training: {change}.")
    pages = {name: f"{name}/{report.page.name}" for name, report in reports.items()}
    board_figures = StatedFigures({}, list(figures.values())).ranked
    return Leaderboard(folder.name, standings, pages, [*notes, *left_out], board_figures, frozenset(unlearned))


def _stepped(
    configurations: Mapping[str, Sequence[Mapping[str, Any]]], integrator: Mapping[str, Any] | None
) -> dict[str, list[Mapping[str, Any]]]:
    """Configurations with the integrator that a report takes in place of their own."""
    if integrator is None:
        return {name: list(there) for name, there in configurations.items()}
    return {
        name: [{**one, "prediction": {**one["prediction"], "integrator": integrator}} for one in there]
        for name, there in configurations.items()
    }


def _methods(part: Selection, seeds: Mapping[str, Sequence[str]]) -> dict[str, Mapping[str, Any]]:
    """The configuration of each method of a report, of the first run where it has several."""
    grouped = {member: group for group, members in seeds.items() for member in members}
    found: dict[str, Mapping[str, Any]] = {}
    for run in with_different_names(part.runs):
        found.setdefault(grouped.get(run.name, run.name), run.configuration)
    return found


def by_dataset(selection: Selection) -> dict[str, Selection]:
    """The runs that can be compared with one another, by their problem, or by its dataset where it has several."""
    problems = {(run.recipe.dataset, run.recipe.stride): run.recipe.metadata.name for run in selection.runs}
    parts: dict[str, Selection] = {}
    for run in selection.runs:
        dataset, stride = run.recipe.dataset, run.recipe.stride
        name = problems[dataset, stride]
        if list(problems.values()).count(name) > 1:
            name = dataset if stride == 1 else f"{dataset}-stride{stride}"
        parts.setdefault(name, Selection()).runs.append(run)
    return parts


def standings_of(
    problem: str, numbers: Mapping[str, Any], names: Mapping[str, str], results: xr.Dataset
) -> Iterator[Standing]:
    """The standings of one problem from its report.

    Args:
        problem: its name.
        numbers: the content of the report's metrics.json.
        names: of its trained methods in the leaderboard, by those in the report: of groups of seeds, and of runs alone.
        results: the content of the report's metrics.nc.
    """
    summary, groups = numbers["summary"], numbers["description"]["seeds"]
    baselines = [name for name in summary if name not in numbers["description"]["learned"]]
    ranked = StatedFigures.of_results(results).ranked
    found = []
    for method in [*names, *baselines]:
        members = groups.get(method, [method])
        figures = _intervals(ranked, numbers["seeds"].get(method), summary[members[0]])
        censored = frozenset(f.key for f in ranked if any(summary[one].get(f"{f.key}_censored") for one in members))
        found.append((method, figures, censored, len(members)))
    main = ranked[0]
    best = min(found, key=lambda one: float(main.better.penalty(np.array(one[1][main.key].mean))))[0]
    tied = tied_with(best, results, groups, main, [one[0] for one in found])
    for method, figures, censored, seeds in found:
        baseline = method in baselines
        yield Standing(
            problem, names.get(method, method), figures, censored, seeds, baseline, method == best or method in tied
        )


def _intervals(
    figures: Sequence[SummaryFigure], seeds: Mapping[str, Any] | None, alone: Mapping[str, Any]
) -> dict[str, Interval]:
    """The figures of several seeds, or of one run, that apply; what is not finite is null in a report."""
    if seeds is not None:
        return {one.key: Interval.from_dict(seeds[one.key]) for one in figures if one.key in seeds}
    known = {one.key: alone[one.key] for one in figures if one.key in alone}
    return {key: Interval(math.inf if value is None else value) for key, value in known.items()}


def _settings(runs_report: RunsReport) -> dict[str, Any]:
    """How all runs are judged, as JSON has it."""
    settings = runs_report.settings
    content = {
        "num_test": settings.num_test,
        "shift": settings.shift,
        "matmul_precision": settings.matmul_precision,
        "datasets": str(runs_report.datasets.resolve()),
        "evaluation": identity(runs_report.node),
    }
    return dict(json.loads(json.dumps(content)))


def _made_of(runs_report: RunsReport, part: Selection) -> dict[str, Any]:
    """All that a report rests on; a checkpoint that was written anew is another one."""
    paths = [run.checkpoint for run in part.runs]
    checkpoints = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
    return _settings(runs_report) | {"checkpoints": checkpoints, "definitions": DEFINITIONS}


def _folder(runs_report: RunsReport, outputs: Path) -> Path:
    """Where a leaderboard goes: one that stopped goes on, and one whose sweep has grown grows."""
    name, settings = runs_report.settings.name, _settings(runs_report) | {"sweep": runs_report.settings.sweep}
    if name is not None and _read(outputs / name / MADE_OF) == settings:
        return outputs / name
    folder = report_folder(name, [settings], outputs)
    if name is None:
        folder = folder.with_name(folder.name.replace("report-", "leaderboard-", 1))
    write_json(folder / MADE_OF, settings)
    return folder


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
