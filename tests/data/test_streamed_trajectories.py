"""Trajectories that are read as they pass are those that are read whole."""

import os

import pytest
import torch

from tendency.data.dataset import TrajectoryDataset
from tendency.data.metadata import DatasetError
from tendency.data.streamed_trajectories import StreamedTrajectories

CPU = torch.device("cpu")


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("first", "count"), [(0, 2), (1, 3), (3, 1)])
def test_snapshots_pass_one_after_the_other(dataset, stride, first, count):
    data = TrajectoryDataset.whole(dataset, "train", stride=stride)
    streamed = StreamedTrajectories(data, first, count, CPU)
    window = data.windows(list(range(first, first + count)))
    assert torch.equal(torch.stack(list(streamed.snapshots()), 1), window.u)
    assert torch.equal(streamed.t, window.t)
    assert torch.equal(streamed.index, window.index)
    assert torch.equal(streamed.conditions.params, window.conditions.params)
    assert torch.equal(streamed.conditions.extent, window.conditions.extent)


def test_a_chunk_of_another_size_is_refused(dataset, tmp_path):
    import shutil

    shutil.copytree(dataset, tmp_path / "copy")
    data = TrajectoryDataset.whole(tmp_path / "copy", "train")
    streamed = StreamedTrajectories(data, 0, 2, CPU)
    path = tmp_path / "copy" / "train" / "chunk-00000.hdf5"
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(DatasetError, match="it alone is made anew"):
        list(streamed.snapshots())
