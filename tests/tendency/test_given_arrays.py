"""Arrays of every kind, layout and number type: what the plain array gives, or a sentence that names the argument."""

import fractions
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from tendency.app.runs.recipe import Recipe
from tendency.data.metadata import TrajectoryMetadata
from tendency.export_surrogate import Step
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid, chebyshev_nodes
from tendency.surrogates.interface import Interface
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.surrogates.surrogate import Surrogate
from tendency.trained_surrogate import TrainedSurrogate

ROWS, TIMES, EXTENT = 3, [0.1, 0.3], [2.0, 1.0]
RATE = {"rate": 0.5}
GRID = Grid([4, 4], Boundary.periodic(2))


class Tilted(Surrogate):
    """Differs from point to point, along the two axes and from channel to channel."""

    def __init__(self, interface):
        super().__init__(interface)
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 3.0]))

    def forward(self, u, c, x):
        place = (x[:, :1] + 2 * x[:, 1:]).to(u.dtype)
        seen = u.unflatten(1, (-1, 2)).sum(1)
        return seen * place * self.weight[:, None, None] + c[:, 0, None, None, None]


def surrogate_of(history=1):
    prediction = IncrementPrediction(history=history)
    stepper = SurrogateStepper(
        Tilted(Interface(2 * history, 2, 1, GRID.boundary)), prediction, Normalizer.empty(2, 2, 1)
    )
    metadata = TrajectoryMetadata("two", "two", 1, (Field("height"), Field("wind")), ("rate",), (), GRID, 9, 0.1)
    recipe = Recipe(model={}, prediction={}, metadata=metadata, dataset="two")
    return TrainedSurrogate(stepper.having_learned(recipe.learned).eval(), recipe)


@pytest.fixture(scope="module")
def surrogate():
    return surrogate_of()


@pytest.fixture(scope="module")
def roll(surrogate):
    def rolled(u, times=TIMES, **changed):
        return surrogate.rollout(u, times, **{"params": RATE, "extent": EXTENT} | changed)

    return rolled


PLAIN = np.random.default_rng(0).integers(-8, 8, (ROWS, 1, 2, 4, 4)).astype(np.float64) / 4
GIVEN = {"real": PLAIN, "whole": np.abs(PLAIN * 4)}


@pytest.fixture(scope="module")
def plain(roll):
    """What plain arrays in double precision give."""
    return {name: roll(values) for name, values in GIVEN.items()}


