"""Files find their reader; what could be of several formats, of none, or of two in one folder is refused in words."""

import h5py
import numpy as np
import pytest

from tendency.data.metadata import DatasetError
from tendency.data.readers.apebench import ApebenchReader
from tendency.data.readers.arrays import ArrayReader
from tendency.data.readers.lpsda import LpsdaReader
from tendency.data.readers.recognise import recognise
from tendency.data.readers.temporal_pdes import TemporalPdesReader

READERS = {
    "arrays": ArrayReader(),
    "lpsda": LpsdaReader(),
    "temporal_pdes": TemporalPdesReader(),
    "apebench": ApebenchReader(),
}


def hdf5(path, *names):
    """An HDF5 file with empty arrays of these names."""
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = np.zeros((1, 2, 3))


def ks(path):
    hdf5(path, "train/pde_2-3", "train/x", "train/t")


def heat(path):
    hdf5(path, "train/u", "train/x", "train/t")


def refusal(path, readers=READERS):
    with pytest.raises(DatasetError) as error:
        recognise(path, readers)
    assert str(path) in str(error.value)
    return str(error.value)


def test_a_reader_of_one_format_comes_before_one_of_any_arrays(tmp_path):
    ks(tmp_path / "KS_train.h5")
    heat(tmp_path / "Heat.h5")
    hdf5(tmp_path / "own.h5", "u")
    np.save(tmp_path / "1d_adv_train.npy", np.zeros((1, 2, 1, 3)))
    names = {path.name: recognise(path, READERS) for path in tmp_path.iterdir()}
    expected = {"KS_train.h5": "lpsda", "Heat.h5": "temporal_pdes", "own.h5": "arrays", "1d_adv_train.npy": "apebench"}
    assert names == expected


def test_a_folder_of_one_format_and_files_beside_it(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / ".cache").mkdir()
    ks(tmp_path / "train" / "KS_train.h5")
    ks(tmp_path / "KS_valid.h5")
    heat(tmp_path / ".cache" / "Heat.h5")
    (tmp_path / "README.md").write_text("data")
    assert recognise(tmp_path, READERS) == "lpsda"


@pytest.mark.parametrize(("name", "make"), [("Heat.h5", heat), ("cut.h5", None), ("mask.npy", np.save)])
def test_a_folder_that_mixes_formats_is_refused(tmp_path, name, make):
    ks(tmp_path / "KS_train.h5")
    if make is None:
        (tmp_path / name).write_bytes(b"cut")
    elif make is np.save:
        np.save(tmp_path / name, np.zeros(3))
    else:
        make(tmp_path / name)
    message = refusal(tmp_path)
    assert name in message
    assert "KS_train.h5" in message
    assert "data/reader=lpsda" in message


def test_candidates_are_named(tmp_path):
    ks(tmp_path / "KS_train.h5")
    message = refusal(tmp_path / "KS_train.h5", READERS | {"twin": LpsdaReader()})
    assert "data/reader=lpsda or data/reader=twin" in message


def test_what_is_there_is_told_where_nothing_is_recognised(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent")
    assert "found nothing" in refusal(tmp_path)
    (tmp_path / "notes.txt").write_text("data")
    for path in (tmp_path, tmp_path / "notes.txt"):
        assert "end in .h5, .hdf5, found notes.txt" in refusal(path, {"lpsda": LpsdaReader()})
        assert "notes.txt" in refusal(path)
    (tmp_path / "KS_train.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "git lfs pull" in refusal(tmp_path)
    (tmp_path / "KS_train.h5").write_bytes(b"random")
    message = refusal(tmp_path)
    assert "KS_train.h5 is of no known format, or is damaged" in message
    assert "data/reader=lpsda" in message


def test_many_files_are_opened_by_their_own_reader_alone(tmp_path, monkeypatch):
    for number in range(9):
        ks(tmp_path / f"KS_train_{number}.h5")
    asked = []
    for kind in (ArrayReader, LpsdaReader, TemporalPdesReader):
        looks = kind.recognises
        monkeypatch.setattr(kind, "recognises", lambda self, file, looks=looks: asked.append(self) or looks(self, file))
    assert recognise(tmp_path, READERS) == "lpsda"
    assert asked.count(READERS["lpsda"]) <= 9 + 2
    assert asked.count(READERS["temporal_pdes"]) <= 2
    heat(tmp_path / "KS_train_5.h5")
    assert "KS_train_5.h5 is not" in refusal(tmp_path)
