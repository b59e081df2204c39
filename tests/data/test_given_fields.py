"""Constant fields in chunk files: in The Well's layout, under the checksums, and in the windows of every trajectory."""

from dataclasses import replace

import h5py
import pytest
import torch

from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.row_reads import read_windows
from tendency.data.split_holder import HeldSplit
from tendency.data.storage import TrajectoryStorage
from tendency.data.streamed_trajectories import StreamedTrajectories
from tendency.data.trajectory_file import Trajectories, chunk_content
from tendency.data.trajectory_heads import TrajectoryHeads
from tendency.data.trajectory_reader import digest_of_header, open_chunk, read_trajectories, require_header
from tendency.simulation.fields import Field

GIVEN = (Field("mask"), Field("wind", rank=1))
PLACE = "train/chunk-00000.h5"


@pytest.fixture(scope="module")
def known(dataset):
    """Metadata with constant fields, and trajectories that have them."""
    folder = dataset
    plain = read_manifest(folder).metadata
    metadata = replace(plain, given=GIVEN)
    stored = read_trajectories(next((folder / "train").iterdir()), plain)
    shape = (len(stored.u), 1 + plain.spatial_dims, *plain.geometry.shape)
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    conditions = stored.conditions.with_given(given, metadata.given_names)
    return plain, metadata, stored, replace(stored, conditions=conditions)


@pytest.fixture
def chunk(known, tmp_path):
    path = tmp_path / PLACE
    path.parent.mkdir()
    path.write_bytes(chunk_content(PLACE, known[3], known[1]))
    return path


def test_they_lie_in_the_well_s_layout_and_are_read_back(known, chunk):
    _, metadata, _, trajectories = known
    again = read_trajectories(chunk, metadata)
    assert torch.equal(again.conditions.given, trajectories.conditions.given)
    assert again.conditions.given_names == metadata.given_names
    assert torch.equal(again.u, trajectories.u)
    with h5py.File(chunk) as file:
        mask, wind = file["t0_fields/mask"], file["t1_fields/wind"]
        assert mask.shape == (len(again.u), *metadata.geometry.shape)
        assert wind.shape == (*mask.shape, metadata.spatial_dims)
        for array in (mask, wind):
            assert not array.attrs["time_varying"]
            assert array.attrs["sample_varying"]
            assert array.fletcher32
        assert list(file["t1_fields"].attrs["field_names"]) == ["flow", "wind"]
        assert file["t1_fields/flow"].attrs["time_varying"]


def test_metadata_say_which_they_are(known):
    plain, metadata, _, _ = known
    assert TrajectoryMetadata.from_dict(metadata.to_dict()) == metadata
    assert set(metadata.to_dict()) - set(plain.to_dict()) == {"given"}
    forced = replace(metadata, forcing=(Field("heating"),))
    assert TrajectoryMetadata.from_dict(forced.to_dict()) == forced
    assert forced.num_known == 2 + plain.spatial_dims


def test_their_values_are_guarded(known, chunk):
    _, metadata, _, trajectories = known
    with open_chunk(chunk) as file:
        header = digest_of_header(file, chunk, metadata)
    # Other values are another chunk, and changed bytes are noticed where they are read.
    other = replace(trajectories, conditions=replace(trajectories.conditions, given=2 * trajectories.conditions.given))
    content = chunk.read_bytes()
    chunk.write_bytes(chunk_content(PLACE, other, metadata))
    with open_chunk(chunk) as file, pytest.raises(DatasetError, match="damaged, or another"):
        require_header(file, chunk, metadata, header)
    with h5py.File(chunk) as file:
        offset = file["t0_fields/mask"].id.get_chunk_info(0).byte_offset
    chunk.write_bytes(content[: offset + 5] + bytes([content[offset + 5] ^ 1]) + content[offset + 6 :])
    with pytest.raises(DatasetError, match="the values of t0_fields/mask are not those that were written"):
        read_trajectories(chunk, metadata)


def test_what_does_not_fit_the_metadata_is_not_written(known):
    plain, metadata, stored, trajectories = known
    for written, said in ((stored, metadata), (trajectories, plain)):
        with pytest.raises(ValueError, match="given: expected the constant fields"):
            chunk_content(PLACE, written, said)
    named = replace(metadata, given=(Field("u"), Field("wind", rank=1)))
    conditions = replace(trajectories.conditions, given_names=named.given_names)
    with pytest.raises(ValueError, match=r"names that no field of the state has, got \['u'\]"):
        chunk_content(PLACE, replace(trajectories, conditions=conditions), named)
    with pytest.raises(ValueError, match="forcing: a chunk has no place"):
        chunk_content(PLACE, trajectories, replace(metadata, forcing=(Field("heating"),)))


class InMemory(TrajectoryStorage):
    """Trajectories that lie two together."""

    batch = 2

    def __init__(self, trajectories):
        self.trajectories = trajectories

    def heads(self, rows):
        part = slice(rows.start, rows.stop)
        return self.trajectories.times[part], self.trajectories.conditions[part]

    def heads_without_fields(self, rows):
        times, conditions = self.heads(rows)
        return times, conditions.without_fields()

    def states(self, rows, snapshots):
        return self.trajectories.u[rows.start : rows.stop, snapshots]

    def slopes(self, rows, snapshots):
        return None

    def cut(self, trajectory, first, width, stride):
        return read_windows(self.states, trajectory, first, width, stride), None

    def made_of(self, count):
        return {}


def test_windows_and_streams_hold_the_fields_of_their_trajectories(known, dataset):
    _, _, _, trajectories = known
    split = TrajectoryDataset(dataset, "train", (0, 1))
    rows = split.num_trajectories
    which = torch.arange(rows) % len(trajectories.u)
    given = torch.randn(rows, *trajectories.conditions.given.shape[1:])
    times = trajectories.times[which][:, :2]
    conditions = trajectories.conditions.without_fields()[which].with_given(given, trajectories.conditions.given_names)
    forcing = torch.randn(rows, 2, 1, *given.shape[2:])
    conditions = conditions.with_forcing(forcing, times)
    storage = InMemory(Trajectories(trajectories.u[which], trajectories.times[which], conditions, None))
    heads = TrajectoryHeads(storage, rows, most_bytes=0)
    split.storage, split.held = storage, HeldSplit(storage, heads, storage, 0)
    chosen = torch.tensor([rows - 1, 0, rows - 2, 0])
    window = split.windows((chosen * len(split.presents)).tolist())
    assert torch.equal(window.conditions.given, given[chosen])
    assert torch.equal(window.conditions.forcing, forcing[chosen])
    assert torch.equal(window.conditions.forcing_times, times[chosen])
    assert torch.equal(window.conditions.params, conditions.params[chosen])
    assert window.conditions.given_names == conditions.given_names
    # They are as large as states, and are read anew.
    assert heads.conditions.given is None
    assert len(heads.known) == 1
    stream = StreamedTrajectories(split, 1, 2, torch.device("cpu"))
    assert torch.equal(stream.conditions.given, given[1:3])
