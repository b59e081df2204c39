"""``evaluate.py sweep=...``: a report for each problem of a sweep, and a leaderboard over all of them."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data.metadata import DatasetError
from evaluation.leaderboard import FIGURES, Leaderboard, Standing
from evaluation.seeds import Interval
from tendency.errors import ArtefactError
from tendency.evaluating import Evaluator
from tendency.judged_runs import report_folder, run_names
from tendency.method_names import method_names
from tendency.run_folder import write_json
from tendency.run_selection import Selection, of_any_problem, select_runs
from tendency.seed_groups import configuration_of

MADE_OF = "made_of.json"
"""In a folder of reports: what they were made of, so that what is done is not done again."""


def rank(evaluator: Evaluator, outputs: Path) -> None:
    """Writes the reports that are missing, and the leaderboard.

    Args:
        evaluator: how runs are judged.
        outputs: where the leaderboard's folder is made.

    Raises:
        ConfigError: the name is taken.
        ArtefactError: a run that was named by itself is missing, or no problem can be judged.
    """
    settings = evaluator.settings
    selection = select_runs(settings.sweep or [], of_any_problem)
    parts = by_dataset(selection)
    made_of = {name: _made_of(evaluator, part) for name, part in parts.items()}
    folder = _folder(settings.name, made_of, outputs)
    write_json(folder / MADE_OF, made_of)
    standings: list[Standing] = []
    refused: dict[str, str] = dict(selection.skipped)
    reports: dict[str, str] = {}
    for number, (name, part) in enumerate(parts.items(), 1):
        print(f"[{number}/{len(parts)}] {name}: {len(part.checkpoints)} runs", flush=True)
        try:
            if _read(folder / name / MADE_OF) != made_of[name]:
                evaluator.report_on(part, folder, name)
                write_json(folder / name / MADE_OF, made_of[name])
        except (ArtefactError, DatasetError, ValueError) as error:
            refused[name] = " ".join(str(error).split())
            continue
        numbers = json.loads((folder / name / "metrics.json").read_text(encoding="utf-8"))
        standings += standings_of(name, numbers, part)
        reports[name] = f"{name}/report.html"
    if not standings:
        raise ArtefactError("\n".join(["sweep: nothing can be ranked", *(f"{n}: {why}" for n, why in refused.items())]))
    notes = [f"Left out: {name} ({why})." for name, why in refused.items()]
    board = Leaderboard(folder.name, standings, reports, notes)
    page = board.write(folder)
    print("\n".join(board.table(FIGURES[0]).lines()))
    print("\n".join([*notes, f"leaderboard: {page}"]))


def by_dataset(selection: Selection) -> dict[str, Selection]:
    """The runs that can be compared with one another, by their problem, or by its dataset where it has several."""
    keys = [(recipe["dataset"], recipe.get("stride", 1)) for recipe in selection.recipes]
    problems = {key: recipe["metadata"]["name"] for key, recipe in zip(keys, selection.recipes, strict=True)}
    parts: dict[str, Selection] = {}
    for key, checkpoint, recipe in zip(keys, selection.checkpoints, selection.recipes, strict=True):
        name = problems[key]
        if list(problems.values()).count(name) > 1:
            name = key[0] if key[1] == 1 else f"{key[0]}-stride{key[1]}"
        part = parts.setdefault(name, Selection())
        part.checkpoints.append(checkpoint)
        part.recipes.append(recipe)
    return parts


def standings_of(problem: str, numbers: Mapping[str, Any], part: Selection) -> Iterator[Standing]:
    """The standings of one problem from its report.

    Args:
        problem: its name.
        numbers: the content of the report's metrics.json.
        part: the runs of the report.
    """
    summary, description = numbers["summary"], numbers["description"]
    tied = _tied(numbers)
    names = run_names(part.checkpoints)
    configurations = {
        name: configuration_of(path, recipe)
        for name, path, recipe in zip(names, part.checkpoints, part.recipes, strict=True)
    }
    grouped = {member: group for group, members in description["seeds"].items() for member in members}
    methods = {grouped.get(name, name): name for name in reversed(names)}
    own = method_names([configurations[name] for name in methods.values()])
    for method, name in zip(methods, own, strict=True):
        members = description["seeds"].get(method, [method])
        figures = numbers["seeds"][method] if method in description["seeds"] else None
        yield Standing(
            problem,
            name,
            {key: _interval(key, figures, summary[members[0]]) for key in (figure.key for figure in FIGURES)},
            frozenset(f.key for f in FIGURES if any(summary[one].get(f"{f.key}_censored") for one in members)),
            len(members),
            tied=method in tied,
        )
    for method in [name for name in summary if name not in description["learned"]]:
        figures = summary[method]
        yield Standing(
            problem,
            method,
            {figure.key: _interval(figure.key, None, figures) for figure in FIGURES},
            frozenset(figure.key for figure in FIGURES if figures.get(f"{figure.key}_censored")),
            baseline=True,
            tied=method in tied,
        )


def _interval(key: str, seeds: Mapping[str, Any] | None, alone: Mapping[str, Any]) -> Interval:
    """A figure of several seeds, or of one run; what is not finite is null in a report."""
    if seeds is not None and key in seeds:
        mean, low, high = (seeds[key][part] for part in ("mean", "low", "high"))
        return Interval(math.inf if mean is None else mean, low, high)
    return Interval(math.inf if alone[key] is None else alone[key])


def _tied(numbers: Mapping[str, Any]) -> set[str]:
    """The method with the smallest error over its rollouts, and those that cannot be told from it."""
    pairs = numbers.get("comparisons", [])
    names = list(dict.fromkeys(name for pair in pairs for name in (pair["first"], pair["second"])))
    if not names:
        return set(numbers["summary"])
    losses = dict.fromkeys(names, 0)
    for pair in pairs:
        losses[pair["first"] if pair["ratio"] > 1 else pair["second"]] += 1
    best = min(names, key=lambda name: losses[name])
    found = {best}
    for pair in pairs:
        if best in (pair["first"], pair["second"]) and pair["low"] <= 1 <= pair["high"]:
            found |= {pair["first"], pair["second"]}
    return found


def _made_of(evaluator: Evaluator, part: Selection) -> dict[str, Any]:
    """All that a report rests on; a checkpoint that was written anew is another one."""
    settings = evaluator.settings
    checkpoints = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in part.checkpoints]
    return json.loads(
        json.dumps(
            {
                "checkpoints": checkpoints,
                "num_test": settings.num_test,
                "shift": settings.shift,
                "evaluation": evaluator.node,
            }
        )
    )


def _folder(name: str | None, made_of: Mapping[str, Any], outputs: Path) -> Path:
    """Where a leaderboard goes; one that stopped goes on."""
    if name is not None and _read(outputs / name / MADE_OF) == made_of:
        return outputs / name
    folder = report_folder(name, [made_of], outputs)
    if name is None:
        folder = folder.with_name(folder.name.replace("report-", "leaderboard-", 1))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
