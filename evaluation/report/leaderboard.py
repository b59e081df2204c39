"""A leaderboard: methods over several problems, with their ranks and with the differences that are significant."""

import bisect
import functools
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tendency.data.whole_file import write_whole
from tendency.evaluation.report.csv_tables import records_csv
from tendency.evaluation.report.document import deflate, read_template, render_document
from tendency.evaluation.report.markdown import escape, head_lines, table_lines
from tendency.evaluation.report.table import TableCell, TableRow, TableSection
from tendency.evaluation.statistics.intervals import Interval

REFERENCE = "persistence"
"""The baseline that errors are divided by, so that problems of different difficulty can be averaged."""


@dataclass(frozen=True)
class RankedFigure:
    """A figure that methods are ranked by.

    Args:
        key: key of the figure in a report's summary.
        title: heading of its table.
        sign: 1 where small is good, -1 where large is.
    """

    key: str
    title: str
    sign: int


FIGURES = (
    RankedFigure("rollout_nrmse", "nRMSE over the rollout, geometric mean", 1),
    RankedFigure("one_step_nrmse", "nRMSE of one step", 1),
    RankedFigure("correlation_time_0.8", "Time to correlation 0.8", -1),
)


@dataclass(frozen=True)
class Standing:
    """One method on one problem.

    Args:
        problem: name of the problem.
        method: name of the method, the same on every problem.
        figures: means over the seeds by the keys of a summary, with their intervals; infinite where it blew up.
        censored: keys of times that are only known to be longer.
        seeds: number of runs.
        baseline: whether the method is a baseline.
        tied: whether its rollout error is the smallest, or does not differ significantly from it.
    """

    problem: str
    method: str
    figures: Mapping[str, Interval]
    censored: frozenset[str] = frozenset()
    seeds: int = 1
    baseline: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Leaderboard:
    """Standings of methods on problems, their tables and their files.

    Args:
        title: title of the page.
        standings: standings of all methods on all problems.
        reports: links from the page to the report of each problem.
        notes: sentences on what is not ranked.
    """

    title: str
    standings: Sequence[Standing]
    reports: Mapping[str, str]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def problems(self) -> list[str]:
        """Names of the problems, in the order of the standings."""
        return list(dict.fromkeys(one.problem for one in self.standings))

    def ranks(self, figure: RankedFigure) -> dict[tuple[str, str], int]:
        """{(problem, method): 1 for the best}; those with the same figure have the same rank, a blow-up comes last."""
        return self._ranks[figure.key]

    @functools.cached_property
    def _ranks(self) -> dict[str, dict[tuple[str, str], int]]:
        """The ranks of ``ranks``, by the figure's key."""
        ranks: dict[str, dict[tuple[str, str], int]] = {figure.key: {} for figure in FIGURES}
        for figure, problem in itertools.product(FIGURES, self.problems):
            standings = [one for one in self.standings if one.problem == problem]
            keys = sorted(_sort_key(one, figure) for one in standings)
            for one in standings:
                ranks[figure.key][problem, one.method] = 1 + bisect.bisect_left(keys, _sort_key(one, figure))
        return ranks

    @functools.cached_property
    def _standing_of(self) -> dict[tuple[str, str], Standing]:
        """The standings by problem and method."""
        return {(one.problem, one.method): one for one in self.standings}

    def mean_rank(self, method: str, figure: RankedFigure) -> float | None:
        """The mean rank over all problems; None for a method that is not on all of them."""
        ranks = [self.ranks(figure).get((problem, method)) for problem in self.problems]
        known = [rank for rank in ranks if rank is not None]
        return sum(known) / len(known) if len(known) == len(ranks) else None

    def mean_ratio_to_reference(self, method: str, figure: RankedFigure) -> float | None:
        """The geometric mean over the problems of the error over persistence's; None where one of them has none."""
        ratios = []
        for problem in self.problems:
            own, reference = (self._standing_of.get((problem, name)) for name in (method, REFERENCE))
            if own is None or reference is None:
                return None
            error, unit = own.figures[figure.key].mean, reference.figures[figure.key].mean
            if error == 0 or not 0 < unit < math.inf:
                return None
            ratios.append(error / unit)
        if math.inf in ratios:
            return math.inf
        return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))

    def table(self, figure: RankedFigure) -> TableSection:
        """Methods against problems, the best mean rank first."""
        ranks, problems = self.ranks(figure), self.problems
        errors = figure.sign > 0
        rows = []
        for method in dict.fromkeys(one.method for one in self.standings):
            places = [self._standing_of.get((problem, method)) for problem in problems]
            known = [one for one in places if one is not None]
            cells = [_cell(one, figure, ranks) for one in places]
            cells.append(_number(self.mean_rank(method, figure)))
            cells += [_number(self.mean_ratio_to_reference(method, figure))] if errors else []
            seeds = sorted({one.seeds for one in known})
            several = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
            note = f"{several} seeds" if seeds[-1] > 1 else ""
            rows.append(TableRow(method, cells, note, baseline=known[0].baseline))
        place = len(problems)
        rows.sort(key=lambda row: (row.cells[place].value is None, row.cells[place].value or 0.0))
        notes = ["Medians over the test trajectories; of several seeds their mean, with its 95 % interval."]
        if figure.key == FIGURES[0].key:
            notes.append(
                "In bold: the first on a problem, and those that a paired bootstrap over trajectories and seeds cannot "
                "tell from it."
            )
        columns = [*_without_prefix(problems), "mean rank", *(["beside persistence"] if errors else [])]
        return TableSection(figure.title, notes, columns, rows)

    def records(self) -> list[dict[str, Any]]:
        """One line for each problem, method and figure."""
        lines = []
        for figure in FIGURES:
            ranks = self.ranks(figure)
            for one in self.standings:
                lines.append(
                    {
                        "figure": figure.key,
                        "problem": one.problem,
                        "method": one.method,
                        "baseline": one.baseline,
                        "seeds": one.seeds,
                        **one.figures[figure.key].to_dict(),
                        "censored": figure.key in one.censored,
                        "rank": ranks[one.problem, one.method],
                        "tied with the best": one.tied if figure is FIGURES[0] else None,
                    }
                )
        return lines

    def write(self, folder: Path) -> Path:
        """Writes leaderboard.html, .md, .csv and .json; returns the path of the page."""
        records = self.records()
        table = records_csv([{k: "" if v is None else v for k, v in record.items()} for record in records])
        tables = [self.table(figure) for figure in FIGURES]
        methods = {one.method for one in self.standings if not one.baseline}
        lead = f"Methods: {len(methods)}. Problems: {', '.join(self.problems)}."
        headline = self.headline()
        content = {
            "title": self.title,
            "lead": lead,
            "headline": headline,
            "tables": tables,
            "reports": self.reports,
            "notes": self.notes,
            "files": ["leaderboard.csv"],
        }
        payload = {"charts": {}, "files": {"leaderboard.csv": deflate(table)}}
        page = render_document("leaderboard.html", [read_template("page.js")], content=content, payload=payload)
        lines = head_lines(self.title, lead, headline)
        for one in tables:
            lines += table_lines(one)
        lines += [*(f"- [{escape(name)}]({link})" for name, link in self.reports.items()), ""]
        lines += [*(f"{escape(note)}\n" for note in self.notes)]
        texts = {
            "leaderboard.csv": table,
            "leaderboard.json": json.dumps({"title": self.title, "standings": records}, indent=1),
            "leaderboard.md": "\n".join(lines),
            "leaderboard.html": page,
        }
        for name, text in texts.items():
            write_whole(folder / name, text)
        return folder / "leaderboard.html"

    def headline(self) -> str:
        """The best method over all problems, by its rollouts; a baseline that is ahead is named as such."""
        first = self.table(FIGURES[0]).rows[0]
        if first.cells[len(self.problems)].value is None:
            return ""
        what = "The baseline " if first.baseline else ""
        return f"{what}{first.name} has the best mean rank over all problems.{self._baselines_ahead()}"

    def _baselines_ahead(self) -> str:
        """Sentences on the baselines with smaller errors than all trained methods, with their numbers of problems."""
        ranks = self.ranks(FIGURES[0])
        ahead: dict[str, int] = {}
        for problem in self.problems:
            standings = [one for one in self.standings if one.problem == problem]
            best = min(standings, key=lambda one: ranks[problem, one.method])
            if best.baseline:
                ahead[best.method] = ahead.get(best.method, 0) + 1
        sentences = (
            f" On {count} of {len(self.problems)} the baseline {name} has the smallest error of all."
            for name, count in ahead.items()
        )
        return "".join(sentences)