class Jaxlike:
    """An array of another library: numpy is all that it can be turned into."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


KINDS = {
    "numpy": lambda values: values,
    "tensor": lambda values: torch.from_numpy(np.array(values, order="C")),
    "lists": lambda values: values.tolist(),
    "list of arrays": list,
    "list of tensors": lambda values: [torch.from_numpy(np.array(row)) for row in values],
    "DataArray": lambda values: xr.DataArray(values, dims=["trajectory", "snapshot", "channel", "x", "y"]),
    "masked without masks": np.ma.masked_array,
    "like jax's": Jaxlike,
}
LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "negative strides": lambda values: np.ascontiguousarray(values[::-1, :, ::-1, ::-1, ::-1])[
        ::-1, :, ::-1, ::-1, ::-1
    ],
    "read-only": read_only,
    "not contiguous": lambda values: np.repeat(values, 2, axis=-1)[..., ::2],
    "axes moved": lambda values: np.moveaxis(np.ascontiguousarray(np.moveaxis(values, 2, -1)), -1, 2),
}
NUMBERS = ["<f4", "<f8", "<f2", ">f4", ">f8", ">i4", "i8", "u2", np.longdouble]
REFUSED = {"bool": "bool", "complex64": "complex64", "complex128": "complex128", "object": "object", "U8": "<U8"}


def table(layouts, numbers):
    return [(layout, number) for layout in layouts for number in numbers]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "combinations",
    [
        [*table(LAYOUTS, ["<f4"]), *table(["negative strides"], NUMBERS)],
        pytest.param(table(LAYOUTS, NUMBERS), marks=pytest.mark.slow),
    ],
    ids=["some", "all"],
)
@pytest.mark.filterwarnings("error")
def test_every_kind_layout_and_number_type_is_what_the_plain_array_is(kind, combinations, roll, plain):
    tensors = kind in ("tensor", "list of tensors")
    for layout, number in combinations:
        name = "whole" if np.dtype(number).kind in "iu" else "real"
        if tensors and number in (">f4", ">f8", ">i4", "u2", np.longdouble):
            continue  # torch has no such tensors
        u = LAYOUTS[layout](GIVEN[name].astype(number))
        before = np.array(u)
        found = roll(KINDS[kind](u))
        assert np.array_equal(before, u)
        assert np.allclose(np.asarray(found, dtype=np.float64), plain[name], rtol=2e-3, atol=1e-3), (layout, number)
        if kind == "numpy":
            short = np.dtype(number).newbyteorder("=")
            assert found.dtype == (np.float32 if short in (np.float16, np.float32) else np.float64)
    assert isinstance(found, {"tensor": torch.Tensor, "DataArray": xr.DataArray}.get(kind, np.ndarray))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_real_number_is_refused(kind, roll):
    for number, name in REFUSED.items():
        if (number in ("object", "U8") and kind in ("tensor", "list of tensors")) or (kind, number) == (
            "lists",
            "object",
        ):
            continue  # torch has no such tensors; lists of objects are lists of numbers
        with pytest.raises(ValueError, match=r"^u: expected real numbers, got .*" + ("" if kind == "lists" else name)):
            roll(KINDS[kind](PLAIN.astype(number)))
    for value in (np.nan, np.inf, 1e300):
        u = PLAIN.copy()
        u[1, 0, 1, 2, 3] = value
        with pytest.raises(
            ValueError, match=r"^u: expected values that are finite in float32, got 1 of 96 .*\[1, 0, 1, 2, 3\]"
        ):
            roll(KINDS[kind](u))


class Absent:
    """No array at all."""


@pytest.mark.parametrize(
    "nothing", [None, "text", b"bytes", {}, {1.0}, Absent(), 1j, True, [None], [[1.0], [1.0, 2.0]]]
)
def test_what_is_no_array_is_refused(nothing, roll):
    with pytest.raises(ValueError, match="^u: expected (real|an array of) numbers, got"):
        roll(nothing)
    with pytest.raises(ValueError, match="^times: expected (real|an array of) numbers, got"):
        roll(PLAIN, nothing)
    with pytest.raises(ValueError, match="^t: expected (real|an array of) numbers, got"):
        roll(PLAIN, t=nothing)
    with pytest.raises(ValueError, match=r"^params\['rate'\]: expected (real|an array of) numbers, got"):
        roll(PLAIN, params={"rate": nothing})
    with pytest.raises(ValueError, match=r"^extent\[1\]: expected (real|an array of) numbers, got"):
        roll(PLAIN, extent=[1.0, nothing])


def test_masked_values_are_refused_wherever_they_stand(roll):
    masked = np.ma.masked_array(PLAIN, mask=PLAIN > 1.5)
    count = int(masked.mask.sum())
    with pytest.raises(ValueError, match=rf"u: expected a value everywhere, got a masked array with {count} of 96 "):
        roll(masked)
    with pytest.raises(ValueError, match="u: expected a value everywhere, got a masked array"):
        roll(list(masked))
    with pytest.raises(ValueError, match=r"params\['rate'\]: expected a value everywhere"):
        roll(PLAIN, params={"rate": np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])})
    with pytest.raises(ValueError, match=r"params\['rate'\]: expected"):
        roll(PLAIN, params={"rate": np.ma.masked})


@pytest.mark.parametrize("shape", [(0, 1, 2, 4, 4), (3, 0, 2, 4, 4), (3, 1, 2, 4, 0), (3, 2, 4, 4), (2, 4), (), (0,)])
def test_other_shapes_are_refused(shape, roll):
    with pytest.raises(ValueError, match=r"u: expected shape \(B, 1, 2, 4, 4\), got \("):
        roll(np.zeros(shape))


def test_a_missing_axis_of_snapshots_is_named(roll):
    with pytest.raises(ValueError, match=r"got \(3, 2, 4, 4\); u\[:, None\] adds the axis of snapshots$"):
        roll(PLAIN[:, 0])
    with pytest.raises(ValueError, match=r"got \(3, 2, 2, 4, 4\)$"):
        roll(np.concatenate([PLAIN, PLAIN], 1))
    assert np.array_equal(roll(PLAIN[1, 0]), roll(PLAIN[1]))
    assert np.allclose(roll(PLAIN[1]), roll(PLAIN)[1])


def test_dimensions_and_channels_are_known_by_their_names(roll):
    names = ["trajectory", "channel", "x", "y"]
    expected = roll(PLAIN)
    array = xr.DataArray(PLAIN[:, 0], dims=names, coords={"channel": ["height", "wind"], "trajectory": [3, 5, 8]})
    for order in (names, names[::-1], ["y", "trajectory", "x", "channel"]):
        found = roll(array.transpose(*order))
        assert found.dims == ("trajectory", "snapshot", *names[1:])
        assert found.trajectory.values.tolist() == [3, 5, 8]
        assert found.time.values.tolist() == TIMES
        assert np.array_equal(found.values, expected)
    swapped = roll(array.sel(channel=["wind", "height"]))
    assert np.array_equal(swapped.sel(channel=["height", "wind"]).values, expected)
    assert roll(array[0]).dims == ("snapshot", "channel", "x", "y")
    for other in ({"x": "lat", "y": "lon"}, {"y": "z"}, {"channel": "variable"}, {"trajectory": "time"}):
        with pytest.raises(ValueError, match=r"u: expected the dimensions channel and x, y of space.*u.rename"):
            roll(array.rename(other))
    with pytest.raises(ValueError, match=r"u: expected the channels \['height', 'wind'\], got \['height', 'u'\]"):
        roll(array.assign_coords(channel=["height", "u"]))
    downwards = array.assign_coords(y=[3.0, 2.0, 1.0, 0.0])
    with pytest.raises(ValueError, match=r"u: expected coordinates of y that increase.*u.sortby\('y'\)"):
        roll(downwards)
    assert np.array_equal(roll(downwards[..., ::-1]).values, roll(PLAIN[..., ::-1]))
    with pytest.raises(ValueError, match=r"u: expected a DataArray, got a Dataset of \['height', 'wind'\]"):
        roll(array.to_dataset("channel"))


PARAMS = [
    ({"rate": np.nan}, r"params\['rate'\]: expected values that are finite"),
    ({"rate": [1.0, np.inf, 1.0]}, r"params\['rate'\]: .* got 1 of 3 that are not, the first at \[1\]"),
    ({"rate": [1.0, 2.0]}, r"params\['rate'\]: expected one number or 3, got shape \(2,\)"),
    ({"rate": np.ones((3, 1))}, r"params\['rate'\]: expected one number or 3, got shape \(3, 1\)"),
    ({"rate": np.ones(0)}, r"params\['rate'\]: expected one number or 3, got shape \(0,\)"),
    ({"rtae": 1.0}, r"params: expected \['rate'\], got \['rtae'\]; did you mean 'rate'\?"),
    ({1: 1.0}, r"params: expected \['rate'\], got \[1\]"),
    ({}, r"params: expected a value of rate, got none; pass params=\{'rate': ...\}"),
    (None, r"params: expected a value of rate, got none; pass params="),
    ([1.0], r"params: expected values by name, params=\{'rate': ...\}, got \[1.0\]"),
    (0.5, "params: expected values by name"),
]
OTHERS = [
    ({"extent": [1.0]}, r"extent: expected a list of 2 side lengths, got \[1.0\]"),
    ({"extent": 1.0}, "extent: expected a list of 2 side lengths, got 1.0"),
    ({"extent": "ab"}, "extent: expected a list of 2 side lengths, got 'ab'"),
    ({"extent": None}, "extent: expected a list of 2 side lengths, got None; they differed in the training data"),
    ({"extent": [1.0, 0.0]}, r"extent\[1\]: expected positive side lengths, got 0"),
    ({"extent": [-1.0, 1.0]}, r"extent\[0\]: expected positive side lengths, got -1"),
    ({"extent": [1.0, 1e-300]}, r"extent\[1\]: expected positive side lengths, got 1e-300"),
    ({"extent": [1e300, 1.0]}, r"extent\[0\]: expected values that are finite in float32"),
    ({"params": {"rate": 1e300}}, r"params\['rate'\]: expected values that are finite in float32"),
    ({"extent": [1.0, [1.0, np.nan, 1.0]]}, r"extent\[1\]: expected values that are finite"),
    ({"times": [0.1, np.nan]}, "times: expected finite times that increase from t = 0, got nan after 0.1"),
    ({"times": [np.inf]}, "times: expected finite times"),
    ({"times": 0.1}, r"times: expected a list of times, got shape \(\)"),
    ({"times": [[0.1]]}, r"times: expected a list of times, got shape \(1, 1\)"),
    ({"times": [0.1, 0.35]}, "times: IncrementPrediction answers in the steps that it learned, dt = 0.1"),
    ({"t": 0.2}, "times: expected finite times that increase from t = 0.2, got 0.1 after 0.2"),
    ({"t": np.nan}, "t: expected values that are finite"),
    ({"t": [0.0, 0.1]}, r"t: expected one number, got shape \(2,\)"),
    ({"seed": 1.5}, r"seed: expected a whole number from 0 to 2\*\*62, got 1.5"),
    ({"seed": -1}, "seed: expected a whole number"),
    ({"seed": 2**63}, "seed: expected a whole number"),
    ({"seed": None}, "seed: expected a whole number"),
    ({"geometry": [8, 8]}, r"geometry: expected a Grid or a PointCloud, got \[8, 8\]"),
    ({"geometry": Grid([4], Boundary.periodic(1))}, "geometry: expected the boundary of the training data"),
    ({"geometry": chebyshev_nodes(4, Boundary([["open", "open"]]))}, "geometry: expected the boundary"),
]


@pytest.mark.parametrize(("change", "message"), [*(({"params": given}, message) for given, message in PARAMS), *OTHERS])
def test_each_argument_is_named_with_what_was_expected(change, message, roll):
    with pytest.raises(ValueError, match=f"^{message}"):
        roll(PLAIN, **change)


def test_another_resolution_is_asked_for_by_its_geometry(roll):
    fine = np.repeat(np.repeat(PLAIN, 2, -1), 2, -2)
    with pytest.raises(ValueError, match=r"got \(3, 1, 2, 8, 8\); for another resolution pass geometry="):
        roll(fine)
    assert roll(fine, geometry=Grid([8, 8], GRID.boundary)).shape == (ROWS, 2, 2, 8, 8)


def test_one_step_is_taken_only_as_long_as_it_was_learned(surrogate):
    u, zero = torch.from_numpy(PLAIN).float(), torch.zeros(ROWS, dtype=torch.float64)
    conditions = Conditions.from_values(GRID, EXTENT, RATE, {}, ROWS)
    memory = surrogate.start(u, zero[:, None], conditions, torch.arange(ROWS))
    stepped, _ = surrogate.advance(u[:, 0], zero, zero + 0.1, conditions, memory)
    assert torch.equal(stepped, surrogate.predict(u, zero[:, None], [0.1], conditions)[:, 0])
    with pytest.raises(ValueError, match="dt: expected one learned step, dt = 0.1, got 0.2; see rollout"):
        surrogate.advance(u[:, 0], zero, zero + 0.2, conditions, memory)
    with pytest.raises(ValueError, match="times: IncrementPrediction answers in the steps that it learned"):
        surrogate.advance(u[:, 0], zero, zero + 0.25, conditions, memory)
    with pytest.raises(ValueError, match="u: expected values that are finite in float32, got 96 of 96"):
        surrogate.predict(u * torch.nan, zero[:, None], [0.1], conditions)
    with pytest.raises(ValueError, match="conditions.extent: expected positive side lengths, got -2"):
        surrogate.predict(u, zero[:, None], [0.1], replace(conditions, extent=-conditions.extent))


def test_a_history_is_rolled_out():
    surrogate = surrogate_of(history=2)
    u = np.concatenate([PLAIN, PLAIN + 0.25], 1).astype("f4")
    arguments = {"params": RATE, "extent": EXTENT}
    found = surrogate.rollout(u, TIMES, **arguments)
    named = xr.DataArray(u, dims=["trajectory", "snapshot", "channel", "x", "y"])
    assert np.array_equal(surrogate.rollout(named.transpose("y", "snapshot", ...), TIMES, **arguments).values, found)
    with pytest.raises(ValueError, match=r"u: expected shape \(B, 2, 2, 4, 4\), got \(3, 1, 2, 4, 4\)"):
        surrogate.rollout(u[:, 1:], TIMES, **arguments)


@pytest.mark.slow
def test_a_step_with_a_history_is_a_program():
    surrogate = surrogate_of(history=2)
    u = np.concatenate([PLAIN, PLAIN + 0.25], 1).astype("f4")
    found = surrogate.rollout(u, TIMES, params=RATE, extent=EXTENT)
    columns = Conditions.from_values(GRID, EXTENT, RATE, {}, ROWS)
    zero = torch.zeros(ROWS, dtype=torch.float64)
    inputs = (torch.from_numpy(u), zero, zero + 0.1, columns.params, columns.extent)
    program = torch.export.export(Step(surrogate.stepper, GRID), inputs).module()
    assert np.allclose(program(*inputs).detach(), found[:, 0], rtol=1e-5)


def test_parameters_and_times_are_held_as_arrays_of_any_kind(roll):
    each = np.array([0.25, 0.5, 1.0])
    expected = roll(PLAIN, params={"rate": each})
    for values in (each[::-1].copy()[::-1], each.astype(">f8"), torch.from_numpy(each), each.tolist(), pd.Series(each)):
        assert np.array_equal(roll(PLAIN, params={"rate": values}), expected)
    times = np.array(TIMES)
    expected = roll(PLAIN)
    for values in (tuple(TIMES), times.astype("f4"), times.astype(">f8"), times[::-1][::-1], xr.DataArray(times)):
        assert np.allclose(roll(PLAIN, values), expected, rtol=1e-6)
    assert np.array_equal(roll(PLAIN, extent=np.array(EXTENT)), expected)
    assert np.array_equal(roll(PLAIN, extent=[np.full(3, 2.0), 1]), expected)
    assert np.array_equal(roll(PLAIN, params={"rate": fractions.Fraction(1, 2).__float__()}), expected)
    assert roll(PLAIN, []).shape == (ROWS, 0, 2, 4, 4)
    assert roll(torch.from_numpy(PLAIN).requires_grad_()).requires_grad is False


@pytest.mark.parametrize("device", ["nope", "", None, 1.5, [], "cuda:99"])
def test_a_device_that_is_not_there_is_refused_by_name(surrogate, device):
    with pytest.raises(ValueError, match="device: expected one that this machine has, such as 'cpu', got "):
        surrogate.to(device)
    assert surrogate.to("cpu").device.type == "cpu"
