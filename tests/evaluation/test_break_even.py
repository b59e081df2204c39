"""Where a surrogate pays and where it does not, on fronts that can be read off by eye."""

import json
import math
from dataclasses import asdict

import pytest

from tendency.evaluation.cost.break_even import (
    BreakEven,
    CostPoint,
    GenerationCost,
    break_even_sentences,
    cost_sentence,
    judge_surrogate,
    pareto_front,
)
from tendency.evaluation.report.charts import break_even_chart

SOLVER = [
    CostPoint("solver", "fine", 8.0, 1e-6, 1),
    CostPoint("solver", "middle", 2.0, 1e-3, 1),
    CostPoint("solver", "slow and bad", 4.0, 1e-2, 1),
    CostPoint("solver", "coarse", 0.5, 1e-1, 1),
    CostPoint("solver", "unstable", 0.1, math.inf, 1),
]


def test_the_front_holds_what_nothing_beats():
    assert [point.label for point in pareto_front(SOLVER)] == ["coarse", "middle", "fine"]


def test_a_fast_surrogate_wins_and_pays_after_some_solves():
    found = judge_surrogate(CostPoint("net", "", 0.25, 5e-3, 1), SOLVER, investment=700.0)
    assert found.wins
    assert found.solver_seconds == 2.0
    assert found.speed_up == 8
    assert found.solver_error is None
    assert found.solves_until_paid == pytest.approx(700 / 1.75)
    assert found.sentence == (
        "net wins: 8 times faster than the solver at equal error; "
        "data and training have paid for themselves after 400 solves"
    )


def test_a_slow_surrogate_does_not_and_is_told_what_its_time_would_buy():
    found = judge_surrogate(CostPoint("net", "", 3.0, 5e-2, 1), SOLVER, investment=700.0)
    assert not found.wins
    assert found.speed_up == pytest.approx(2 / 3)
    assert found.solver_error == 1e-3
    assert found.solves_until_paid is None
    assert (
        "does not win: the solver is 1.5 times faster at equal error, and reaches an error of 0.001" in found.sentence
    )


def test_the_extremes_are_told_apart():
    assert judge_surrogate(CostPoint("net", "", 1.0, 1e-9, 1), SOLVER, None).wins
    assert "is as accurate" in judge_surrogate(CostPoint("net", "", 1.0, 1e-9, 1), SOLVER, None).sentence
    lost = judge_surrogate(CostPoint("net", "", 1e-3, math.inf, 1), SOLVER, 1.0)
    assert not lost.wins
    assert lost.sentence == "net loses: its rollout blew up"
    # An error that the coarsest setting beats in less time.
    assert not judge_surrogate(CostPoint("net", "", 0.6, 0.5, 1), SOLVER, 1.0).wins


def test_what_is_written_is_plain_json():
    surrogate = CostPoint("net", "", 0.25, 5e-3, 16, 4_000_000, 12.5, 3.2e9)
    verdicts = [judge_surrogate(surrogate, SOLVER, None)]
    generation = GenerationCost(90.0, "recorded while they were solved")
    found = BreakEven([*SOLVER, surrogate], [surrogate], verdicts, 0.5, 4, "here", generation, {}).to_dict()
    again = json.loads(json.dumps(found, allow_nan=False))
    methods = [point["method"] for point in again["break_even"]]
    assert methods == ["solver"] * 4 + ["net", "net, best batch"]
    assert again["break_even_verdict"]["verdicts"][0]["wins"] is True
    net = again["break_even"][-1]
    assert (net["seconds_per_time"], net["peak_bytes"], net["network_calls"]) == (0.5, 4_000_000, 12.5)
    sentences = break_even_sentences(again["break_even_verdict"])
    assert sentences[0] == verdicts[0].sentence
    assert (
        "net at a batch of 16: 0.5 s, 12.5 network calls, 3.2 GFLOP per trajectory and unit of time; "
        "the batch takes 4 MB of memory at its peak" in sentences
    )
    assert (
        "Errors: 0.5 units of time after the start, geometric mean over 4 trajectories. Seconds: on here." in sentences
    )
    assert sentences[-1] == "Solving the training and validation data: 90 s, recorded while they were solved."


def test_the_chart_says_of_which_batch_a_point_is_and_what_it_took():
    points = [asdict(CostPoint("net", "", 0.25, 5e-3, 16, 4_000_000)), {"method": "old", "seconds": 1.0, "error": 0.1}]
    new, old = break_even_chart(points).figures["error against seconds"]["data"]
    assert new["customdata"] == [", batch of 16, 4 MB of memory"]
    assert old["customdata"] == [""]


def test_the_chart_joins_the_settings_that_no_other_beats():
    points = [asdict(point) for point in SOLVER if math.isfinite(point.error)]
    batches = [points[0] | {"method": "solver, best batch", "seconds": 4.0}]
    rest, best, together = break_even_chart([*points, *batches]).figures["error against seconds"]["data"]
    assert best["text"] == ["coarse", "middle", "fine"]
    assert rest["text"] == ["slow and bad"]
    assert (rest["mode"], best["mode"]) == ("markers", "lines+markers")
    assert together["marker"]["color"] == best["marker"]["color"]
    assert together["marker"]["symbol"] != best["marker"]["symbol"]


def test_costs_are_told_for_a_unit_of_time():
    point = CostPoint("net", "", 2.0, 0.1, 1, None, 0.99999999, 1500.0)
    assert cost_sentence(point, 4.0) == (
        "net at a batch of 1: 0.5 s, 1 network call, 1.5 kFLOP per trajectory and unit of time"
    )


def test_a_verdict_begins_with_how_both_solve():
    point = CostPoint("net", "", 3.0, 5e-2, 1)
    assert (
        judge_surrogate(point, SOLVER, None, "one at a time, ").sentence
        == f"one at a time, {judge_surrogate(point, SOLVER, None).sentence}"
    )
