"""Every kind of prediction, from the command line to the report and back from its checkpoint."""

import json

import pytest
import torch
import xarray as xr

SMALL = ["model=fno", "model.width=8", "model.modes=4", "model.num_layers=1", "pde.geometry.shape=[32]"]
SMALL += ["pde.tolerances.refinement=0.1", "trainer.max_epochs=1"]
KINDS = {
    "bundle": ["prediction=increment", "prediction.bundle=3", "prediction.history=2"],
    "refiner": ["prediction=refiner", "prediction.num_refinements=2"],
    "correction": ["prediction=correction"],
    "adaptive": ["prediction=derivative", "prediction/integrator=dopri5"],
    "substeps": [
        "prediction=derivative",
        "prediction/integrator=substeps",
        "prediction/integrator@prediction.integrator.integrator=heun",
    ],
}
CALLS = {"bundle": "0.333", "refiner": "3", "correction": "1", "adaptive": "adaptive", "substeps": "8"}


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind not in ("bundle", "correction")]


@pytest.mark.parametrize("kind", ["bundle", "correction", *SLOW])
def test_from_training_to_the_report_and_back_from_the_checkpoint(kind, small_run):
    from tendency import begin, load_surrogate, rollout
    from tendency.data.dataset import TrajectoryDataset

    folder = small_run("burgers", [*SMALL, *KINDS[kind], f"name=kind-{kind}"], evaluate=True)
    assert json.loads((folder / "finished.json").read_text())
    results = xr.open_dataset(folder / "report" / "metrics.nc")
    description = json.loads(results.attrs["description"])
    assert description["network_calls"] == {f"kind-{kind}": CALLS[kind]}
    # A checkpoint holds all that it needs, a coarse solver's configuration included.
    stepper = load_surrogate(folder)
    recipe = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["recipe"]
    dataset = folder.parent.parent / "datasets" / recipe["dataset"]
    whole = TrajectoryDataset.whole(dataset, "test")[0].moved(int(results.attrs["start_snapshot"]))
    start = begin(stepper, *whole.history(stepper.history), whole.conditions, whole.index)
    times = whole.times(1, 3)
    again = torch.stack([state.u for state in rollout(stepper, start, times, whole.conditions)], 1).detach()
    stored = xr.open_dataset(folder / "report" / "rollouts.nc")
    (row,) = (i for i, name in enumerate(stored.simulator.values) if name == f"kind-{kind}")
    assert torch.allclose(again[0], torch.from_numpy(stored.prediction[row, 0, 1:4].values), atol=1e-4)


def test_a_correction_is_no_program(small_run, tmp_path):
    from tendency import export, load_surrogate
    from tendency.errors import ArtefactError

    folder = small_run("burgers", [*SMALL, *KINDS["correction"], "name=kind-correction"], evaluate=True)
    with pytest.raises(ArtefactError, match="export: a solver steps inside this surrogate"):
        export(folder, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
    # The solver inside knows what another length means, which a network alone has not learned.
    u = 0.1 * torch.sin(torch.arange(32) * 2 * torch.pi / 32).expand(2, 1, 1, 32)
    told, surrogate = {"params": {"viscosity": 0.2}}, load_surrogate(folder)
    assert not torch.equal(surrogate.rollout(u, [0.1], extent=[8.0], **told), surrogate.rollout(u, [0.1], **told))


def test_a_length_that_no_trajectory_had_is_refused(small_run):
    from tendency import load_surrogate

    surrogate = load_surrogate(small_run("burgers", [*SMALL, *KINDS["bundle"], "name=kind-bundle"], evaluate=True))
    u = torch.zeros(2, surrogate.history, 1, 32)
    with pytest.raises(ValueError, match=r"extent\[0\]: expected 16, which all training trajectories have"):
        surrogate.rollout(u, [0.1, 0.2, 0.3], params={"viscosity": 0.2}, extent=[8.0])


STRIDES = {
    "trained": ["prediction=increment", "data.stride=2"],
    # u_t belongs to no step: trained on every snapshot, asked for every second one.
    "judged": ["prediction=derivative", "evaluation.stride=2"],
}


@pytest.mark.parametrize("where", ["trained", pytest.param("judged", marks=pytest.mark.slow)])
def test_a_stride_lengthens_every_step(where, small_run):
    folder = small_run("burgers", [*SMALL, *STRIDES[where], f"name=stride-{where}"], evaluate=True)
    results = xr.open_dataset(folder / "report" / "metrics.nc")
    assert results.absolute_time[0].values == pytest.approx([0.0, 0.2, 0.4, 0.6])
    recipe = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["recipe"]
    assert recipe["stride"] == (2 if where == "trained" else 1)
