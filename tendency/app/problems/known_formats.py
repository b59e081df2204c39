"""Which reader reads some data files: the chosen one, or the one that recognises them."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.data.readers.reader import Reader
from tendency.errors import ConfigError

GROUP = "data/reader"


def recognised_reader(path: Path) -> Reader:
    """The reader of this project whose format files have.

    Args:
        path: of a file or a folder.

    Raises:
        ConfigError: none recognises them, or several do.
    """
    readers = {option.stem: _reader(option) for option in sorted((conf_folder() / GROUP).glob("*.yaml"))}
    for general in (False, True):
        found = [name for name, reader in readers.items() if reader.general is general and _recognises(reader, path)]
        if len(found) > 1:
            raise ConfigError(
                [f"data/reader: {path} may be of the formats {' and '.join(found)}; say data/reader=<one>"]
            )
        if found:
            return readers[found[0]]
    known = ", ".join(readers) or "none"
    raise ConfigError(
        [f"data.path: expected files of a format that is known here ({known}), got {path}; see data/reader="]
    )


def _reader(option: Path) -> Reader:
    node: dict[str, Any] = plain(OmegaConf.load(option))
    reader: Reader = build(node, GROUP)
    return reader


def _recognises(reader: Reader, path: Path) -> bool:
    files = reader.files(path)
    return bool(files) and reader.recognises(files[0])
