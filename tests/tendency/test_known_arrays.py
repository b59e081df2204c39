"""Constant fields and forcing from arrays: asked for by name and shape, and exact through a rollout and an export."""

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from omegaconf import OmegaConf

import tendency
from tendency.app.configuration.build import build_surrogate, load_problem
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.reports.same_test_data import require_fit
from tendency.app.runs.exported_files import write_export
from tendency.app.runs.recipe import Recipe
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.predictions.state import StatePrediction

ROWS, SHAPE, TIMES = 3, (4, 4), [0.1, 0.4]
GRID = Grid(SHAPE, Boundary.periodic(2))
MODEL = {
    "_target_": "tendency.surrogates.models.external.External",
    "network": {"_target_": "torch.nn.Conv2d", "_partial_": True, "kernel_size": 1, "bias": False},
    "sizes": {"in_channels": "in_channels", "out_channels": "out_channels", "spatial_dims": None},
}
PREDICTION = {
    "_target_": "tendency.surrogates.predictions.derivative.DerivativePrediction",
    "difference": {"_target_": "tendency.surrogates.predictions.differences.StoredDerivative"},
    "integrator": {"_target_": "tendency.surrogates.integrators.runge_kutta.RungeKutta4"},
}
MASK, WIND = Field("mask"), Field("wind", rank=1)


def metadata_with(given=(MASK, WIND), forcing=()):
    return TrajectoryMetadata(
        "flow", "flow", 1, (Field("u"),), ("rate",), (), GRID, 9, 0.1, given=given, forcing=forcing
    )


def written(folder, metadata):
    """An exported surrogate with u_t = the second component of the wind, plus the forcing where there is some."""
    recipe = Recipe(model=MODEL, prediction=PREDICTION, metadata=metadata, dataset="flow")
    stepper = recipe.untrained(trust=True)
    weight = torch.zeros(1, 1 + metadata.num_known + 1, 1, 1)
    weight[0, 3] = 1
    weight[0, 4:-1] = 1
    state = stepper.state_dict() | {"surrogate.network.weight": weight}
    folder.mkdir()
    write_export(folder, recipe, state)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("known") / "given", metadata_with())


@pytest.fixture(scope="module")
def roll(folder):
    surrogate = tendency.load_surrogate(folder, trust=True)

    def rolled(given, u=None, **changed):
        return surrogate.rollout(
            START if u is None else u, TIMES, params={"rate": 1.0}, extent=[1.0, 2.0], given=given, **changed
        )

    return rolled


random = np.random.default_rng(0)
START = random.normal(size=(ROWS, 1, 1, *SHAPE)).astype("f4")
GIVEN = {"mask": random.random((ROWS, *SHAPE)) > 0.5, "wind": random.normal(size=(ROWS, 2, *SHAPE)).astype("f4")}
EXPECTED = START + np.array(TIMES, dtype="f4").reshape(1, 2, 1, 1, 1) * GIVEN["wind"][:, None, 1:]


def test_a_rollout_integrates_what_it_is_given(roll):
    assert np.allclose(roll(GIVEN), EXPECTED, atol=1e-6)
    one = {name: values[0] for name, values in GIVEN.items()}
    assert np.allclose(roll(one)[0], EXPECTED[0], atol=1e-6)
    assert np.allclose(roll(one)[1] - START[1], EXPECTED[0] - START[0], atol=1e-6)
    assert np.allclose(roll(one, START[0]), EXPECTED[0], atol=1e-6)
    named = xr.DataArray(GIVEN["wind"], dims=["trajectory", "channel", "x", "y"]).transpose("y", "x", ...)
    tensors = {"mask": torch.from_numpy(GIVEN["mask"]), "wind": named}
    assert np.array_equal(roll(tensors), roll(GIVEN))
    assert np.array_equal(roll(GIVEN | {"mask": GIVEN["mask"][:, None].astype(int)}), roll(GIVEN))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"given: expected mask, wind, got none; pass given=\{'mask': ..., 'wind': ...\}"),
        ({"mask": GIVEN["mask"]}, "given: expected wind, got none"),
        (GIVEN | {"masks": 1}, r"given: expected \['mask', 'wind'\], got \['masks'\]"),
        (GIVEN["mask"], "given: expected fields by name, .* got a ndarray"),
        (GIVEN | {"mask": 1.0}, r"given\['mask'\]: expected shape \(4, 4\) or .*, got \(\)"),
        (GIVEN | {"mask": GIVEN["mask"][:2]}, r"given\['mask'\]: expected shape .*\(3, 4, 4\).*, got \(2, 4, 4\)"),
        (GIVEN | {"wind": GIVEN["mask"]}, r"given\['wind'\]: expected shape \(2, 4, 4\) or \(3, 2, 4, 4\), got \(3, 4"),
        (GIVEN | {"wind": GIVEN["wind"][..., :2]}, r"given\['wind'\]: expected shape"),
        (GIVEN | {"wind": GIVEN["wind"] * np.nan}, r"given\['wind'\]: expected values that are finite"),
        (GIVEN | {"wind": xr.DataArray(GIVEN["wind"])}, r"given\['wind'\]: expected the dimensions x, y of space"),
    ],
    ids=str,
)
def test_fields_that_do_not_fit_are_named(roll, given, message):
    with pytest.raises(ValueError, match=message):
        roll(given)


