"""Windows and batches: offsets, ends of trajectories, and batches as functions of (seed, step)."""

import pickle

import pytest
import torch

from tendency.data.datamodule import StepSampler, TrajectoryDataModule
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.metadata import DatasetError


@pytest.fixture(scope="module")
def whole(dataset):
    """All training trajectories (5, 11, C, N)."""
    data = TrajectoryDataset(dataset, "train", (0, 10))
    return data.windows(range(5)).u


def test_windows_are_slices_of_the_trajectories(dataset, whole):
    data = TrajectoryDataset(dataset, "train", (-1, 0, 1))
    assert len(data) == 5 * 9
    window = data.windows([0, 8, 9, 44])
    for row, (trajectory, present) in enumerate([(0, 1), (0, 9), (1, 1), (4, 9)]):
        for offset in (-1, 0, 1):
            assert torch.equal(window.at(offset)[row], whole[trajectory, present + offset])
            assert window.time(offset)[row] == pytest.approx(0.1 * (present + offset))
    assert window.index.tolist() == [0, 8, 9, 44]


def test_first_and_last_snapshots_are_presents_when_offsets_are_only_wanted(dataset, whole):
    data = TrajectoryDataset(dataset, "train", (0,), (-2, -1, 0, 1, 2))
    assert len(data) == 5 * 11
    window = data.windows([0, 1, 5, 10])
    assert window.present.tolist() == [0, 1, 2, 4]
    assert window.u.shape[1] == 5
    for row, present in enumerate((0, 1, 5, 10)):
        assert torch.equal(window.at(0)[row], whole[0, present])


def test_whole_trajectories(dataset):
    data = TrajectoryDataset(dataset, "test", (0, 10))
    assert len(data) == 3
    assert data[2].u.shape == (1, 11, 2, 16)
    assert data[2].present.item() == 0


@pytest.mark.parametrize("stride", [2, 3])
def test_a_stride_is_a_dataset_with_a_longer_step_of_which_every_snapshot_is_a_present(dataset, whole, stride):
    data = TrajectoryDataset(dataset, "train", (-1, 0, 1), stride=stride)
    presents = range(stride, 11 - stride)
    assert len(data) == 5 * len(presents)
    window = data.windows(list(range(len(presents))))
    for row, present in enumerate(presents):
        for offset in (-1, 0, 1):
            assert torch.equal(window.at(offset)[row], whole[0, present + stride * offset])
    assert torch.allclose(window.time(1) - window.time(0), torch.full((len(presents),), 0.1 * stride).double())
    # A stencil that is only wanted is moved inside, in steps of the stride.
    window = TrajectoryDataset(dataset, "train", (0,), (-1, 0, 1), stride=stride).windows(list(range(11)))
    assert window.u.shape[1] == 3
    for row in range(11):
        expected = 0 if row < stride else 2 if row + stride > 10 else 1
        assert window.present[row] == expected
        at = row + stride * (torch.arange(3) - expected)
        assert torch.equal(window.u[row], whole[0, at])


def test_whole_trajectories_with_a_stride(dataset):
    data = TrajectoryDataset.whole(dataset, "test", stride=3)
    every = TrajectoryDataset.whole(dataset, "test")
    assert len(data) == len(every) == 3
    assert torch.equal(data[1].u, every[1].u[:, [0, 3, 6, 9]])
    assert data[1].present.item() == 0
    with pytest.raises(ValueError, match="windows of 5 snapshots 3 apart do not fit into trajectories of 11"):
        TrajectoryDataset(dataset, "train", (0,), (-2, -1, 0, 1, 2), stride=3)


def test_conditions_and_derivatives_come_with_their_trajectory(dataset, waves):
    problem = waves.Maker()()
    data = TrajectoryDataset(dataset, "train", (0, 1))
    window = data.windows([45, 3, 27])
    for row, trajectory in enumerate((4, 0, 2)):
        draw = problem.draw("train", trajectory)
        assert torch.equal(window.conditions.params[row : row + 1], draw.conditions.params)
        assert torch.equal(window.conditions.extent[row : row + 1], draw.conditions.extent)
    slope = problem.simulator.time_derivative(window.at(0).double(), window.time(0), window.conditions)
    assert torch.allclose(window.gather(window.u_t, 0), slope.float(), atol=1e-5)


def test_fewer_trajectories_are_the_first_ones(dataset):
    few = TrajectoryDataset(dataset, "train", (0, 1), num_trajectories=3)
    assert len(few) == 30
    with pytest.raises(DatasetError, match="has 5 train trajectories, 6 are asked for"):
        TrajectoryDataset(dataset, "train", (0, 1), num_trajectories=6)


def test_nothing_is_decoded_before_a_window_is_read(dataset):
    data = TrajectoryDataset(dataset, "train", (0, 1))
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301  our own bytes: what a worker process receives
    assert not data.held.source.loaded.any()
    assert torch.equal(copy[7].u, data[7].u)
    assert data.held.source.loaded.tolist() == [True, False, False]
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301
    assert not copy.held.source.loaded.any()


def test_windows_longer_than_trajectories_are_refused(dataset, tmp_path):
    with pytest.raises(ValueError, match="windows of 12 snapshots do not fit into trajectories of 11"):
        TrajectoryDataset(dataset, "train", (0, 11))
    with pytest.raises(DatasetError, match="no dataset at"):
        TrajectoryDataset(tmp_path / "nowhere", "train", (0, 1))
    with pytest.raises(DatasetError, match=rf"{tmp_path} holds no dataset"):
        TrajectoryDataset(tmp_path, "train", (0, 1))
    (tmp_path / "half" / "train").mkdir(parents=True)
    (tmp_path / "half" / "train" / "chunk-00000.hdf5").touch()
    with pytest.raises(DatasetError, match=r"is incomplete \(1 chunks, no manifest\)"):
        TrajectoryDataset(tmp_path / "half", "train", (0, 1))


