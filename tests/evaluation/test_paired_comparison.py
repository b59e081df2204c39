"""Whether one method is better than another: intervals that hold as often as they say."""

import math

import numpy as np
import pytest

from tendency.evaluation.baselines.linear_extrapolation import LinearExtrapolation
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.metrics.as_metric import as_metric
from tendency.evaluation.metrics.figure import SMALLER, MetricFigure, Statistic, Summary
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.headline import headline_sentences
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.statistics.method_comparisons import compare_all
from tendency.evaluation.statistics.paired_comparison import compare_methods
from tendency.evaluation.statistics.seed_intervals import intervals_over_seeds
from tendency.evaluation.statistics.summary import summarise


def synthetic(generator, effect, runs=6, trajectories=40):
    """Errors of two methods on the same trajectories: common difficulty, and seeds of their own."""
    difficulty = generator.normal(0, 1.0, trajectories)

    def method(mean):
        seeds = generator.normal(0, 0.2, (runs, 1))
        return np.exp(mean + difficulty + seeds + generator.normal(0, 0.3, (runs, trajectories)))

    return method(effect), method(0.0)


def test_the_interval_holds_the_difference_as_often_as_it_says():
    generator = np.random.default_rng(0)
    found = [compare_methods(*synthetic(generator, 0.3), draws=500, seed=i) for i in range(300)]
    held = np.mean([one.low < math.exp(0.3) < one.high for one in found])
    # 0.95 within what 300 trials and percentiles of six runs allow.
    assert 0.92 <= held <= 0.98
    logs = [math.log(one.ratio) for one in found]
    assert np.mean(logs) == pytest.approx(0.3, abs=0.03)
    width = np.mean([math.log(one.high / one.low) for one in found]) / (2 * 1.96)
    assert width == pytest.approx(np.std(logs), rel=0.15)


def test_without_a_difference_each_method_wins_in_half_of_the_draws():
    generator = np.random.default_rng(1)
    shares = [compare_methods(*synthetic(generator, 0.0), draws=500, seed=i).share for i in range(200)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.06)


def test_pairing_takes_the_difficulty_of_a_trajectory_out():
    generator = np.random.default_rng(2)
    first, second = synthetic(generator, -0.6)
    paired = compare_methods(first, second)
    # On trajectories in another order nothing cancels.
    unpaired = compare_methods(first, second[:, generator.permutation(second.shape[1])])
    assert math.log(paired.high / paired.low) < 0.8 * math.log(unpaired.high / unpaired.low)
    assert paired.high < 1
    assert paired.share > 0.99
    assert paired.sentence().startswith("A is better than B")


def test_a_comparison_is_the_same_whenever_it_is_made_and_turns_round_with_its_sides():
    first, second = synthetic(np.random.default_rng(3), 0.5)
    assert compare_methods(first, second) == compare_methods(first, second)
    there, back = compare_methods(first, second), compare_methods(second, first)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.sentence().startswith("B is better than A")
    assert back.sentence().startswith("A is better than B")


def test_one_seed_says_something_of_trajectories_alone_and_one_trajectory_nothing():
    first, second = synthetic(np.random.default_rng(4), 0.0, runs=1)
    one = compare_methods(first, second)
    logs = np.log(first[0]) - np.log(second[0])
    # Then the bootstrap is that of a mean over trajectories.
    assert math.log(one.high / one.low) / (2 * 1.96) == pytest.approx(logs.std(ddof=1) / math.sqrt(40), rel=0.05)
    single = compare_methods(first[:, :1], second[:, :1])
    assert single.low < 1e-20 < 1e20 < single.high
    assert compare_methods(first, first).share == 0.5
    assert "cannot be told apart" in compare_methods(first, first).sentence()


def test_a_method_that_blew_up_loses_and_other_trajectories_are_refused():
    good = np.full((2, 5), 0.1)
    bad = np.full((2, 5), np.inf)
    bad[0, 0] = np.nan
    one = compare_methods(good, bad)
    assert one.ratio == pytest.approx(0.1 / 100)
    assert one.share == 1
    with pytest.raises(ValueError, match="got 5 and 4 of them"):
        compare_methods(good, bad[:, :4])