def test_another_resolution_needs_fields_on_it(roll):
    fine = {name: np.repeat(np.repeat(values, 2, -1), 2, -2) for name, values in GIVEN.items()}
    u, grid = np.repeat(np.repeat(START, 2, -1), 2, -2), Grid([8, 8], GRID.boundary)
    assert roll(fine, u, geometry=grid).shape == (ROWS, 2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"given\['mask'\]: expected shape \(8, 8\) or"):
        roll(GIVEN, u, geometry=grid)


def test_a_surrogate_without_such_fields_is_given_none(tmp_path):
    recipe = Recipe(model=MODEL, prediction=PREDICTION, metadata=metadata_with(()), dataset="flow")
    write_export(tmp_path, recipe, recipe.untrained(trust=True).state_dict())
    surrogate = tendency.load_surrogate(tmp_path, trust=True)
    with pytest.raises(ValueError, match=r"given: expected no fields, since flow has neither.* got \['mask', 'wind'\]"):
        surrogate.rollout(START, TIMES, params={"rate": 1.0}, extent=[1.0, 2.0], given=GIVEN)
    assert surrogate.rollout(START, TIMES, params={"rate": 1.0}, extent=[1.0, 2.0], given={}).shape[1] == 2


@pytest.fixture(scope="module")
def forced(tmp_path_factory):
    return written(tmp_path_factory.mktemp("known") / "forced", metadata_with(forcing=(Field("heating"),)))


HEATING = ([0.0, 0.2, 1.0], random.normal(size=(ROWS, 3, *SHAPE)))


def heated(until):
    """The integral of the forcing from 0 to a time of at least 0.2."""
    (_, first, last), values = HEATING
    share = (until - first) / (last - first)
    there = (1 - share) * values[:, 1] + share * values[:, 2]
    return 0.1 * (values[:, 0] + values[:, 1]) + (until - first) / 2 * (values[:, 1] + there)


def test_forcing_is_a_pair_of_times_and_values(forced):
    surrogate = tendency.load_surrogate(forced, trust=True)
    arguments = {"params": {"rate": 1.0}, "extent": [1.0, 2.0]}
    found = surrogate.rollout(START, [0.2, 0.5], **arguments, given=GIVEN | {"heating": HEATING})
    expected = START[:, 0, 0] + 0.5 * GIVEN["wind"][:, 1] + heated(0.5)
    assert np.allclose(found[:, 1, 0], expected, atol=1e-5)
    for wrong, message in [
        (HEATING[1], r"given\['heating'\]: expected a pair \(times, values\), got a ndarray"),
        ((HEATING[0][:2], HEATING[1]), r"given\['heating'\]: expected shape"),
        (([0.0, 0.0, 1.0], HEATING[1]), "forcing: expected at least one time, and times that increase"),
    ]:
        with pytest.raises(ValueError, match=message):
            surrogate.rollout(START, [0.2], **arguments, given=GIVEN | {"heating": wrong})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["folder", "forced"])