def test_a_manifest_of_the_future_is_refused(dataset, tmp_path):
    text = (dataset / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"schema": 2', '"schema": 99'))
    with pytest.raises(DatasetError, match="schema 99 is newer"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(text[:100])
    with pytest.raises(DatasetError, match="is damaged"):
        read_manifest(tmp_path)


def batches(seed, start, rank=0, ranks=1, epochs=1, windows=53, size=8):
    found = []
    position = start
    for _ in range(epochs):
        sampler = StepSampler(windows, size, seed, lambda: position, rank, ranks)  # noqa: B023
        part = list(sampler)
        found += part
        position += len(part)
    return found


def test_every_batch_is_a_function_of_seed_and_step():
    run = batches(3, 0, epochs=4)
    assert len(run) == 4 * 6
    for start in range(24):
        assert batches(3, start)[0] == run[start]
    assert batches(4, 0) != run[:6]


def test_an_epoch_shows_a_window_at_most_once_and_epochs_differ():
    run = batches(0, 0, epochs=2)
    for epoch in (run[:6], run[6:]):
        shown = [window for batch in epoch for window in batch]
        assert len(shown) == len(set(shown)) == 48
    assert run[:6] != run[6:]


def test_ranks_cut_the_global_batch():
    alone = batches(1, 2)
    parts = [batches(1, 2, rank, 4) for rank in range(4)]
    for step, batch in enumerate(alone):
        assert [window for part in parts for window in part[step]] == batch


@pytest.mark.parametrize(
    ("size", "ranks", "message"), [(8, 3, "multiple of the 3 devices"), (60, 1, "expected at most 53")]
)
def test_batches_that_cannot_be_are_refused(size, ranks, message):
    with pytest.raises(ValueError, match=message):
        StepSampler(53, size, 0, lambda: 0, 0, ranks)


def test_validation_shows_each_trajectory_on_one_rank(dataset, monkeypatch):
    shown = []
    for rank in range(2):
        train = TrajectoryDataset(dataset, "train", (0, 1))
        valid, test = (TrajectoryDataset.whole(dataset, split) for split in ("valid", "test"))
        module = TrajectoryDataModule(train, valid, test, batch_size=4, eval_batch_size=2, seed=0)
        monkeypatch.setattr(module, "_ranks", lambda rank=rank: (rank, 2))
        for window in module.test_dataloader():
            assert window.u.shape[1] == 11
            shown += window.index.tolist()
    assert sorted(shown) == [0, 1, 2]


@pytest.mark.parametrize("ranks", [3, 4, 7])
def test_no_rank_is_without_a_batch_where_there_are_fewer_trajectories(dataset, monkeypatch, ranks):
    """Lightning refuses a rank that has none; whoever gathers figures counts each trajectory once."""
    shown = []
    for rank in range(ranks):
        splits = (TrajectoryDataset.whole(dataset, split) for split in ("train", "valid", "test"))
        module = TrajectoryDataModule(*splits, batch_size=4, eval_batch_size=2, seed=0)
        monkeypatch.setattr(module, "_ranks", lambda rank=rank: (rank, ranks))
        (window,) = module.test_dataloader()
        shown += window.index.tolist()
    assert shown == [0, 1, 2, *[0] * (ranks - 3)]


def test_epochs_of_a_stated_length_draw_from_all_windows():
    """53 windows in batches of 5: ten batches an epoch, of which three; each epoch is a shuffle of its own."""

    def batches(position):
        return list(StepSampler(53, 5, 0, lambda: position, most_batches=3))

    assert [len(batches(position)) for position in range(7)] == [3, 2, 1, 3, 2, 1, 3]
    assert batches(4) == batches(3)[1:]
    whole = list(StepSampler(53, 5, 0, lambda: 0))
    assert batches(0) == whole[:3]
    seen = {window for epoch in range(40) for batch in batches(3 * epoch) for window in batch}
    assert seen == set(range(53))
    assert len(StepSampler(53, 5, 0, lambda: 0, most_batches=99)) == 10


def test_presents_may_be_some_of_those_that_have_the_required_offsets(dataset, whole):
    data = TrajectoryDataset(dataset, "train", (-1, 0, 1), presents=range(3, 5))
    assert len(data) == 5 * 2
    window = data.windows(range(10))
    for index, (trajectory, present) in enumerate((t, p) for t in range(5) for p in (3, 4)):
        assert torch.equal(window.at(0)[index], whole[trajectory, present])
    with pytest.raises(ValueError, match=r"presents: expected neighbours within range\(1, 10\), got range\(0, 2\)"):
        TrajectoryDataset(dataset, "train", (-1, 0, 1), presents=range(2))


def test_a_batch_holds_its_windows_in_the_order_that_was_asked_for(dataset):
    data = TrajectoryDataset(dataset, "train", (0, 1))
    indices = [45, 3, 27, 3, 46]
    window = data.windows(indices)
    for row, index in enumerate(indices):
        alone = data[index]
        for part in ("u", "t", "u_t", "present", "stride"):
            assert torch.equal(getattr(window, part)[row : row + 1], getattr(alone, part))
        assert torch.equal(window.conditions[row : row + 1].params, alone.conditions.params)
