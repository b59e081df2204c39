"""What is no checkpoint is called by its name."""

import pytest
import torch

from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.errors import ArtefactError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"epoch,loss\n1,0.5\n", "expected a file written by train.py, got a text file that begins with 'epoch,loss'"),
        (b"", "expected a file written by train.py, got an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "got a git-lfs pointer; git lfs pull fetches"),
        (b"\x89HDF\r\n\x1a\n", "got an HDF5 file"),
        (b"\x00\xff\x01", "got other data"),
        (b"PK\x03\x04 and no more", r"damaged, or not a checkpoint of this program \(.+\)"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, message):
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=message):
        read_checkpoint(path)


def test_a_file_of_weights_alone_is_no_checkpoint(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pt")
    with pytest.raises(ArtefactError, match="holds no recipe of a surrogate; expected one written by train.py"):
        read_checkpoint(tmp_path / "weights.pt")
