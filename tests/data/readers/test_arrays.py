"""Arrays in every format and every order of their axes are read to equality; what is not said is asked for by name."""

import itertools
import json
import os
import pickle
import sys
import types

import h5py
import numpy as np
import pytest
import xarray

from tendency.data.metadata import DatasetError
from tendency.data.readers.arrays import ArrayReader
from tendency.data.readers.reader import StatedFacts
from tendency.data.readers.stored_array import StoredArray
from tests.support.read_files import ALL, read, refused

READER = ArrayReader()
RANDOM = np.random.default_rng(0)
NAMES = ("trajectory", "time", "channel", "x", "y")
U = RANDOM.normal(size=(3, 4, 2, 5, 6)).astype("f4")
"""States in the order of NAMES."""


def test_every_order_of_axes_becomes_that_of_a_state(tmp_path):
    orders = list(itertools.permutations(range(5)))[::7]
    for order in orders:
        np.save(tmp_path / "u.npy", U.transpose(order))
        axes = tuple(NAMES[place] for place in order)
        ((block, states, _),) = read(READER, tmp_path / "u.npy", StatedFacts(axes=axes)).values()
        assert np.array_equal(states, U), axes
        assert states.dtype == np.float32
        assert (block.num_trajectories, block.num_snapshots, block.shape) == (3, 4, (5, 6))
        assert [field.name for field in block.fields] == ["u_0", "u_1"]


@pytest.mark.parametrize(
    ("axes", "ordered"),
    [
        (("time", "x", "y"), lambda u: u[None, :, None]),
        (("trajectory", "time", "x"), lambda u: u[:, :, None]),
        (("time", "y", "x"), lambda u: u.swapaxes(1, 2)[None, :, None]),
        (("trajectory", "x"), lambda u: u[:, None, None]),
    ],
)
def test_axes_that_are_missing_have_one_entry(tmp_path, axes, ordered):
    u = RANDOM.normal(size=(4, 5, 6)[: len(axes)])
    np.save(tmp_path / "u.npy", u)
    ((block, states, _),) = read(READER, tmp_path / "u.npy", StatedFacts(axes=axes)).values()
    assert block.is_steady == ("time" not in axes)
    assert np.array_equal(states, ordered(u))


def stored(path, arrays):
    """Arrays by their names in the format of a path's suffix: (values, names of axes)."""
    plain = {name: values for name, (values, _) in arrays.items()}
    if path.suffix == ".npz":
        np.savez(path, **plain)
    elif path.suffix == ".hdf5":
        with h5py.File(path, "w") as file:
            for name, values in plain.items():
                file[name] = values
    else:
        dataset = xarray.Dataset({name: (dims, values) for name, (values, dims) in arrays.items()})
        if path.suffix == ".zarr":
            pytest.importorskip("zarr")
            dataset.to_zarr(path, consolidated=False)
        elif path.stem == "classic":
            dataset.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")
        else:
            dataset.to_netcdf(path, engine="h5netcdf")
    return path


EARTH = {
    "u": (U[:, :, 0], ("member", "time", "lon", "lat")),
    "v": (U[:, :, 1], ("member", "time", "lon", "lat")),
    "time": (np.array([0.0, 1.0, 2.5, 3.0]), ("time",)),
    "lon": (np.arange(5) * 0.5, ("lon",)),
    "lat": (np.arange(6)[::-1] * 0.25, ("lat",)),
    "viscosity": (np.array([0.1, 0.2, 0.3]), ("member",)),
    "gravity": (np.array(9.81), ()),
    "orography": (U[0, 0, 0], ("lon", "lat")),
}


@pytest.mark.parametrize("name", ["e.nc", "classic.nc", "e.zarr", "e.npz", "e.hdf5"])
def test_every_format_says_the_same(tmp_path, name):
    path = stored(tmp_path / name, EARTH)
    assert READER.recognises(path)
    stated = StatedFacts(given=("orography",))
    ((block, states, given),) = read(READER, path, stated).values()
    assert np.array_equal(states, U)
    assert np.array_equal(given, np.repeat(U[:1, 0, :1], 3, axis=0))
    assert [field.name for field in (*block.fields, *block.given)] == ["u", "v", "orography"]
    assert block.times.tolist() == [0, 1, 2.5, 3]
    assert np.allclose(block.extent, [2.5, 1.5])
    assert {key: values.tolist() for key, values in block.params.items()} == {
        "viscosity": [0.1, 0.2, 0.3],
        "gravity": [9.81] * 3,
    }
    with READER.open(path, stated) as file:
        assert np.array_equal(file.read(block, slice(1, 3), slice(0, 4, 2)), U[1:3, ::2])
        assert np.array_equal(file.read_given(block, slice(2, 3)), given[2:])


