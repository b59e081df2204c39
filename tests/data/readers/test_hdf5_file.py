"""An HDF5 file that points elsewhere, of which nothing outside is read, or that no library can make sense of."""

import h5py
import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.hdf5_file import MOST_ARRAYS, Hdf5File


@pytest.fixture
def file(tmp_path):
    """A file with links of all kinds, and arrays whose values lie elsewhere."""
    with h5py.File(tmp_path / "secret.hdf5", "w") as secret:
        secret["group/x"] = np.arange(3.0)
    (tmp_path / "values.bin").write_bytes(bytes(24))
    with h5py.File(tmp_path / "file.hdf5", "w") as file:
        file["own/x"] = np.arange(3.0)
        file["soft"] = h5py.SoftLink("/own")
        file["broken"] = h5py.SoftLink("/nothing")
        file["round"] = h5py.SoftLink("/round")
        file["elsewhere"] = h5py.ExternalLink("secret.hdf5", "/group")
        file["through"] = h5py.SoftLink("/elsewhere/x")
        file.create_dataset("raw", (3,), "f8", external=[(str(tmp_path / "values.bin"), 0, 24)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.hdf5"), "group/x", (3,))
        file.create_virtual_dataset("virtual", layout)
    with_links = Hdf5File(tmp_path / "file.hdf5")
    yield with_links
    with_links.close()


@pytest.mark.parametrize("name", ["own/x", "/own/x", "soft/x"])
def test_what_lies_in_the_file_is_read(file, name):
    assert file.values(name, slice(1, None)).tolist() == [1, 2]


@pytest.mark.parametrize("name", ["elsewhere", "elsewhere/x", "through", "broken", "round", "own/x/y", ""])
def test_what_does_not_is_not_there(file, name):
    assert not file.has(name)
    with pytest.raises(DatasetError, match="holds no array"):
        file.array(name)


@pytest.mark.parametrize("name", ["raw", "virtual"])
def test_values_that_lie_elsewhere_are_refused(file, name):
    with pytest.raises(DatasetError, match=f"is refused: the values of {name} lie in another file"):
        file.values(name)


def test_few_arrays_stay_open(tmp_path):
    with h5py.File(tmp_path / "many.hdf5", "w") as many:
        for number in range(MOST_ARRAYS + 5):
            many[f"x{number}"] = np.full(2, number)
    file = Hdf5File(tmp_path / "many.hdf5")
    assert [file.values(f"x{number}")[0] for number in range(MOST_ARRAYS + 5)] == list(range(MOST_ARRAYS + 5))
    assert len(file.arrays) == MOST_ARRAYS
    file.close()


def test_numbers_that_no_processor_has_are_refused(tmp_path):
    """A flipped bit in the description of a number leaves one that numpy has no type for."""
    strange = h5py.h5t.IEEE_F64LE.copy()
    strange.set_ebias(2**30)
    with h5py.File(tmp_path / "file.hdf5", "w") as file:
        h5py.h5d.create(file.id, b"x", strange, h5py.h5s.create_simple((3,)))
    file = Hdf5File(tmp_path / "file.hdf5")
    with pytest.raises(DatasetError, match="is damaged: HDF5 cannot read x"):
        file.array("x")
    file.close()


def test_names_that_are_no_text_are_listed(tmp_path):
    with h5py.File(tmp_path / "file.hdf5", "w") as file:
        h5py.h5g.create(file.id, b"\xff")
        file["x"] = np.zeros(3)
    file = Hdf5File(tmp_path / "file.hdf5")
    assert file.names() == ["b'\\xff'", "x"]
    with pytest.raises(DatasetError, match="holds no array 'u': it has b'.xff', x"):
        file.array("u")
    file.close()


def test_values_that_were_never_written_are_refused_whatever_the_format(tmp_path):
    """A small file can declare an array of any size, and HDF5 reads zeros in place of what is not there."""
    with h5py.File(tmp_path / "file.hdf5", "w") as file:
        file.create_dataset("x", (2**45,), "f8", chunks=(1024,))
        file.create_dataset("y", (2**45,), "f8", chunks=(1024,))[:2] = 1.0
        file.create_dataset("z", (1000,), "f8", chunks=(300,))[:] = 1.0
    file = Hdf5File(tmp_path / "file.hdf5")
    with pytest.raises(DatasetError, match="x: expected values, got an array that was never written"):
        file.values("x")
    with pytest.raises(DatasetError, match=f"y: expected {2**35} chunks, got 1; HDF5 would read .* as 0.0"):
        file.array("y")
    assert (file.values("z") == 1).all()
    file.close()
