"""Every network with every prediction and integrator trains and rolls out, in one and two dimensions."""

import itertools
import json
import math

import pytest

MODELS = ["fno", "unet", "message_passing"]
PREDICTIONS = {
    "state": ["prediction=state"],
    "increment": ["prediction=increment"],
    **{name: ["prediction=derivative", f"prediction/integrator={name}"] for name in ("euler", "ab2", "heun", "rk4")},
}
PROBLEMS = {
    "kuramoto_sivashinsky": ["pde.geometry.shape=[32]", "pde.extent.0.value=22", "pde.tolerances.refinement=0.1"],
    "navier_stokes": [
        "pde.geometry.shape=[16,16]",
        "pde.initial_condition.max_wavenumber=5",
        "pde.times.burn_in=1",
        "pde.tolerances.refinement=0.1",
    ],
}
SMALL_MODELS = {
    "fno": ["model.width=8", "model.modes=4", "model.num_layers=2"],
    "unet": ["model.width=8", "model.multipliers=[1,2]", "model.num_blocks=1"],
    "message_passing": ["model.width=16"],
}


@pytest.mark.parametrize(
    ("pde", "model", "prediction"), list(itertools.product(PROBLEMS, MODELS, PREDICTIONS)), ids="-".join
)
def test_trains_and_rolls_out(pde, model, prediction, small_run):
    folder = small_run(pde, [f"model={model}", *PROBLEMS[pde], *SMALL_MODELS[model], *PREDICTIONS[prediction]])
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    validations = [record for record in records if "valid/rollout_nrmse" in record]
    assert len(validations) == 2
    assert all(math.isfinite(record["valid/one_step_nrmse"]) for record in validations)
    assert (folder / "finished.json").exists()