def test_an_axis_of_channels_beside_an_array_without(tmp_path):
    arrays = {"velocity": U, "pressure": U[:, :, 0]}
    np.savez(tmp_path / "flow_test.npz", **arrays)
    stated = StatedFacts(axes=NAMES, arrays=("pressure", "velocity"))
    ((block, states, _),) = read(READER, tmp_path / "flow_test.npz", stated).values()
    assert np.array_equal(states, np.concatenate([U[:, :, :1], U], 2))
    assert [field.name for field in block.fields] == ["pressure", "velocity_0", "velocity_1"]
    assert block.split == "test"


def test_groups_that_are_splits_are_blocks(tmp_path):
    arrays = {f"{split}/u": (U[:rows, :, 0], ()) for split, rows in {"train": 3, "valid": 1, "test": 2}.items()}
    path = stored(tmp_path / "own.hdf5", arrays | {"train/nu": (np.arange(3.0), ())})
    blocks = read(READER, path, StatedFacts(axes=("trajectory", "time", "x", "y")))
    assert {key: block.split for key, (block, _, _) in blocks.items()} == {
        "test": "test",
        "train": "train",
        "valid": "valid",
    }
    assert np.array_equal(blocks["test"][1], U[:2, :, :1])
    assert blocks["train"][0].params["nu"].tolist() == [0, 1, 2]


def test_unequal_distances_are_told_and_the_side_asked_for(tmp_path):
    path = stored(tmp_path / "e.nc", EARTH | {"lon": (np.array([0, 1, 2, 4, 8.0]), ("lon",))})
    ((block, _, _),) = read(READER, path).values()
    assert block.extent is None
    assert "lon" in block.notes[0]


def test_an_array_that_was_not_written_is_refused(tmp_path):
    zarr = pytest.importorskip("zarr")
    stated = StatedFacts(axes=("trajectory", "time", "x", "y"))
    group = zarr.open_group(str(tmp_path / "u.zarr"), mode="w")
    group.create_array("u", data=U[:, :, 0], chunks=(1, 4, 5, 6))
    (tmp_path / "u.zarr" / "u" / "c" / "1" / "0" / "0" / "0").unlink()
    refused(READER, tmp_path / "u.zarr", "u: expected 3 chunks, got 2", stated=stated)
    for name in ("u.hdf5", "u.nc"):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("u", U[:, :, 0].shape, "f4", fillvalue=9.97e36)
        refused(READER, tmp_path / name, "u: expected values, got an array that was never written", stated=stated)
        with h5py.File(tmp_path / name, "w") as file:
            u = file.create_dataset("u", U[:, :, 0].shape, "f4", chunks=(1, 4, 5, 6))
            u[0], u[2] = U[0, :, 0], U[2, :, 0]
        refused(READER, tmp_path / name, "u: expected 3 chunks, got 2; HDF5 would read", stated=stated)


def test_a_description_that_promises_more_than_is_stored_is_refused_at_once(tmp_path):
    zarr = pytest.importorskip("zarr")
    stated = StatedFacts(axes=("trajectory", "time", "x"))
    group = zarr.open_group(str(tmp_path / "u.zarr"), mode="w")
    group.create_array("u", shape=(10**6, 10**6, 16), chunks=(1, 1, 1), dtype="f4")[0, 0, :2] = 1.0
    refused(READER, tmp_path / "u.zarr", f"u: expected {16 * 10**12} chunks, got 2", stated=stated)
    with h5py.File(tmp_path / "u.hdf5", "w") as file:
        file.create_dataset("u", (10**8, 9, 16), "f4", chunks=(1, 9, 16))[0] = 1.0
    refused(READER, tmp_path / "u.hdf5", f"u: expected {10**8} chunks, got 1", stated=stated)


def test_a_zarr_store_is_one_file_of_a_folder(tmp_path):
    for name in ("b.zarr", "a.nc"):
        stored(tmp_path / name, EARTH)
    np.save(tmp_path / "b.zarr" / "inside.npy", U)
    assert [path.name for path in READER.files(tmp_path)] == ["a.nc", "b.zarr"]
    assert READER.files(tmp_path / "b.zarr") == [tmp_path / "b.zarr"]
    assert tmp_path / "b.zarr" / "inside.npy" in READER.parts(tmp_path / "b.zarr")


def test_files_are_counted_by_the_numbers_in_their_names(tmp_path):
    names = ["run_2/data_1.npy", "run_2/data_9.npy", "run_2/data_10.npy", "run_10/data_3.npy"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, U)
    assert [path.relative_to(tmp_path).as_posix() for path in READER.files(tmp_path)] == names


