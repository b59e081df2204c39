"""An FNO learns, whatever its output means: at this budget it beats persistence's first step at least threefold."""

import itertools
import json

import pytest

PREDICTIONS = {
    "state": ["prediction=state"],
    "increment": ["prediction=increment"],
    "derivative": ["prediction=derivative", "prediction/integrator=rk4"],
}
BUDGET = [
    "data.num_train=16",
    "data.num_valid=2",
    "data.num_test=8",
    "data.chunk_size=8",
    "data.batch_size=8",
    "pde.times.num_snapshots=26",
    "model.width=16",
    "model.num_layers=3",
    "trainer.max_epochs=10",
]
"""520 steps of 8 windows (500 where the last snapshot has no successor)."""
PROBLEMS = {
    "kuramoto_sivashinsky": [
        "pde.geometry.shape=[96]",
        "pde.extent.0.value=60",
        "pde.times.dt.value=0.5",
        "model.modes=24",
        "model.reads_coordinates=false",
    ],
    "navier_stokes": [
        "pde.geometry.shape=[32,32]",
        "pde.initial_condition.max_wavenumber=10",
        "pde.times.dt.value=0.5",
        "pde.times.burn_in=5",
        "model.modes=8",
    ],
}


QUICK = [("derivative", "kuramoto_sivashinsky"), ("state", "kuramoto_sivashinsky")]


@pytest.mark.parametrize(
    ("prediction", "pde"),
    [
        pytest.param(*pair, marks=[] if pair in QUICK else pytest.mark.slow, id="-".join(pair))
        for pair in itertools.product(PREDICTIONS, PROBLEMS)
    ],
)
def test_the_first_step_is_three_times_better_than_persistence(pde, prediction, small_run):
    tolerant = ["pde.tolerances.refinement=0.1", "pde.tolerances.derivative=1e-2"]
    folder = small_run(pde, [*BUDGET, *PROBLEMS[pde], *tolerant, *PREDICTIONS[prediction]], evaluate=True)
    numbers = json.loads((folder / "report" / "metrics.json").read_text())
    (learned,) = numbers["description"]["learned"]
    persistence = numbers["summary"]["persistence"]["one_step_nrmse"]
    assert persistence > 0.03
    assert numbers["summary"][learned]["one_step_nrmse"] < persistence / 3
