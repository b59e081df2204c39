"""Memory holds a snapshot of each method, however long the rollouts are."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import resource, sys, tempfile
from pathlib import Path
import torch
from tendency.evaluation.baselines.linear_extrapolation import LinearExtrapolation
from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.rollouts.evaluate_rollouts import MeasurementPlan, evaluate_rollouts
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.metrics.band_errors import BandErrors
from tendency.evaluation.metrics.mean_spectrum import MeanSpectrum
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.conditions import Conditions

count, snapshots, points = map(int, sys.argv[1:4])

class Endless:
    index = torch.arange(count)
    t = torch.arange(snapshots, dtype=torch.float64).expand(count, -1)
    empty = torch.zeros(count, 0, dtype=torch.float64)
    grid = Grid([points] * 2, Boundary.periodic(2))
    conditions = Conditions(empty, empty, torch.ones(count, 2).double(), empty, grid)

    def snapshots(self):
        wave = torch.randn(count, 1, points, points)
        for snapshot in range(snapshots):
            yield wave * (1 + 0.01 * snapshot)

with tempfile.TemporaryDirectory() as folder:
    evaluate_rollouts(
        {"persistence": Persistence(), "line": LinearExtrapolation()}, [Endless()], ["u"], Path(folder),
        description=ReportDescription(), measurement=MeasurementPlan([BandErrors(), MeanSpectrum()]),
    )
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_megabytes(count, snapshots, points):
    """Of a process that evaluates two methods on trajectories that nobody holds."""
    command = [sys.executable, "-c", SCRIPT, str(count), str(snapshots), str(points)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=540)
    return float(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_rollout():
    # 60 more snapshots of 8 trajectories of 64 x 64 are 31 MB for the truth and for each of the methods.
    assert peak_megabytes(8, 80, 64) - peak_megabytes(8, 20, 64) < 15


@pytest.mark.slow
def test_eight_long_trajectories_of_256_by_256_need_less_than_two_gigabytes():
    assert peak_megabytes(8, 1000, 256) < 2000
