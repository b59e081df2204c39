"""Published files that are damaged or wrong are refused in one sentence that says where and what."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tendency.app.problems.known_formats import recognised_reader
from tendency.data.file_facts import StatedValues, gather_facts, require_one_kind, unsaid
from tendency.data.index_files import DataFiles
from tendency.data.readers.known_readers import reader_named
from tendency.data.readers.reader import StatedFacts
from tests.support.published.published import all_damages

DAMAGES = all_damages()
SPACE = ("x", "y")
NPZ = StatedFacts(axes=("trajectory", "time", *SPACE, "channel"), arrays=("u",))


@dataclass(frozen=True)
class Case:
    """How a damage is asked for and answered, where that is not by the damage's own words without a setting.

    Args:
        stated: by the user.
        reader: that the user names.
        only: blocks that the user takes.
        words: that take the place of the damage's own, where the format has other words for it.
        note: whether the files are read, and a note has the words.
        read: why the files are read all the same.
    """

    stated: StatedFacts = field(default_factory=StatedFacts)
    reader: str | None = None
    only: str | None = None
    words: tuple[str, ...] | None = None
    note: bool = False
    read: str = ""


def arrays(*axes: str, **settings) -> Case:
    return Case(StatedFacts(axes=axes or None), **settings)


CASES = {
    "cfdbench_nan": Case(words=("case0001", "velocity")),  # the field's name; it lies in u.npy and v.npy
    "dpot_missing_data": arrays(*SPACE, "time", "channel"),
    "dpot_missing_number": arrays(*SPACE, "time", "channel", read="nothing says how many files there should be"),
    "dpot_nan": arrays("trajectory", *SPACE, "time", "channel"),
    "dpot_second_file_of_other_shape": arrays(*SPACE, "time", "channel"),
    "lpsda_nan": Case(words=("KS_train_4.h5", "train/pde_6-16")),
    "message_passing_missing_attributes": Case(words=("CE_train_E2.h5", "pde_6-16", "tmin")),
    "message_passing_nan": Case(only="*/pde_6-16"),
    "pdebench_group_nan": Case(words=("1D_diff-sorp_NA_NA.h5", "trajectory 1 of 0000-000")),
    "pdebench_missing_tensor": Case(reader="pdebench.PDEBench"),
    "plain_complex": arrays("trajectory", "time", "x"),
    "plain_coordinates_exchanged": Case(NPZ),
    "plain_hdf5_field_of_other_shape": Case(StatedFacts(arrays=("run/fields/velocity", "run/fields/pressure"))),
    "plain_hdf5_missing_field": Case(StatedFacts(arrays=("run/fields/pressure",))),
    "plain_infinite": arrays("trajectory", "time", "x"),
    "plain_missing_array": Case(NPZ),
    "plain_objects": arrays("trajectory", "time"),
    "plain_parameter_of_other_length": Case(NPZ, words=("viscosity", "3", "4"), note=True),
    "plain_test_of_other_shape": arrays("trajectory", "time", "channel", *SPACE),
    "plain_text": arrays("trajectory", "time", "x"),
    "plain_times_backwards": Case(NPZ),
    "plain_times_of_other_length": Case(NPZ),
    "plain_without_time": Case(
        StatedFacts(axes=("trajectory", "time", "x"), arrays=("u",)), words=("solutions.npy", "3 axes", "(4, 16)")
    ),
    "plain_without_trajectories": arrays("trajectory", "time", "x"),
    "poseidon_missing_solution": Case(reader="poseidon.Poseidon"),
    "temporal_turned_axes": Case(words=("Advection_4.h5", "train/x", "6", "16")),
}  # fmt: skip
QUICK = ("apebench_without_channels", "lpsda_failed_solution", "pdearena_wrong_group", "pdebench_nan", "plain_objects",
         "poseidon_never_written", "well_number_of_trajectories")  # fmt: skip


def notes_of(path: Path, case: Case) -> list[str]:
    """Indexes files as ``data=files`` does, and reads every trajectory; the notes of the readers."""
    reader = reader_named(f"tendency.data.readers.{case.reader}") if case.reader else recognised_reader(path)
    data_files = DataFiles(path, reader, case.stated)
    files = data_files.index(case.only, lambda done, count: None)
    num_snapshots = require_one_kind(files, None)
    blocks = [block for file in files for block in file.blocks]
    numbers = np.arange(sum(block.num_trajectories for block in blocks))
    stated = StatedValues()
    if unsaid(files, stated):
        stated = StatedValues(dt=0.1, extent=(1.0,) * blocks[0].spatial_dims, boundary="open")
    gather_facts("published", files, numbers, stated, num_snapshots)
    for file in range(len(files)):
        data_files.sample(files, file, numbers, num_snapshots)
        for number in numbers[1:-1]:  # what the training reads later
            data_files.sample(files, file, numbers[number : number + 1], num_snapshots)
    return [note for block in blocks for note in block.notes]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name[7:] in QUICK else pytest.mark.slow) for name in DAMAGES]
)
def test_a_damaged_file_is_refused_with_its_place(name, tmp_path):
    path, own = DAMAGES[name](tmp_path / "files")
    case = CASES.get(name.removeprefix("damage_"), Case())
    words = case.words or own
    if case.read or case.note:
        notes = notes_of(path, case)
        assert not case.note or any(all(word in note for word in words) for note in notes), notes
        return
    with pytest.raises(ValueError) as error:  # noqa: PT011  the words follow
        notes_of(path, case)
    # The folder of the test holds some of the words.
    message = str(error.value).replace(str(tmp_path), "")
    assert len(message.splitlines()) == 1
    assert not [word for word in words if word not in message], message


def test_no_code_of_a_damaged_file_runs(tmp_path):
    path, _ = DAMAGES["damage_neuraloperator_object"](tmp_path)
    with pytest.raises(ValueError, match="objects that are no tensors"):
        notes_of(path, Case())
    assert not list(tmp_path.rglob("code_has_run"))


def test_every_case_is_one_of_a_damage():
    assert {f"damage_{name}" for name in (*CASES, *QUICK)} <= {*DAMAGES}