def _without_prefix(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them begin with, for the heads of a table."""
    words = [name.split("_") for name in names]
    shared = itertools.takewhile(lambda column: len(names) > 1 and len(set(column)) == 1, zip(*words, strict=False))
    count = min(len(list(shared)), *(len(word) - 1 for word in words))
    return ["_".join(word[count:]) for word in words]


def _sort_key(one: Standing, figure: RankedFigure) -> float:
    mean = one.figures[figure.key].mean
    return figure.sign * mean if math.isfinite(mean) else math.inf


def _cell(one: Standing | None, figure: RankedFigure, ranks: Mapping[tuple[str, str], int]) -> TableCell:
    if one is None:
        return TableCell("", None, "not among the runs")
    interval = one.figures[figure.key]
    text = f"> {interval.mean:.3g}" if figure.key in one.censored else interval.text()
    best = one.tied if figure is FIGURES[0] else ranks[one.problem, one.method] == 1
    value = interval.mean if math.isfinite(interval.mean) else None
    return TableCell(text, value, f"rank {ranks[one.problem, one.method]}", best=best)


def _number(value: float | None) -> TableCell:
    if value is None:
        return TableCell("", None, "not known on every problem")
    return TableCell(f"{value:.3g}", value) if math.isfinite(value) else TableCell("blew up", None)
