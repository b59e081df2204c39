"""Rollouts in the page: as large as is allowed, as true as their bits, and no larger in memory for being long."""

import base64
import json
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
import xarray as xr

from tendency.evaluation.report.frame_codes import deflate_codes, quantise
from tendency.evaluation.report.player import encode_rollouts
from tendency.evaluation.report.space import Space
from tendency.evaluation.report.thinning import choose_thinning
from tendency.evaluation.statistics.quantiles import quantiles
from tendency.evaluation.statistics.ranking import ranked_trajectories
from tendency.simulation.geometry import Boundary, Grid


def unpacked(blob, codes, shape):
    """What the page does with a blob."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(blob)), codes).reshape(shape[0], -1)
    return np.cumsum(steps, axis=1, dtype=codes).reshape(shape)


@pytest.mark.parametrize("codes", [np.dtype(np.uint8), np.dtype(np.uint16)], ids=str)
def test_a_blob_holds_values_to_half_a_level_and_says_what_is_not_finite(codes):
    values = torch.randn(5, 7, 6, generator=torch.Generator().manual_seed(0)).numpy()
    values[2, 3] = np.nan
    values[4, 0] = np.inf
    found = unpacked(deflate_codes(quantise(values, -2.0, 2.0, codes)), codes, values.shape)
    top = np.iinfo(codes).max - 1
    finite = np.isfinite(values)
    assert (found[~finite] == top + 1).all()
    assert np.abs(found[finite] / top * 4 - 2 - np.clip(values[finite], -2, 2)).max() <= 2 / top + 1e-12


def results_of(nrmse, methods=("a", "b", "c", "d")):
    shape = (len(methods), *nrmse.shape)
    return xr.Dataset(
        {
            "nrmse": (("simulator", "trajectory", "snapshot"), np.broadcast_to(nrmse, shape)),
            "time": (("trajectory", "snapshot"), np.broadcast_to(np.arange(nrmse.shape[1], dtype=float), nrmse.shape)),
        },
        {"simulator": list(methods), "trajectory": np.arange(nrmse.shape[0]) + 10},
        {"description": json.dumps({"learned": list(methods)})},
    )


class Noise:
    """Rollouts that nothing compresses, made when they are asked for."""

    channels, given, slice, shape, num_snapshots = ["u"], [], (), (256, 256), 1000

    def truth(self, row, snapshots, channel):
        return np.random.default_rng(row).standard_normal((len(snapshots), *self.shape), dtype=np.float32)

    def prediction(self, method, row, snapshots, channel):
        return self.truth(row + ord(method), snapshots, channel)


@pytest.mark.slow
def test_long_rollouts_of_many_points_fit_whatever_they_are():
    nrmse = np.linspace(0.1, 1, 6)[:, None] * np.linspace(0, 1, 1000)
    space = Space(Grid([256, 256], Boundary.periodic(2)), np.ones((6, 2)))
    tracemalloc.start()
    recordings = encode_rollouts(results_of(nrmse), Noise(), space, 3_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1_000_000 < recordings.size <= 3_000_000
    # One rollout alone, kept whole, is 262 MB.
    assert peak < 150e6
    assert len(recordings.entries) == 12
    said = " ".join(recordings.left_out)
    assert f"{len(recordings.entries[0]['snapshots'])} of 1000 snapshots are kept" in said
    assert "averaged over blocks of" in said
    assert recordings.entries[0]["snapshots"][0] == 0
    assert recordings.entries[0]["snapshots"][-1] == 999


def test_the_best_methods_are_shown_first():
    nrmse = np.array([[0, 0.1, 0.5], [0, 0.2, 0.6], [0, 0.3, 0.7]])
    results = results_of(nrmse, tuple("abcdefghij"))
    errors = results.nrmse.values.copy()
    errors[:, :, -1] = np.arange(10)[::-1, None]
    errors[9, :2, -1] = np.nan
    results["nrmse"] = (results.nrmse.dims, errors)
    space = Space(Grid([4, 4], Boundary.periodic(2)), np.ones((3, 2)))
    few = Noise()
    few.shape, few.num_snapshots = (4, 4), 3
    rollouts = encode_rollouts(results, few, space, 1_000_000)
    assert list(dict.fromkeys(entry["method"] for entry in rollouts.entries)) == list("ihgfedcb")
    assert "Of 10 methods the 8 with the smallest errors at the end are shown." in rollouts.left_out


def test_what_fits_is_not_thinned():
    assert choose_thinning(101, (64, 64), 101 * 64 * 64).pooling == 1
    assert len(choose_thinning(101, (64, 64), 101 * 64 * 64).snapshots) == 101
    # Frames go before points where there are many, points before frames where there are few.
    assert choose_thinning(1000, (64, 64), 200 * 64 * 64).pooling == 1
    assert choose_thinning(1000, (256, 256), 10 * 256 * 256).pooling > 1


def test_the_worst_trajectory_is_the_first_to_blow_up():
    nrmse = np.array([[0, 0.1, 0.2], [0, 0.3, np.nan], [0, np.inf, np.nan], [0, 0.2, 0.1], [0, 0.5, 0.9]])
    assert ranked_trajectories(results_of(nrmse), "a") == {"best": 3, "median": 4, "worst": 2}
    assert ranked_trajectories(results_of(nrmse[:1]), "a") == {"median": 0}


def test_a_median_over_survivors_is_not_the_median():
    values = np.array([[1.0, 1.0], [2.0, np.nan], [3.0, np.inf]])
    low, middle, high = quantiles(values, np.inf)
    assert middle[0] == 2
    assert np.isnan(middle[1])
    assert low[0] == pytest.approx(np.quantile([1, 2, 3], 0.1))
    assert high[0] == pytest.approx(np.quantile([1, 2, 3], 0.9))
    assert np.isnan(quantiles(np.full((4, 1), np.nan), -np.inf)).all()
