"""Means over seeds and how well they are known."""

import math

import numpy as np
import pytest
from scipy import stats

from tendency.evaluation.statistics.intervals import Interval, log_t_interval, t_interval


def test_a_t_interval_holds_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(2.0, 3.0, (4000, 3))
    found = [t_interval(list(row)) for row in draws]
    assert np.mean([i.low < 2 < i.high for i in found]) == pytest.approx(0.95, abs=0.012)
    assert (found[0].low, found[0].high) == pytest.approx(
        stats.t.interval(0.95, 2, draws[0].mean(), stats.sem(draws[0]))
    )


def test_errors_are_averaged_by_their_logarithms():
    found = log_t_interval([0.1, 0.2, 0.4])
    assert found.mean == pytest.approx(0.2)
    assert found.low * found.high == pytest.approx(0.04)
    assert found.low > 0


def test_what_one_seed_says_has_no_interval_and_what_blew_up_no_mean():
    assert t_interval([3.0]) == Interval(3.0)
    assert log_t_interval([3.0]).text() == "3"
    assert log_t_interval([0.1, math.inf]).text() == "blew up"
    assert t_interval([1.0, 2.0, 3.0]).text() == "2 [-0.484, 4.48]"
