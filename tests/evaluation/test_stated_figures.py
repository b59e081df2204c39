"""What metrics state of their figures decides what is shown, ranked and compared; names decide nothing."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.metrics.absolute_errors import AbsoluteErrors
from tendency.evaluation.metrics.as_metric import as_metric
from tendency.evaluation.metrics.band_errors import BandErrors
from tendency.evaluation.metrics.blow_up import BlowUp
from tendency.evaluation.metrics.boundary_error import BoundaryError
from tendency.evaluation.metrics.conserved_drift import ConservedDrift
from tendency.evaluation.metrics.distribution import Distribution
from tendency.evaluation.metrics.energy_spectra import EnergySpectra
from tendency.evaluation.metrics.ensemble import ContinuousRankedProbability, Coverage, SpreadAndSkill
from tendency.evaluation.metrics.enstrophy import Enstrophy
from tendency.evaluation.metrics.figure import (
    LARGER,
    SMALLER,
    UNRANKED,
    Better,
    Mean,
    MetricFigure,
    Statistic,
    Summary,
    SummaryFigure,
    closest_to,
)
from tendency.evaluation.metrics.mean_spectrum import MeanSpectrum
from tendency.evaluation.metrics.pointwise import combined_correlation
from tendency.evaluation.metrics.relative_errors import RelativeErrors
from tendency.evaluation.metrics.rollout_error import RolloutError
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.metrics.valid_times import CorrelationTime, ErrorTime
from tendency.evaluation.report.headline import headline_sentences
from tendency.evaluation.report.summary_table import summary_rows
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.statistics.method_comparisons import compare_all, unlearned_figures
from tendency.evaluation.statistics.metric_curves import metric_curves
from tendency.evaluation.statistics.paired_comparison import compare_figure
from tendency.evaluation.statistics.seed_intervals import intervals_over_seeds
from tendency.evaluation.statistics.summary import summarise

EVERY_METRIC = (
    RelativeErrors(),
    RolloutError(),
    CorrelationTime(),
    BlowUp(),
    EnergySpectra(),
    AbsoluteErrors(),
    ErrorTime(),
    BandErrors(),
    BoundaryError(),
    ConservedDrift(),
    Distribution(),
    Enstrophy(),
    MeanSpectrum(),
    ContinuousRankedProbability(),
    SpreadAndSkill(),
    Coverage(),
)
# A name without any hint of a correlation, and one that lies: what is smaller is better.
Agreement = as_metric(combined_correlation, MetricFigure("agreement", "agreement", LARGER))
Lying = as_metric(
    lambda p, y, w: 1 - combined_correlation(p, y, w), MetricFigure("correlation_of_time", "disagreement", SMALLER)
)


@pytest.fixture
def judged(rotation, trajectories, tmp_path):
    """``judged({"slow": 0.9}, groups)``: results of rotations at these speeds (None breaks), and persistence."""

    def evaluated(speeds, groups=None, metrics=(), reference=True):
        simulators = {
            name: rotation(breaks_at=3.35) if speed is None else rotation(speed) for name, speed in speeds.items()
        }
        description = ReportDescription(learned=list(speeds), seeds=groups or {})
        return evaluate_rollouts(
            simulators | ({"persistence": Persistence()} if reference else {}),
            [trajectories()],
            ["u"],
            tmp_path,
            description=description,
            measurement=MeasurementPlan(metrics),
        )

    return evaluated


def headline(results):
    return headline_sentences(results, summarise(results))


def test_what_is_stated_comes_back_from_json_as_it_was():
    labels = {
        "channel": ["u", "v"],
        "band": ["low", "high"],
        "quantity": ["mass"],
        "threshold": [0.8, 0.9, 0.95],
        "nrmse_threshold": [0.1, 0.2, 0.5],
    }
    stated = StatedFigures.of_metrics(EVERY_METRIC, labels)
    content = json.loads(json.dumps(stated.to_dict(), allow_nan=False))
    again = StatedFigures.from_dict(content)
    assert again.summary == stated.summary
    assert again.arrays == {name: replace(figure, summaries=None) for name, figure in stated.arrays.items()}
    assert len({figure.key for figure in stated.summary}) == len(stated.summary)
    assert [figure.key for figure in again.ranked] == [
        "rollout_nrmse",
        "one_step_nrmse",
        "correlation_time_0.8",
    ]


@pytest.mark.parametrize(
    ("better", "best_first"),
    [(SMALLER, [-2.0, 0.5, 1.2]), (LARGER, [1.2, 0.5, -2.0]), (closest_to(1.0), [1.2, 0.5, -2.0])],
    ids=["smaller", "larger", "closest to 1"],
)
def test_a_blow_up_is_the_worst_in_every_direction(better, best_first):
    values = np.array([*best_first, np.nan, np.inf, -np.inf])
    penalties = better.penalty(values)
    assert list(np.argsort(penalties[:3])) == [0, 1, 2]
    assert np.isposinf(penalties[3:]).all()
    assert Better.from_plain(json.loads(json.dumps(better.to_plain()))) == better


def test_a_curve_takes_a_blow_up_for_the_worst_whatever_it_is_called(judged):
    results = judged({"slow": 0.9, "broken": None}, metrics=[Agreement(), Lying()])
    curves = {curve.name: curve for curve in metric_curves(results)}
    for name, sign in (("agreement", 1), ("correlation_of_time", -1)):
        values = curves[name].values.sel({"simulator": "broken"}).values
        lost = ~np.isfinite(values)
        half = next(s for s in range(values.shape[1]) if 0 < lost[:, s].sum() < len(values) / 2)
        low, _, high = curves[name].quantiles("broken")
        finite = values[~lost[:, half], half]
        # The bad end of the band is lost, the good end is that of the survivors.
        assert np.isnan(low[half] if sign > 0 else high[half])
        assert math.isfinite(high[half] if sign > 0 else low[half])
        assert (high[half] if sign > 0 else -low[half]) <= (sign * finite).max() + 1e-12
    summary = summarise(results)
    assert summary["broken"]["final_agreement"] == -np.inf
    assert summary["broken"]["final_correlation_of_time"] == np.inf
    assert summary["slow"]["final_agreement"] == summary["slow"]["final_correlation"]


def test_methods_are_compared_in_the_direction_that_is_stated(judged):
    results = judged({"good": 0.95, "poor": 0.7, "broken": None}, metrics=[Agreement(), Lying()])
    pairs = {(one["figure"], one["first"], one["second"]): one for one in compare_all(results, {})}
    for key in ("final_agreement", "final_correlation_of_time"):
        assert pairs[key, "good", "poor"]["low"] > 0
        assert pairs[key, "good", "broken"]["share"] == 1
        assert pairs[key, "poor", "broken"]["low"] > 0
        assert "good is better than poor in " in pairs[key, "good", "poor"]["sentence"]
        assert pairs[key, "poor", "broken"]["sentence"].endswith("; broken blew up in 5 of 5 rollouts")
    # What is compared by ratios is so by default alone.
    assert [key for key, *_ in pairs][:6] == ["rollout_nrmse"] * 6


def test_figures_that_differ_by_factors_are_compared_by_their_ratio():
    figure = MetricFigure("spread", "spread", SMALLER, Mean.GEOMETRIC)
    (number,) = (
        one
        for one in StatedFigures.of_metrics([as_metric(combined_correlation, figure)()], {}).summary
        if one.source == "spread"
    )
    good, bad = np.full((2, 5), 0.1), np.full((2, 5), 0.4)
    assert compare_figure(number, good, bad, ("a", "b")).ratio == pytest.approx(0.25)
    bad[1] = np.nan
    assert compare_figure(number, good, bad, ("a", "b")).ratio < 0.25
    assert number.better != UNRANKED


def test_the_headline_is_about_methods_and_not_their_best_seed(judged):
    # The best run of all is one of the method that is worse on average.
    groups = {"a": ["a0", "a1"], "b": ["b0", "b1"]}
    results = judged({"a0": 0.92, "a1": 0.5, "b0": 0.9, "b1": 0.901}, groups)
    said = headline(results)
    assert said.startswith("b has a one-step error ")
    assert "on average over 2 runs (95 % interval: " in said
    summary = summarise(results)
    errors = [summary[name]["one_step_nrmse"] for name in ("b0", "b1")]
    gain = summary["persistence"]["one_step_nrmse"] / math.sqrt(errors[0] * errors[1])
    assert f" {gain:.3g} times smaller than persistence's" in said
    assert "a0" not in said


def test_one_run_is_said_to_be_one(judged):
    said = headline(judged({"slow": 0.9, "slower": 0.6}))
    assert "slow has a one-step error" in said
    assert "in one run: how much the seed matters is not known. It is ahead of the other trained method." in said
    equals = headline(judged({"slow": 0.9, "same": 0.9}))
    assert equals.endswith("It cannot be told apart from same.")


@pytest.mark.parametrize("key", ["first_band_error_high", "final_band_energy_high"])
def test_errors_and_energies_of_bands_are_averaged_as_factors_over_seeds(key):
    stated = StatedFigures.of_metrics([BandErrors()], {"band": ["low", "middle", "high"]})
    found = intervals_over_seeds({"a0": {key: 0.1}, "a1": {key: 0.4}}, {"a": ["a0", "a1"]}, stated)
    assert found["a"][key]["mean"] == pytest.approx(0.2)


def test_a_figure_that_a_method_lacks_is_not_compared_with_it(judged):
    number = Summary("of_ensembles", "error of ensembles", Statistic.AVERAGE, leaderboard=True, comparisons=True)
    figure = MetricFigure("of_ensembles", "error of ensembles", SMALLER, Mean.GEOMETRIC, summaries=(number,))
    groups = {"drawn": ["drawn0", "drawn1"], "other": ["other0", "other1"]}
    metric = as_metric(lambda p, y, w: 2 - combined_correlation(p, y, w), figure)
    results = judged({"drawn0": 0.9, "drawn1": 0.91, "other0": 0.8, "other1": 0.81, "alone": 0.7}, groups, [metric()])
    compared = {(one["first"], one["second"]) for one in compare_all(results, groups) if one["figure"] == number.key}
    assert len(compared) == 6
    # What draws no noise has no figure of ensembles, and a group lacks it where one of its runs does.
    for name in ("persistence", "other1"):
        results["of_ensembles"].loc[{"simulator": name}] = np.nan
    pairs = compare_all(results, groups, ["drawn0", "drawn1", "other0", "other1", "alone"])
    compared = {(one["first"], one["second"]) for one in pairs if one["figure"] == number.key}
    assert compared == {("drawn", "alone")}
    assert number.key not in unlearned_figures(results, groups, ["drawn0", "drawn1", "alone"])
    stated, summary = StatedFigures.of_results(results), summarise(results)
    rows = summary_rows([stated[number.key]], summary, [], {}, intervals_over_seeds(summary, groups, stated))
    cells = {row.name: row.cells[0] for row in rows}
    assert float(cells["drawn"].text.split()[0]) > 0
    for name in ("other", "other1", "persistence"):
        assert (cells[name].text, cells[name].note) == ("", "not applicable")


def test_the_headline_does_not_contradict_the_pairs(judged):
    results = judged({"uneven": 0.9, "even": 0.8}).isel({"trajectory": np.arange(40) % 5})
    step = results["one_step_nrmse"]
    step.loc[{"simulator": "uneven"}] = np.where(np.arange(40) < 24, 0.01, 0.09)[:, None]
    step.loc[{"simulator": "even"}] = 0.0105
    step.loc[{"simulator": "persistence"}] = 0.5
    said = headline(results)
    assert said.startswith("uneven has a one-step error 50 times smaller than persistence's")
    assert "Trajectory by trajectory it is behind even, whose median over them is larger." in said
    assert "ahead of" not in said
    assert "told apart" not in said


def test_where_nothing_was_learned_nothing_is_ranked(judged):
    results = judged({"still": 0.0, "wrong": -0.5})
    assert headline(results) == (
        "Nothing was learned: no trained method's error is smaller than persistence's beyond the 95 % interval, "
        "and none is ranked."
    )
    sentences = {(one["first"], one["second"]): one["sentence"] for one in compare_all(results, {}, ["still", "wrong"])}
    assert sentences["still", "wrong"] == (
        "still and wrong are not ranked by rollout nRMSE: no trained method's error is "
        "smaller than persistence's beyond the 95 % interval"
    )
    assert "still and persistence cannot be told apart in rollout nRMSE: 1 times" in sentences["still", "persistence"]
    stated = {figure.key for figure in StatedFigures.of_results(results).summary}
    assert unlearned_figures(results, {}, ["still", "wrong"]) == stated
    assert unlearned_figures(judged({"slow": 0.9, "wrong": -0.5}), {}, ["slow", "wrong"]) == frozenset()
    # Without persistence nobody knows.
    assert unlearned_figures(judged({"still": 0.0}, reference=False), {}, ["still"]) == frozenset()


@pytest.mark.parametrize(
    ("figure", "refusal"),
    [
        (MetricFigure("nrmse", "mine", SMALLER), "measures nrmse,"),
        (MetricFigure("mine", "nRMSE of the rollout", SMALLER), "has a figure with the title nRMSE of the rollout,"),
        (
            MetricFigure("mine", "mine", SMALLER, summaries=(Summary("rollout_nrmse", "mine", Statistic.LAST),)),
            "has a number with the key rollout_nrmse,",
        ),
    ],
    ids=["name", "title", "key"],
)
def test_a_metric_that_would_hide_a_figure_of_another_one_is_refused(judged, figure, refusal):
    metric = as_metric(combined_correlation, figure)()
    with pytest.raises(ValueError, match=f"evaluation.metrics: CombinedCorrelation {refusal} as another one does"):
        judged({"slow": 0.9}, metrics=[metric])


def test_a_plain_function_is_a_metric_of_each_channel_too(judged):
    def largest(prediction, truth, weights):
        return (prediction - truth).abs().flatten(2).amax(2).double()

    metric = as_metric(largest, MetricFigure("largest", "largest difference", SMALLER, axes=("channel",)))
    assert metric.__name__ == "Largest"
    results = judged({"slow": 0.9}, metrics=[metric()])
    assert results.largest.dims == ("simulator", "trajectory", "snapshot", "channel")
    assert summarise(results)["slow"]["final_largest_u"] == pytest.approx(
        float(np.median(results.largest.sel({"simulator": "slow"}).values[:, -1, 0]))
    )
    assert torch.is_tensor(largest(*(torch.zeros(1, 1, 4),) * 3))


def test_a_metric_that_states_no_figures_is_refused(judged):
    class Silent(RelativeErrors):
        figures = ()

    with pytest.raises(
        ValueError, match=r"evaluation.metrics: Silent states no figures, expected figures = \(MetricFigure"
    ):
        judged({"slow": 0.9}, metrics=[Silent()])


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (0.012345, "0.0123"), (12.3456, "12.346"), (12345678.9, "1.23e+07")]
)
def test_a_table_writes_no_number_out_to_its_last_digit(value, shown):
    figure = SummaryFigure("error", "error", SMALLER, Mean.GEOMETRIC, Statistic.LAST, "error")
    assert figure.text(value) == shown
