"""A trained surrogate in a user's hands: arrays in and out, and exported files that give the same answers."""

import doctest
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import tendency
from tendency.app.runs.exported_files import DIGEST, RECIPE, WEIGHTS
from tendency.errors import ArtefactError

SMALL = ["pde.geometry.shape=[16]", "model=unet", "model.width=8"]


@pytest.fixture(scope="module")
def run(small_run):
    """A finished run on heat, whose diffusivity is drawn for each trajectory."""
    return small_run("heat", [*SMALL, "prediction=increment", "name=in-hand"])


@pytest.fixture(scope="module")
def window(run, homes):
    recipe = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["recipe"]
    return tendency.open_windows(f"{homes['TENDENCY_DATASETS']}/{recipe['dataset']}", "test").windows([0, 7])


TIMES = [0.2, 0.3, 0.6]


def told(window):
    return {"diffusivity": window.conditions.parameter("diffusivity").numpy()}


def test_numpy_torch_and_xarray_give_what_the_stepper_gives(run, window):
    surrogate = tendency.load_surrogate(run)
    u = window.at(0)
    at_zero = torch.zeros(2, 1, dtype=torch.float64)
    expected = surrogate.predict(u[:, None], at_zero, TIMES, window.conditions)
    assert (expected[:, 0] - u).abs().max() > 1e-4
    extent = window.conditions.extent[0].tolist()
    arguments = {"params": told(window), "extent": extent}
    assert torch.equal(surrogate.rollout(u[:, None], TIMES, **arguments), expected)
    from_numpy = surrogate.rollout(u[:, None].numpy(), TIMES, **arguments)
    assert isinstance(from_numpy, np.ndarray)
    assert from_numpy.dtype == np.float32
    assert np.array_equal(from_numpy, expected.numpy())
    array = xr.DataArray(u.numpy(), dims=["trajectory", "channel", "x"], coords={"trajectory": [3, 5]})
    labelled = surrogate.rollout(
        array.transpose("x", "channel", "trajectory").expand_dims("snapshot"), TIMES, **arguments
    )
    assert labelled.dims == ("trajectory", "snapshot", "channel", "x")
    assert labelled.time.values == pytest.approx(TIMES)
    assert labelled.trajectory.values.tolist() == [3, 5]
    assert np.array_equal(labelled.values, expected.numpy())
    alone = surrogate.rollout(
        u[1].numpy(), TIMES, params={"diffusivity": told(window)["diffusivity"][1]}, extent=extent
    )
    assert alone.shape == (3, 1, 16)
    assert np.allclose(alone, expected[1].numpy(), atol=1e-6)


def test_a_run_and_its_dataset_say_in_a_line_what_they_are(run, homes):
    surrogate = tendency.load_surrogate(run)
    name = surrogate.recipe.dataset
    problem = "heat: u on Grid(16, Boundary(periodic)), dt = 0.1, told diffusivity"
    prediction = "IncrementPrediction(conditioned_on=('dt',))"
    network = "UNet(1D, 1 -> 1 channels, 2 conditions, 58,209 weights)"
    assert repr(surrogate) == f"TrainedSurrogate({network}, {prediction}, dt = 0.1; {problem}; dataset {name})"
    dataset = tendency.open_windows(f"{homes['TENDENCY_DATASETS']}/{name}", "test")
    assert repr(dataset) == (f"TrajectoryDataset(test of {name}: 14 windows of 2 snapshots, 2 trajectories; {problem})")
    assert repr(dataset.manifest) == f"Manifest({problem}; 4 train, 2 valid, 2 test trajectories in 4 chunks)"


EXAMPLES = sorted(set(tendency.__all__) - {"__version__", "export"})


@pytest.mark.parametrize("name", [*EXAMPLES, pytest.param("export", marks=pytest.mark.slow)])
def test_the_example_of_each_public_function_runs(name, run, homes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = Path(homes["TENDENCY_DATASETS"]) / tendency.load_surrogate(run).recipe.dataset
    for link, target in (("outputs/run", run), ("datasets/heat", dataset)):
        Path(link).parent.mkdir()
        Path(link).symlink_to(target)
    names = {"tendency": tendency, "np": np, "torch": torch}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(tendency, name), name, globs=names)
    report = io.StringIO()
    done = doctest.DocTestRunner().run(example, out=report.write)
    assert done.attempted > 0
    assert done.failed == 0, report.getvalue()