def test_a_folder_says_the_split_where_another_one_is_beside_it(tmp_path):
    stated = StatedFacts(axes=NAMES)
    for name, beside in {"own/test/u.npy": (), "set/test/u.npy": ("train",)}.items():
        for folder in ("test", *beside):
            (tmp_path / name).parent.with_name(folder).mkdir(parents=True)
        np.save(tmp_path / name, U)
        ((block, _, _),) = read(READER, tmp_path / name, stated).values()
        assert block.split == ("test" if beside else None)


@pytest.mark.parametrize("name", ["u.npz", "u.hdf5", "u.zarr"])
def test_values_that_do_not_fit_into_memory_are_not_called_damaged(tmp_path, name, monkeypatch):
    path, stated = stored(tmp_path / name, {"u": (U, NAMES)}), StatedFacts(axes=NAMES)

    def none_left(*arguments, **options):
        raise MemoryError

    with READER.open(path, stated) as file:
        (block,) = file.blocks()
        monkeypatch.setattr(*((np, "load") if name == "u.npz" else (StoredArray, "part")), none_left)
        with pytest.raises(DatasetError, match=f"{name} does not fit into memory: so much of u") as refusal:
            file.read(block, slice(0, 1), slice(0, 1))
    assert "damaged" not in str(refusal.value)


def test_axes_that_are_not_said_are_asked_for(tmp_path):
    np.save(tmp_path / "u.npy", U)
    refused(READER, tmp_path / "u.npy", "does not say what the axes of u are: it holds u (3, 4, 2, 5, 6) float32",
            "data/reader=arrays 'data.axes=[trajectory,time,channel,x,y]' data.dt=0.01 'data.extent=[1.0,1.0]' "
            "data.boundary=periodic")  # fmt: skip
    for shape, axes in {(40, 21, 1, 64): "channel,x", (40, 21, 64, 3): "x,channel", (4, 5, 6, 7): "x,y"}.items():
        np.savez(tmp_path / "mine.npz", u=np.zeros(shape, "f4"))
        refused(READER, tmp_path / "mine.npz", f"'data.axes=[trajectory,time,{axes}]'")
    np.savez(tmp_path / "timed.npz", u=U, t=np.arange(4.0))
    refused(READER, tmp_path / "timed.npz", "'data.axes=[trajectory,time,channel,x,y]' 'data.extent=[1.0,1.0]'")
    np.savez(tmp_path / "u.npz", u=U[:, :, 0], v=U[:, :, 0, :4])
    stated = StatedFacts(axes=("trajectory", "time", "x", "y"))
    refused(READER, tmp_path / "u.npz", "u (3, 4, 5, 6)", "v (3, 4, 4, 6)", "'data.arrays=[u]'", stated=stated)
    stored(tmp_path / "e.nc", {"u": (U[0, 0], ("a", "b", "x"))})
    refused(READER, tmp_path / "e.nc", "u (a: 2, b: 5, x: 6)", "data.axes=")


@pytest.mark.parametrize(
    ("arrays", "stated", "words"),
    [
        ({"u": U}, {"axes": ("time", "x")}, ("expected an array of real numbers with 2 axes", "u (3, 4, 2, 5, 6)")),
        ({"u": U}, {"axes": ("time", "x"), "arrays": ("u",)}, ("u: expected 2 axes (time, x)",)),
        ({"u": U}, {"axes": ("time", "width", "x")}, ("data.axes", "time, width, x")),
        ({"u": U}, {"axes": NAMES, "arrays": ("w",)}, ("expected an array w", "u (3, 4, 2, 5, 6)")),
        ({"u": U, "m": U[0, 0, 0, 1:]}, {"axes": NAMES, "given": ("m",)}, ("data.given: m", "(4, 6)")),
        ({"u": U * 1j}, {"axes": NAMES}, ("u: expected an array of real numbers", "complex64")),
        ({"u": U.astype("S4")}, {"axes": NAMES, "arrays": ("u",)}, ("u: expected an array of real numbers", "|S4")),
        ({"u": U[:0]}, {"axes": NAMES}, ("u: expected entries along each axis", "(0, 4, 2, 5, 6)")),
        ({"u": U, "v": U[1:]}, {"axes": NAMES, "arrays": ("u", "v")}, ("v: expected 3 entries along trajectory",)),
        ({"u": U, "t": np.array([0.0, 2, 1, 3])}, {"axes": NAMES}, ("t: expected times that increase", "2 and then 1")),
        ({"u": U, "t": np.array([0.0, np.nan, 1, 3])}, {"axes": NAMES}, ("t: expected finite numbers",)),
        ({"u": U, "t": np.arange(9.0)}, {"axes": NAMES}, ("t: expected 4 times", "(9,)")),
        ({"u": U, "x": np.arange(7.0), "y": np.arange(6.0)}, {"axes": NAMES}, ("x: expected 5 coordinates",)),
        ({"u": U, "x": np.full(5, np.inf), "y": np.arange(6.0)}, {"axes": NAMES}, ("x: expected finite",)),
    ],
)  # fmt: skip
def test_wrong_arrays_are_named(tmp_path, arrays, stated, words):
    np.savez(tmp_path / "wrong.npz", **arrays)
    refused(READER, tmp_path / "wrong.npz", *words, stated=StatedFacts(**stated))


