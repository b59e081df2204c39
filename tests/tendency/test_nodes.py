"""Problems that live on scattered nodes: trained, rolled out and reported as any other."""

import json
import math

import pytest

TINY = ["small=true", "pde.store_on.num_nodes=24", "model.width=16", "model.num_layers=2"]
PUBLISHED = ["model=mp_pde", "prediction=increment", "prediction.history=2", "prediction.bundle=3"]


@pytest.mark.parametrize("pde", ["wave_we1", "wave_we2", "wave_we3", "allen_cahn_scattered"])
def test_nodes_are_trained_and_reported(pde, small_run):
    folder = small_run(pde, [*PUBLISHED, *TINY, "pde.times.num_snapshots=10"], evaluate=True)
    summary = json.loads((folder / "report" / "metrics.json").read_text(encoding="utf-8"))["summary"]
    # On nodes there is neither a coarser grid nor a wavenumber.
    assert list(summary)[1:] == ["persistence", "linear extrapolation"]
    assert all(math.isfinite(row["one_step_nrmse"]) for row in summary.values())
    assert (folder / "report" / "report.html").exists()


def test_more_neighbours_than_nodes_are_refused_before_training(small_run):
    with pytest.raises(ValueError, match=r"model.neighbours.count: each of 24 points has 23 others, got 24"):
        small_run("wave_we1", ["model=message_passing", *TINY, "model.neighbours.count=24"])