def test_what_does_not_fit_is_named(run, window):
    surrogate = tendency.load_surrogate(run)
    u, good = window.at(0).numpy()[:, None], told(window)
    with pytest.raises(ValueError, match=r"expected shape \(B, 1, 1, 16\), got \(2, 1, 1, 8\); for another"):
        surrogate.rollout(u[..., :8], TIMES, params=good)
    with pytest.raises(ValueError, match=r"params: expected a value of diffusivity, got none; pass params="):
        surrogate.rollout(u, TIMES)
    with pytest.raises(ValueError, match=r"params: expected \['diffusivity'\], got \['viscosity'\]"):
        surrogate.rollout(u, TIMES, params={"viscosity": 1.0})
    with pytest.raises(ValueError, match=r"params\['diffusivity'\]: expected one number or 2, got shape \(3,\)"):
        surrogate.rollout(u, TIMES, params={"diffusivity": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="extent: expected a list of 1 side lengths"):
        surrogate.rollout(u, TIMES, params=good, extent=[1.0, 1.0])
    with pytest.raises(ValueError, match="times: expected finite times that increase"):
        surrogate.rollout(u, [0.2, 0.1], params=good)


def test_an_exported_program_takes_the_same_step_without_this_project(run, window, tmp_path):
    surrogate = tendency.load_surrogate(run)
    folder = tendency.export(run, tmp_path / "exported")
    program = torch.export.load(folder / "step.pt2").module()
    u, t = window.at(0), torch.zeros(2, dtype=torch.float64)
    dt = torch.full((2,), surrogate.dt, dtype=torch.float64)
    found = program(u[:, None], t, dt, window.conditions.params, window.conditions.extent)
    for row in range(2):
        expected = surrogate.predict(
            u[row : row + 1, None], t[row : row + 1, None], [dt[row].item()], tendency_row(window, row)
        )
        assert torch.allclose(found[row], expected[0, 0], rtol=1e-5, atol=1e-6)


def tendency_row(window, row):
    return window.conditions[row : row + 1]


def test_programs_of_an_earlier_export_are_gone_before_an_interruption_can_leave_them(run, tmp_path, monkeypatch):
    for name in ("step.pt2", "step.onnx"):
        (tmp_path / name).write_bytes(b"of another run")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.export, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tendency.export(run, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.json", "weights.safetensors"]


def test_exported_weights_are_the_same_surrogate_and_are_refused_when_damaged(run, window, tmp_path):
    folder = tendency.export(run, tmp_path)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    again, first = tendency.load_surrogate(folder), tendency.load_surrogate(run)
    for (name, value), other in zip(
        again.stepper.state_dict().items(), first.stepper.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    arguments = {"params": told(window), "extent": window.conditions.extent[0].tolist()}
    u = window.at(0)[:, None]
    assert torch.equal(again.rollout(u, TIMES, **arguments), first.rollout(u, TIMES, **arguments))
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtefactError, match=f"{WEIGHTS}: damaged .*export the surrogate again"):
        tendency.load_surrogate(folder)
    (folder / WEIGHTS).write_bytes(whole)
    recipe = json.loads((folder / RECIPE).read_text())
    recipe["model"]["width"] = 4
    (folder / RECIPE).write_text(json.dumps(recipe))
    with pytest.raises(ArtefactError, match="are not as they were written together"):
        tendency.load_surrogate(folder)
    del recipe[DIGEST]
    (folder / RECIPE).write_text(json.dumps(recipe))
    with pytest.raises(ArtefactError, match="its weights do not fit its recipe"):
        tendency.load_surrogate(folder)


def test_a_scheme_that_remembers_its_slopes_is_no_program_of_one_step(small_run, tmp_path):
    folder = small_run("heat", [*SMALL, "prediction=derivative", "prediction/integrator=ab2", "name=remembers"])
    with pytest.raises(ArtefactError, match=r"remembers more than its latest snapshots \(integrator\)"):
        tendency.export(folder, tmp_path / "none")
    assert not (tmp_path / "none").exists()
