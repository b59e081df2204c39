"""What each figure that divides by the truth says where the truth vanishes, is constant, or is met exactly.

No figure of one trajectory or snapshot may be without bound where nothing is wrong with it, or own a mean of many.
"""

import math

import numpy as np
import pytest
import torch

from tendency.evaluation.metrics.band_errors import BandErrors
from tendency.evaluation.metrics.blow_up import BlowUp
from tendency.evaluation.metrics.boundary_error import BoundaryError
from tendency.evaluation.metrics.conserved_drift import ConservedDrift
from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.metrics.mean_spectrum import MeanSpectrum
from tendency.evaluation.metrics.relative_errors import RelativeErrors
from tendency.evaluation.metrics.rollout_error import geometric_mean_error
from tendency.evaluation.statistics.paired_comparison import compare_methods
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid

N = 16
X = torch.arange(N, dtype=torch.float64) * 2 * math.pi / N
ZERO, ONE, WAVE = torch.zeros(N), torch.ones(N), torch.sin(X).float()
ROUNDING = 1e-7 * torch.tensor([1.0, -1.0] * (N // 2))
"""What single precision leaves on a field of one."""


class MeanKeeper:
    """Stands for a reference solver: all that is asked of it is what it conserves."""

    def conserved(self, u, conditions):
        return {"mean": u}


def batch(snapshots=1, channels=1, boundary=None, start=ZERO):
    """The context of one trajectory on a grid in 1D."""
    grid = Grid([N], boundary or Boundary.periodic(1))
    empty, extent = torch.zeros(1, 0, dtype=torch.float64), torch.full((1, 1), 2 * math.pi, dtype=torch.float64)
    conditions = Conditions(empty, empty, extent, empty, grid)
    fields = tuple(Field(name) for name in "uvw"[:channels])
    times = torch.arange(snapshots, dtype=torch.float64)[None]
    first = start.expand(1, channels, N)
    return BatchContext(Subject(fields, grid, MeanKeeper()), conditions, times, first, grid.weights(extent))


WALLED = Boundary([["dirichlet", "dirichlet"]])
TABLE = [
    # figure, what measures it, truth, prediction, value
    ("nrmse", RelativeErrors(), ZERO, ZERO, 0.0),
    ("nrmse", RelativeErrors(), ZERO, WAVE, math.inf),
    ("vrmse", RelativeErrors(), ONE, ONE, 0.0),
    ("correlation", RelativeErrors(), ONE, ONE, 1.0),
    ("correlation", RelativeErrors(), ONE, ONE + ROUNDING, 1.0),
    ("correlation", RelativeErrors(), ONE + ROUNDING, ONE - ROUNDING, 1.0),
    ("correlation", RelativeErrors(), ONE + ROUNDING, ONE + WAVE, 0.0),
    ("correlation", RelativeErrors(), ZERO, WAVE, 0.0),
    ("band_error", BandErrors([2, 4]), ZERO, ZERO, 0.0),
    ("boundary_error", BoundaryError(), ZERO, ZERO, 0.0),
    ("conserved_drift", ConservedDrift(), ZERO, ZERO, 0.0),
]


@pytest.mark.parametrize(("name", "metric", "truth", "prediction", "value"), TABLE)
def test_a_truth_that_vanishes_or_is_constant(name, metric, truth, prediction, value):
    context = batch(boundary=WALLED if name == "boundary_error" else None)
    found = metric.measure(prediction.expand(1, 1, N), truth.expand(1, 1, N), context)[name]
    assert found.flatten().tolist() == [pytest.approx(value)] * found.numel()


def test_a_channel_without_variance_does_not_own_the_vrmse_of_the_others():
    truth = torch.stack([WAVE, ONE, ONE + ROUNDING])[None]
    prediction = truth + 0.1 * torch.cos(X)
    found = RelativeErrors().measure(prediction, truth, batch(channels=3))
    assert found["channel_vrmse"][0].tolist() == [pytest.approx(0.1, rel=0.05), math.inf, math.inf]
    assert float(found["vrmse"]) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(("prediction", "largest"), [(ZERO, 24.0), (1e-12 * WAVE, 24.0), (2 * WAVE, 1.39)])
def test_a_shell_that_a_prediction_has_nothing_in_is_a_bounded_error(prediction, largest):
    metric, context, memory = MeanSpectrum(), batch(2), None
    for snapshot in range(2):
        memory = metric.update(memory, snapshot, prediction.expand(1, 1, N), WAVE.expand(1, 1, N), context)
    assert 1.38 < float(metric.result(memory, {}, context)["spectrum_log_error"]) < largest


def test_a_constant_truth_has_no_shells_and_no_error_of_its_spectrum():
    metric, context, memory = MeanSpectrum(), batch(2), None
    for snapshot in range(2):
        memory = metric.update(memory, snapshot, ONE.expand(1, 1, N), ONE.expand(1, 1, N), context)
    assert metric.result(memory, {}, context)["spectrum_log_error"].tolist() == [[0.0]]


@pytest.mark.parametrize(("size", "blew_up"), [(1e-2, False), (50.0, False), (200.0, True), (math.nan, True)])
def test_a_prediction_beside_a_truth_that_decays_has_not_blown_up(size, blew_up):
    """The truth decays by five orders; what stays below a hundred times its size at the start is bounded."""
    metric, context, memory = BlowUp(), batch(6, start=WAVE), None
    curve = []
    for snapshot in range(6):
        truth = (10.0**-snapshot * WAVE).expand(1, 1, N)
        prediction = truth if snapshot == 0 else torch.full_like(truth, size)
        memory = metric.update(memory, snapshot, prediction, truth, context)
        curve.append(RelativeErrors().measure(prediction, truth, context)["nrmse"])
    assert metric.result(memory, {"nrmse": torch.stack(curve, 1)}, context)["blew_up"].tolist() == [blew_up]


def test_a_snapshot_that_is_met_exactly_does_not_own_a_rollout():
    """States are stored in single precision: an error of 0 is one below 1e-8, no perfect forecast."""
    errors = torch.full((30,), 1e-2, dtype=torch.float64)
    errors[0] = 0.0
    assert 0.5e-2 < float(geometric_mean_error(errors)) < 1e-2


def test_a_trajectory_that_is_met_exactly_does_not_own_a_comparison():
    """Of 16 trajectories one never changes: persistence has no error there, and is ten times worse on all others."""
    network = np.full((1, 16), 1e-3)
    persistence = np.full((1, 16), 1e-2)
    persistence[0, 3] = 0.0
    found = compare_methods(persistence, network, draws=200)
    # Ten times, and less by what one trajectory of 16 may take of it.
    assert 10 ** (1 - 6 / 16) - 0.1 < found.ratio < 10