def test_runs_of_one_recipe_stand_together_in_a_report(rotation, trajectories, tmp_path):
    simulators = {"a0": rotation(0.9), "a1": rotation(0.91), "b": rotation(0.5)}
    results = evaluate_rollouts(simulators, [trajectories()], ["u"], tmp_path, description=ReportDescription())
    groups = {"a": ["a0", "a1"]}
    (one,) = compare_all(results, groups)
    assert (one["first"], one["second"], one["seeds"]) == ("a", "b", (2, 1))
    assert one["sentence"].startswith("a is better than b in rollout nRMSE: ")
    assert one["share"] == 1
    summary = summarise(results)
    intervals = intervals_over_seeds(summary, groups, StatedFigures.of_results(results))["a"]
    found = intervals["rollout_nrmse"]
    values = [summary[name]["rollout_nrmse"] for name in ("a0", "a1")]
    assert found["mean"] == pytest.approx(math.sqrt(values[0] * values[1]))
    assert found["low"] < found["mean"] < found["high"]
    # Both follow to the end: all that is known of the time is that it is longer.
    time = intervals["correlation_time_0.8"]
    assert time["low"] is None


def test_methods_of_different_starts_are_compared_over_what_both_predict(rotation, trajectories, tmp_path):
    def gap(prediction, truth, weights):
        return (prediction - truth).abs().flatten(1).amax(1).double()

    numbers = (
        Summary("largest_gap", "largest gap", Statistic.LARGEST, comparisons=True),
        Summary("first_gap", "gap after one step", Statistic.FIRST_STEP, comparisons=True),
    )
    metric = as_metric(gap, MetricFigure("gap", "gap", SMALLER, summaries=numbers))()
    simulators = {"line": LinearExtrapolation(), "slow": rotation(0.9), "still": Persistence()}
    results = evaluate_rollouts(
        simulators,
        [trajectories()],
        ["u"],
        tmp_path,
        description=ReportDescription(learned=["slow"]),
        measurement=MeasurementPlan([metric]),
    )

    def pairs():
        return {(one["figure"], one["first"], one["second"]): one for one in compare_all(results, {})}

    before = pairs()
    largest = {name: results.gap.sel({"simulator": name}).values[:, 1:].max(1).mean() for name in simulators}
    # The first step from a later start is another step.
    assert [pair[1:] for pair in before if pair[0] == "first_gap"] == [("slow", "still")]
    assert before["largest_gap", "line", "slow"]["advantage"] == pytest.approx(largest["slow"] - largest["line"])
    # What one of the two methods does before the other starts counts in other comparisons alone.
    results["gap"].loc[{"simulator": "slow", "snapshot": 0}] = 50
    results["nrmse"].loc[{"simulator": "slow", "snapshot": 1}] *= 50
    results["rollout_nrmse"].loc[{"simulator": "slow"}] *= 50
    after = pairs()
    for figure in ("rollout_nrmse", "largest_gap"):
        assert after[figure, "line", "slow"] == before[figure, "line", "slow"]
        assert after[figure, "line", "still"] == before[figure, "line", "still"]
        assert after[figure, "slow", "still"] != before[figure, "slow", "still"]


def test_a_baseline_that_starts_later_is_ahead_only_over_what_both_predict(rotation, trajectories, tmp_path):
    simulators = {"line": LinearExtrapolation(), "net": rotation(0.9), "persistence": Persistence()}
    description = ReportDescription(learned=["net"])
    results = evaluate_rollouts(simulators, [trajectories()], ["u"], tmp_path, description=description)
    for name, errors in (("line", (np.nan, 0.03)), ("net", (0.5, 0.02)), ("persistence", (0.9, 0.9))):
        results["nrmse"].loc[{"simulator": name}] = errors[1]
        results["nrmse"].loc[{"simulator": name, "snapshot": 1}] = errors[0]
        after = results.nrmse.sel({"simulator": name}).values[:, 2 if name == "line" else 1 :]
        results["rollout_nrmse"].loc[{"simulator": name}] = np.exp(np.log(after).mean(1))
    summary = summarise(results)
    assert summary["line"]["rollout_nrmse"] < summary["net"]["rollout_nrmse"]
    assert "not trained" not in headline_sentences(results, summary)
    pairs = {(one["figure"], one["first"], one["second"]): one for one in compare_all(results, {}, ["net"])}
    assert pairs["rollout_nrmse", "line", "net"]["low"] > 1
    results["rollout_nrmse"].loc[{"simulator": "line"}] *= 0.5
    assert "Over the rollout the line, which is not trained, has a smaller error" in headline_sentences(
        results, summary
    )


def test_one_trajectory_decides_nothing():
    first, second = np.array([[0.1], [0.1]]), np.array([[10.0], [10.0]])
    pair = compare_methods(first, second, title="error")
    assert pair.undecided
    assert not pair.first_is_better
    assert math.isfinite(pair.low)
    assert math.isfinite(pair.high)
    assert pair.sentence() == (
        "A and B were compared in error on one test trajectory, which does not show how much others differ: 0.01 times "
        "its error there"
    )
    assert compare_methods(first.repeat(2, 1), second.repeat(2, 1)).first_is_better