def test_a_parameter_that_is_nowhere_finite_is_told(tmp_path):
    np.savez(tmp_path / "u.npz", u=U, nu=np.full(3, np.nan), mu=np.arange(3), drag=np.array([1.0, np.nan, 2.0]))
    ((block, _, _),) = read(READER, tmp_path / "u.npz", StatedFacts(axes=NAMES)).values()
    assert [*block.params] == ["mu", "drag"]
    assert "nu is nowhere finite" in block.notes[0]


def test_values_outside_the_file_and_pickled_ones_are_refused(tmp_path):
    with h5py.File(tmp_path / "out.hdf5", "w") as file:
        file.create_dataset("u", (3, 4), "f8", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
    (tmp_path / "out.nc").write_bytes((tmp_path / "out.hdf5").read_bytes())
    stated = StatedFacts(axes=("time", "x"))
    for name in ("out.hdf5", "out.nc"):
        refused(READER, tmp_path / name, "another file", stated=stated)
    np.save(tmp_path / "u.npy", np.array([[{}, {}]], dtype=object), allow_pickle=True)
    refused(READER, tmp_path / "u.npy", "real numbers", stated=stated)


class Hostile:
    """What a pickle runs when it is read."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(("kind", "place"), [("<f8", "compressor"), ("|O", "filters")])
def test_a_zarr_store_with_pickled_chunks_is_refused_and_runs_nothing(tmp_path, monkeypatch, kind, place):
    zarr = pytest.importorskip("zarr")
    monkeypatch.chdir(tmp_path)
    zarr.create_array(str(tmp_path / "u.zarr"), shape=(3, 4), dtype="f8", zarr_format=2)
    path = tmp_path / "u.zarr" / ".zarray"
    pickled = {"compressor": {"id": "pickle"}, "filters": [{"id": "pickle"}]}[place]
    said = json.loads(path.read_text()) | {"dtype": kind, "compressor": None, place: pickled}
    path.write_text(json.dumps(said | ({"fill_value": 0} if kind == "|O" else {})))
    (tmp_path / "u.zarr" / "0.0").write_bytes(pickle.dumps(Hostile()))
    refused(READER, tmp_path / "u.zarr", "compressed by pickle", stated=StatedFacts(axes=("time", "x")))
    assert not (tmp_path / "ran").exists()


def test_without_zarr_one_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "u.zarr").mkdir()
    (tmp_path / "u.zarr" / "zarr.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "zarr", None)
    refused(READER, tmp_path / "u.zarr", "pip install zarr")
    monkeypatch.setitem(sys.modules, "zarr", types.SimpleNamespace(__version__="2.18.3"))
    refused(READER, tmp_path / "u.zarr", "needs zarr 3", "2.18.3", "pip install 'zarr>=3'")


def test_only_what_is_asked_for_is_read(tmp_path):
    """A chunk that is damaged does not matter to who reads another."""
    path = tmp_path / "u.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("u", data=U[:, :, 0], chunks=(1, 4, 5, 6), fletcher32=True)
    content = path.read_bytes()
    place = content.index(U[2, :, 0].tobytes()[:32])
    path.write_bytes(content[:place] + b"\0" * 16 + content[place + 16 :])
    with READER.open(path, StatedFacts(axes=("trajectory", "time", "x", "y"))) as file:
        (block,) = file.blocks()
        assert np.array_equal(file.read(block, slice(0, 2), ALL), U[:2, :, :1])
        with pytest.raises(ValueError, match="values of u cannot be read"):
            file.read(block, slice(2, 3), ALL)


def test_consolidated_descriptions_are_not_believed(tmp_path):
    """A copy of a description may say another compressor than the one that was looked at."""
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "u.zarr"
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("u", data=U[:, :, 0], compressors=None)
    zarr.consolidate_metadata(str(path))
    said = json.loads((path / ".zmetadata").read_text())
    said["metadata"]["u/.zarray"]["filters"] = [{"id": "pickle", "protocol": 5}]
    (path / ".zmetadata").write_text(json.dumps(said))
    ((_, states, _),) = read(READER, path, StatedFacts(axes=("trajectory", "time", "x", "y"))).values()
    assert np.array_equal(states[:, :, 0], U[:, :, 0])
