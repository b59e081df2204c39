"""Ranks, ties and averages of a leaderboard, against counts by hand."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from tendency.evaluation.metrics.figure import LARGER, Mean
from tendency.evaluation.report.leaderboard import FIGURES, Leaderboard, Standing
from tendency.evaluation.statistics.intervals import Interval

ROLLOUT, ONE_STEP, TIME = FIGURES


def standing(problem, method, error, *, time=1.0, **more):
    figures = {ROLLOUT.key: Interval(error), ONE_STEP.key: Interval(error / 10), TIME.key: Interval(time)}
    return Standing(problem, method, figures, **more)


@pytest.fixture
def board():
    """Two problems; "wide" is on one alone, "fast" blows up on the other."""
    return Leaderboard(
        "Two <problems>",
        [
            standing("heat", "fast", 0.02, time=3.0, tied=True),
            standing("heat", "slow", 0.04, time=5.0, censored=frozenset({TIME.key}), tied=True, seeds=3),
            standing("heat", "persistence", 0.4, baseline=True),
            standing("waves", "fast", math.inf, time=0.1),
            standing("waves", "slow", 0.3, time=2.0, seeds=3),
            standing("waves", "wide", 0.1, time=2.0, tied=True),
            standing("waves", "persistence", 0.9, baseline=True),
        ],
        {"heat": "heat/report.html", "waves": "waves/report.html"},
        ["Left out: old (it is not there)."],
    )


def test_ranks_count_who_is_better_and_a_blow_up_comes_last(board):
    ranks = board.ranks(ROLLOUT)
    assert [ranks["heat", name] for name in ("fast", "slow", "persistence")] == [1, 2, 3]
    assert [ranks["waves", name] for name in ("wide", "slow", "persistence", "fast")] == [1, 2, 3, 4]
    # A long time is a good one, and equals share their place.
    times = board.ranks(TIME)
    assert [times["heat", name] for name in ("slow", "fast", "persistence")] == [1, 2, 3]
    assert [times["waves", name] for name in ("slow", "wide", "persistence", "fast")] == [1, 1, 3, 4]


def test_what_has_no_ratio_to_persistence_has_no_average():
    still = Leaderboard("s", [standing("p", "a", 0.1), standing("p", "persistence", 0.0, baseline=True)], {})
    assert still.mean_ratio_to_reference("a", ROLLOUT) is None
    exact = Leaderboard("s", [standing("p", "a", 0.0), standing("p", "persistence", 0.1, baseline=True)], {})
    assert exact.mean_ratio_to_reference("a", ROLLOUT) is None
    assert exact.mean_rank("a", ROLLOUT) == 1.0


def test_averages_are_of_methods_that_are_on_every_problem(board):
    assert board.mean_rank("slow", ROLLOUT) == 2.0
    assert board.mean_rank("fast", ROLLOUT) == 2.5
    assert board.mean_rank("wide", ROLLOUT) is None
    assert board.mean_ratio_to_reference("slow", ROLLOUT) == pytest.approx(math.sqrt(0.1 * (1 / 3)))
    assert board.mean_ratio_to_reference("persistence", ONE_STEP) == pytest.approx(1.0)
    assert board.mean_ratio_to_reference("fast", ROLLOUT) == math.inf
    assert board.mean_ratio_to_reference("wide", ROLLOUT) is None


def test_the_table_has_the_best_first_and_marks_what_cannot_be_told_apart(board):
    table = board.table(ROLLOUT)
    assert table.columns == ["heat", "waves", "mean rank", "beside persistence"]
    assert [row.name for row in table.rows] == ["slow", "fast", "persistence", "wide"]
    cells = {row.name: row.cells for row in table.rows}
    assert [cell.best for cell in cells["slow"][:2]] == [True, False]
    assert [cell.best for cell in cells["wide"][:2]] == [False, True]
    assert cells["fast"][1].text == "blew up"
    assert cells["wide"][0].text == ""
    assert table.rows[0].note == "3 seeds"
    assert board.table(TIME).rows[0].cells[0].text == "> 5"
    assert len(board.table(TIME).columns) == 3
    assert board.table(ROLLOUT).lines()[1].split() == ["heat", "waves", "mean", "rank", "beside", "persistence"]
    assert board.headline() == "slow has the best mean rank over all problems."


def test_a_baseline_that_is_ahead_of_all_is_said_at_the_top(board):
    coarse = [standing(problem, "coarse solver", 1e-3, baseline=True) for problem in ("heat", "waves")]
    others = [replace(one, tied=False) for one in board.standings]
    ahead = Leaderboard("t", [*others, *coarse], {})
    assert ahead.headline() == (
        "The baseline coarse solver has the best mean rank over all problems. "
        "On 2 of 2 problems the coarse solver, which is not trained, is better than all trained methods."
    )
    # Not where a trained method is as good on the same trajectories.
    others[0] = replace(others[0], tied=True)
    assert (
        Leaderboard("t", [*others, *coarse], {})
        .headline()
        .endswith(" On 1 of 2 problems the coarse solver, which is not trained, is better than all trained methods.")
    )


def test_what_all_problems_begin_with_is_left_out_of_the_heads():
    names = ("predicting_change_heat", "predicting_change_kolmogorov_flow")
    long = Leaderboard("t", [standing(problem, "a", 0.1) for problem in names], {})
    assert long.table(ROLLOUT).columns[:2] == ["heat", "kolmogorov_flow"]
    assert Leaderboard("t", [standing("a_b", "a", 0.1)], {}).table(ROLLOUT).columns[0] == "a_b"


def test_what_lies_beside_the_page_says_the_same(board, tmp_path):
    page = board.write(tmp_path).read_text()
    assert "Two &lt;problems&gt;" in page
    assert "Two <problems>" not in page
    assert 'href="heat/report.html"' in page
    assert "Left out: old (it is not there)." in page
    records = json.loads((tmp_path / "leaderboard.json").read_text())["standings"]
    lines = list(csv.DictReader(io.StringIO((tmp_path / "leaderboard.csv").read_text())))
    assert len(lines) == len(records) == 3 * 7
    lost = next(r for r in records if (r["figure"], r["problem"], r["method"]) == (ROLLOUT.key, "waves", "fast"))
    assert lost["mean"] is None
    assert lost["rank"] == 4
    text = (tmp_path / "leaderboard.md").read_text()
    rows = [" | ".join(cell.strip() for cell in line.split("|")) for line in text.splitlines()]
    assert " | slow 3 seeds | **0.04** | 0.3 | 2 | 0.183 | " in rows
    assert " | fast | **0.02** | blew up | 2.5 | blew up | " in rows


def test_where_nothing_was_learned_there_are_no_ranks(board):
    unlearned = frozenset({("heat", ROLLOUT.key)})
    half = replace(board, unlearned=unlearned)
    assert ("heat", "fast") not in half.ranks(ROLLOUT)
    assert half.mean_rank("wide", ROLLOUT) == 1
    assert not any(row.cells[0].best for row in half.table(ROLLOUT).rows)
    below = "smaller than persistence's beyond the 95 % interval"
    sentence = f"Not ranked: on heat no trained method's rollout nRMSE is {below}."
    assert sentence in half.table(ROLLOUT).notes
    assert half.headline().startswith(f"{sentence} wide has the best mean rank over the other problems.")
    assert half.ranks(TIME) == board.ranks(TIME)
    none = replace(board, unlearned=unlearned | {("waves", ROLLOUT.key)})
    assert none.headline() == sentence.replace("heat", "heat, waves")
    assert {one["rank"] for one in none.records() if one["figure"] == ROLLOUT.key} == {None}


def test_a_figure_of_one_problem_alone_is_ranked_there(board):
    larger = replace(ROLLOUT, key="ssim", title="similarity", better=LARGER, mean=Mean.ARITHMETIC)
    standings = [
        replace(one, figures={**one.figures, "ssim": Interval(value)}) if one.problem == "heat" else one
        for one, value in zip(board.standings, [0.5, math.inf, 0.9, *[0.0] * 4], strict=True)
    ]
    more = replace(board, standings=standings, figures=(*FIGURES, larger))
    ranks = more.ranks(larger)
    assert ranks == {("heat", "persistence"): 1, ("heat", "fast"): 2, ("heat", "slow"): 3}
    cells = {row.name: row.cells for row in more.table(larger).rows}
    assert cells["slow"][0].text == "blew up"
    assert (cells["wide"][1].text, cells["wide"][1].note) == ("", "not applicable")
    assert more.mean_rank("fast", larger) == 2