def test_an_exported_step_takes_the_fields_as_inputs(name, request, tmp_path):
    tendency.export(request.getfixturevalue(name), tmp_path, trust=True)
    program = torch.export.load(tmp_path / "step.pt2").module()
    column = torch.zeros(ROWS, dtype=torch.float64)
    given = torch.cat([torch.from_numpy(GIVEN["mask"]).float()[:, None], torch.from_numpy(GIVEN["wind"])], 1)
    inputs = [torch.from_numpy(START), column, column + 0.1, column[:, None] + 1.0, column[:, None].repeat(1, 2) + 1]
    expected = torch.from_numpy(START[:, 0, 0]) + 0.1 * given[:, 2]
    if name == "forced":
        times = torch.tensor(HEATING[0], dtype=torch.float64).expand(ROWS, -1)
        more = [given, torch.from_numpy(HEATING[1]).float()[:, :, None], times]
        values = torch.from_numpy(HEATING[1])
        expected = expected + (0.075 * values[:, 0] + 0.025 * values[:, 1])
    else:
        more = [given]
    assert torch.allclose(program(*inputs, *more)[:, 0], expected.float(), atol=1e-5)
    assert torch.allclose(program(*(x[:2] for x in (*inputs, *more)))[:, 0], expected[:2].float(), atol=1e-5)


@pytest.mark.parametrize("path", sorted((conf_folder() / "model").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_reads_them_as_channels(path):
    node = OmegaConf.to_container(OmegaConf.load(path))
    if "???" in str(node) or "_target_" not in node or "defaults" in node:
        pytest.skip("it has parts that a run chooses")
    with torch.device("meta"):
        surrogate = build_surrogate(node, StatePrediction(history=2), metadata_with())
    assert surrogate.in_channels == 2 + 1 + 2


@pytest.mark.parametrize("name", ["heat", "heat_dirichlet", "inviscid_burgers", "diffusion_sorption"])
def test_solvers_of_ours_refuse_what_their_equations_do_not_know(name):
    """One problem for each kind of solver: spectral, reflected, finite volumes, method of lines."""
    problem = load_problem(name, small=True)
    conditions = problem.draws("train", range(1)).conditions
    problem.simulator.check(conditions)
    field = torch.ones(1, 1, *conditions.geometry.shape)
    with pytest.raises(ValueError, match="given: the solver of .* knows no constant fields, expected none, got mask"):
        problem.simulator.check(conditions.with_given(field, ["mask"]))
    with pytest.raises(ValueError, match="forcing: the solver of .* knows no forcing beside its own"):
        problem.simulator.check(conditions.with_forcing(field[:, None], torch.zeros(1, 1)))


@pytest.mark.parametrize("name", ["given", "forcing"])
def test_a_recipe_with_damaged_fields_is_refused(name):
    content = Recipe(MODEL, PREDICTION, metadata_with((MASK,), (WIND,)), "flow").to_dict()
    assert Recipe.from_dict(copy.deepcopy(content)).metadata == metadata_with((MASK,), (WIND,))
    content["metadata"][name][0]["rank"] = 9
    with pytest.raises(ArtefactError, match=rf"its recipe is damaged \(metadata.{name}\[0\].rank"):
        Recipe.from_dict(content)


def test_a_dataset_with_other_fields_is_not_judged_on(monkeypatch):
    recipe = Recipe(MODEL, PREDICTION, metadata_with((MASK,), (WIND,)), "flow")
    run = SimpleNamespace(name="run", recipe=recipe)
    for there, lines in [
        (recipe.metadata, ()),
        (metadata_with((Field("porosity"),), (WIND,)), ["constant fields: ['mask'] in training, ['porosity'] in the"]),
        (metadata_with(), ["constant fields: ", "forcing: ['wind'] in training, [] in the dataset"]),
    ]:
        found = SimpleNamespace(metadata=there)
        monkeypatch.setattr("tendency.app.reports.same_test_data.TrajectoryDataset", lambda *_, found=found: found)
        if not lines:
            require_fit(Path("flow"), [run])
            continue
        with pytest.raises(ArtefactError) as caught:
            require_fit(Path("flow"), [run])
        assert all(line in str(caught.value) for line in lines)
