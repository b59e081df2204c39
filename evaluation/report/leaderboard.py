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

import numpy as np

from tendency.data.whole_file import write_whole
from tendency.evaluation.metrics.figure import SummaryFigure
from tendency.evaluation.metrics.standard_metrics import standard_metrics
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.csv_tables import records_csv
from tendency.evaluation.report.document import deflate, read_template, render_document
from tendency.evaluation.report.markdown import escape, head_lines, table_lines
from tendency.evaluation.report.table import TableCell, TableRow, TableSection
from tendency.evaluation.statistics.intervals import Interval
from tendency.evaluation.statistics.method_comparisons import BELOW_REFERENCE, REFERENCE

FIGURES = tuple(StatedFigures.of_metrics(standard_metrics(), {}).ranked)
"""Figures that every report has and methods are ranked by, that of a whole rollout first."""


@dataclass(frozen=True)
class Standing:
    """One method on one problem.

    Args:
        problem: name of the problem.
        method: name of the method, the same on every problem.
        figures: means over the seeds by the keys of a summary, with their intervals; infinite where it blew up, and
            without those that do not apply to the problem.
        censored: keys of times that are only known to be longer.
        seeds: number of runs.
        baseline: whether the method is a baseline.
        tied: whether its rollout error is the smallest, or the method with the smallest one is not significantly better
            than it in pairs of trajectories.
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
        figures: figures that methods are ranked by, the most important one first.
        unlearned: pairs of a problem and the key of a figure that nothing is ranked by there, see
            ``unlearned_figures``.
    """

    title: str
    standings: Sequence[Standing]
    reports: Mapping[str, str]
    notes: Sequence[str] = field(default_factory=tuple)
    figures: Sequence[SummaryFigure] = FIGURES
    unlearned: frozenset[tuple[str, str]] = frozenset()

    @property
    def problems(self) -> list[str]:
        """Names of the problems, in the order of the standings."""
        return list(dict.fromkeys(one.problem for one in self.standings))

    def ranks(self, figure: SummaryFigure) -> dict[tuple[str, str], int]:
        """{(problem, method): 1 for the best}; those with the same figure have the same rank, a blow-up comes last.

        Problems on which nothing was learned, by this figure, and methods that it does not apply to, are not in it.
        """
        return self._ranks[figure.key]

    @functools.cached_property
    def _ranks(self) -> dict[str, dict[tuple[str, str], int]]:
        """The ranks of ``ranks``, by the figure's key."""
        ranks: dict[str, dict[tuple[str, str], int]] = {figure.key: {} for figure in self.figures}
        for figure, problem in itertools.product(self.figures, self.problems):
            if (problem, figure.key) in self.unlearned:
                continue
            standings = [one for one in self.standings if one.problem == problem and figure.key in one.figures]
            keys = sorted(_penalty(one, figure) for one in standings)
            for one in standings:
                ranks[figure.key][problem, one.method] = 1 + bisect.bisect_left(keys, _penalty(one, figure))
        return ranks

    @functools.cached_property
    def _standing_of(self) -> dict[tuple[str, str], Standing]:
        """The standings by problem and method."""
        return {(one.problem, one.method): one for one in self.standings}

    def mean_rank(self, method: str, figure: SummaryFigure) -> float | None:
        """The mean rank over all problems that are ranked; None for a method that is not on all of them."""
        ranks = [self.ranks(figure).get((problem, method)) for problem in self._ranked_problems(figure)]
        known = [rank for rank in ranks if rank is not None]
        return sum(known) / len(known) if known and len(known) == len(ranks) else None

    def _ranked_problems(self, figure: SummaryFigure) -> list[str]:
        """The problems on which something is ranked by a figure."""
        ranked = {problem for problem, _ in self.ranks(figure)}
        return [problem for problem in self.problems if problem in ranked]

    def mean_ratio_to_reference(self, method: str, figure: SummaryFigure) -> float | None:
        """The geometric mean over the problems of the error over persistence's; None where one of them has none."""
        ratios = []
        for problem in self.problems:
            own, reference = (self._standing_of.get((problem, name)) for name in (method, REFERENCE))
            if own is None or reference is None or not {figure.key} <= set(own.figures) & set(reference.figures):
                return None
            error, unit = own.figures[figure.key].mean, reference.figures[figure.key].mean
            if error == 0 or not 0 < unit < math.inf:
                return None
            ratios.append(error / unit)
        if math.inf in ratios:
            return math.inf
        return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))

    def table(self, figure: SummaryFigure) -> TableSection:
        """Methods against problems, the best mean rank first."""
        ranks, problems = self.ranks(figure), self.problems
        ratios = figure.by_ratio
        rows = []
        for method in dict.fromkeys(one.method for one in self.standings):
            places = [self._standing_of.get((problem, method)) for problem in problems]
            known = [one for one in places if one is not None]
            cells = [self._cell(one, figure) for one in places]
            cells.append(_number(self.mean_rank(method, figure)))
            cells += [_number(self.mean_ratio_to_reference(method, figure))] if ratios else []
            seeds = sorted({one.seeds for one in known})
            several = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
            note = f"{several} seeds" if seeds[-1] > 1 else ""
            rows.append(TableRow(method, cells, note, baseline=known[0].baseline))
        place = len(problems)
        rows.sort(key=lambda row: (row.cells[place].value is None, row.cells[place].value or 0.0))
        notes = ["Medians over the test trajectories; of several seeds their mean, with its 95 % interval."]
        notes += self._not_ranked(figure)
        if figure is self.figures[0] and ranks:
            notes.append(
                "In bold: the first on a problem, and those that it is not better than by a paired bootstrap over "
                "trajectories and seeds."
            )
        columns = [*_without_prefix(problems), "mean rank", *([f"beside {REFERENCE}"] if ratios else [])]
        return TableSection(figure.title, notes, columns, rows)

    def records(self) -> list[dict[str, Any]]:
        """One line for each problem, method and figure."""
        lines = []
        for figure in self.figures:
            ranks = self.ranks(figure)
            for one in [one for one in self.standings if figure.key in one.figures]:
                lines.append(
                    {
                        "figure": figure.key,
                        "problem": one.problem,
                        "method": one.method,
                        "baseline": one.baseline,
                        "seeds": one.seeds,
                        **one.figures[figure.key].to_dict(),
                        "censored": figure.key in one.censored,
                        "rank": ranks.get((one.problem, one.method)),
                        "tied with the best": self._bold(one, figure) if figure is self.figures[0] else None,
                    }
                )
        return lines

    def write(self, folder: Path) -> Path:
        """Writes leaderboard.html, .md, .csv and .json; returns the path of the page."""
        records = self.records()
        table = records_csv([{k: "" if v is None else v for k, v in record.items()} for record in records])
        tables = [self.table(figure) for figure in self.figures]
        methods = {one.method for one in self.standings if not one.baseline}
        count = len(self.problems)
        heading = (
            f"{len(methods)} method{'' if len(methods) == 1 else 's'} on {count} problem{'' if count == 1 else 's'}"
        )
        lead = f"Leaderboard {self.title}: {', '.join(self.problems)}."
        headline = self.headline()
        content = {
            "title": heading,
            "lead": lead,
            "headline": headline,
            "tables": tables,
            "reports": self.reports,
            "notes": self.notes,
            "files": ["leaderboard.csv"],
        }
        payload = {"charts": {}, "files": {"leaderboard.csv": deflate(table)}}
        page = render_document("leaderboard.html", [read_template("page.js")], content=content, payload=payload)
        lines = head_lines(heading, lead, headline)
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
        main = self.figures[0]
        first = self.table(main).rows[0]
        rank = first.cells[len(self.problems)].value
        sentences = self._not_ranked(main)
        if rank is None:
            return " ".join(sentences)
        what = "The baseline " if first.baseline else ""
        over = "the other problems" if sentences else "all problems"
        equals = [row.name for row in self.table(main).rows[1:] if row.cells[len(self.problems)].value == rank]
        shared = f", as {', '.join(equals)} has" if equals else ""
        sentences.append(f"{what}{first.name} has the best mean rank over {over}{shared}.")
        own = [one for one in self.standings if one.method == first.name]
        if not first.baseline and all(one.seeds == 1 for one in own):
            sentences.append("It is one run on each problem: how much the seed matters is not known.")
        return " ".join([*sentences, *self._tied_everywhere(first.name), *self._baselines_ahead()])

    def _tied_everywhere(self, best: str) -> list[str]:
        """A sentence on the methods that are as good as the best one on every problem; none where there is none."""
        problems = self._ranked_problems(self.figures[0])

        def tied(method: str) -> bool:
            places = [self._standing_of.get((problem, method)) for problem in problems]
            return all(one is not None and one.tied for one in places)

        others = [name for name in dict.fromkeys(one.method for one in self.standings) if name != best and tied(name)]
        return [f"On no problem it is shown to be better than {', '.join(others)}."] if tied(best) and others else []

    def _not_ranked(self, figure: SummaryFigure) -> list[str]:
        """A sentence on the problems on which nothing was learned, by a figure; none where there is no such problem."""
        names = [problem for problem in self.problems if (problem, figure.key) in self.unlearned]
        if not names:
            return []
        error = figure.title if figure.by_ratio else "error"
        return [f"Not ranked: on {', '.join(names)} no trained method's {error} is {BELOW_REFERENCE}."]

    def _baselines_ahead(self) -> list[str]:
        """Sentences on the baselines that are ahead of all trained methods, with their numbers of problems.

        A trained method that is as good on the same trajectories is ``tied`` with the baseline.
        """
        ranks = self.ranks(self.figures[0])
        ahead: dict[str, int] = {}
        problems = self._ranked_problems(self.figures[0])
        for problem in problems:
            standings = [one for one in self.standings if (problem, one.method) in ranks and one.problem == problem]
            best = min(standings, key=lambda one: ranks[problem, one.method])
            if best.baseline and not any(one.tied and not one.baseline for one in standings):
                ahead[best.method] = ahead.get(best.method, 0) + 1
        return [
            f"On {count} of {len(problems)} problems the {name}, which is not trained, is better than all trained "
            "methods."
            for name, count in ahead.items()
        ]

    def _bold(self, one: Standing, figure: SummaryFigure) -> bool:
        """Whether a method is the best on its problem by a figure, or is as good within the intervals."""
        rank = self.ranks(figure).get((one.problem, one.method))
        return rank is not None and (one.tied if figure is self.figures[0] else rank == 1)

    def _cell(self, one: Standing | None, figure: SummaryFigure) -> TableCell:
        if one is None:
            return TableCell("", None, "not among the runs")
        if figure.key not in one.figures:
            return TableCell("", None, "not applicable")
        interval = one.figures[figure.key]
        text = f"> {interval.mean:.3g}" if figure.key in one.censored else interval.text()
        rank = self.ranks(figure).get((one.problem, one.method))
        value = interval.mean if math.isfinite(interval.mean) else None
        return TableCell(text, value, "not ranked" if rank is None else f"rank {rank}", best=self._bold(one, figure))


def _without_prefix(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them begin with, for the heads of a table."""
    words = [name.split("_") for name in names]
    shared = itertools.takewhile(lambda column: len(names) > 1 and len(set(column)) == 1, zip(*words, strict=False))
    count = min(len(list(shared)), *(len(word) - 1 for word in words))
    return ["_".join(word[count:]) for word in words]


def _penalty(one: Standing, figure: SummaryFigure) -> float:
    """A number of which the smaller is the better; infinite where the method blew up."""
    return float(figure.better.penalty(np.array(one.figures[figure.key].mean)))


def _number(value: float | None) -> TableCell:
    if value is None:
        return TableCell("", None, "not known on every problem")
    return TableCell(f"{value:.3g}", value) if math.isfinite(value) else TableCell("blew up", None)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
