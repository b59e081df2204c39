"""Times and side lengths are those that were meant: without the rounding of single precision, None where unknown."""

from pathlib import Path

import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, side_length, side_length_by_index

PATH = Path("waves.h5")
CHEBYSHEV = -np.cos(np.arange(9) * np.pi / 8)


@pytest.mark.parametrize("side", [1.0, 2.0, 0.3, 2 * np.pi, 32 * np.pi, 128.0])
@pytest.mark.parametrize("first", [0.0, -1.0, "centre"])
def test_a_side_in_single_precision_is_the_one_that_was_meant(side, first):
    n = 48
    start = side / n / 2 if first == "centre" else first
    x = (start + np.arange(n) * side / n).astype(np.float32)
    length, notes = side_length(PATH, "x", x, n)
    assert length == pytest.approx(side, rel=1e-14)
    assert notes == ()
    assert side_length(PATH, "x", np.tile(x, (3, 1)), n)[0] == length


@pytest.mark.parametrize("step", [0.01, 0.4, 1 / 3])
def test_times_in_single_precision_are_evenly_spaced(step):
    times = (step * np.arange(101)).astype(np.float32)
    found = increasing_times(PATH, "t", np.tile(times, (2, 1)), 101)
    np.testing.assert_allclose(found, found[1] * np.arange(101), rtol=1e-14)
    np.testing.assert_allclose(found, times, rtol=1e-6)
    own = np.cumsum(np.geomspace(1, 2, 101)).astype(np.float32)
    np.testing.assert_array_equal(increasing_times(PATH, "t", own, 101), own.astype(np.float64))


def test_a_side_is_not_known_where_distances_differ():
    length, notes = side_length(PATH, "x", CHEBYSHEV, 9)
    assert length is None
    assert "x do not lie at equal distances" in notes[0]
    mean, told = side_length_by_index(PATH, "x", CHEBYSHEV, 9)
    assert mean == pytest.approx(2 * 9 / 8)
    assert "x are not evenly spaced" in told[0]
    even = side_length(PATH, "y", np.arange(4.0), 4)
    assert joined_sides([(length, notes), even]) == (None, notes)
    rows = np.array([1.0, 2.0])[:, None] * np.arange(4)
    sides, _ = joined_sides([even, side_length(PATH, "y", rows, 4)])
    assert sides.tolist() == [[4, 4], [4, 8]]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.arange(3.0), "x: expected 4 coordinates"),
        (np.arange(4.0)[::-1], "x: expected coordinates that increase"),
        (np.array([0, 1, 1, 2.0]), "x: expected coordinates that increase"),
        (np.array([0, 1, np.nan, 2]), "x: expected finite numbers, got nan at index 2"),
        (np.array(["a"] * 4), "x: expected real numbers"),
        (np.zeros((2, 2, 4)), "x: expected 4 coordinates"),
    ],
)
def test_wrong_coordinates_are_named(x, words):
    with pytest.raises(DatasetError, match=words):
        side_length(PATH, "x", x, 4)
