"""Which reader reads some data files: the chosen one, or the one that recognises them."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.data.readers.reader import Reader
from tendency.data.readers.recognise import recognise

GROUP = "data/reader"


def recognised_reader(path: Path) -> Reader:
    """The reader of this project whose format files have.

    Args:
        path: of a file or a folder.

    Raises:
        DatasetError: none recognises them, several do, or a folder mixes formats.
    """
    readers = {option.stem: _reader(option) for option in sorted((conf_folder() / GROUP).glob("*.yaml"))}
    return readers[recognise(path, readers)]


def _reader(option: Path) -> Reader:
    node: dict[str, Any] = plain(OmegaConf.load(option))
    reader: Reader = build(node, GROUP)
    return reader
