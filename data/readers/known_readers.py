"""Which class reads the files of a dataset: one of this project, or one that the command line has named."""

import importlib
import inspect

from tendency.data.metadata import DatasetError
from tendency.data.readers.reader import Reader

ADMITTED: dict[str, type[Reader]] = {}
"""Classes outside this project that this process was told to use, by import path."""


def path_of(reader: type[Reader]) -> str:
    """The import path of a reader's class, as an index stores it."""
    return f"{reader.__module__}.{reader.__qualname__}"


def admit(reader: type[Reader]) -> None:
    """Lets datasets of this process be read by a class outside this project, which the command line has named."""
    ADMITTED[path_of(reader)] = reader


def admit_named(path: str) -> None:
    """Lets datasets of this process be read by the class of that import path, which the user trusts.

    Raises:
        DatasetError: there is no such class, or it is no reader.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (ImportError, ValueError) as error:
        raise DatasetError(f"the reader {path!r} cannot be imported ({error}); put its folder on PYTHONPATH") from None
    if not (isinstance(found, type) and issubclass(found, Reader)) or inspect.isabstract(found):
        raise DatasetError(f"the reader {path!r} is no class of readers")
    admit(found)


def reader_named(path: str) -> Reader:
    """The reader of an index; an index is data, so that only readers of this project or admitted ones are built.

    Args:
        path: import path of its class.

    Raises:
        DatasetError: another class.
    """
    module, _, name = path.rpartition(".")
    known = ADMITTED.get(path)
    if known is None and module.startswith("tendency.data.readers.") and name.isidentifier():
        try:
            known = getattr(importlib.import_module(module), name, None)
        except ImportError:
            known = None
        if not (isinstance(known, type) and issubclass(known, Reader) and known.__module__ == module):
            known = None
    if known is None or inspect.isabstract(known):
        raise DatasetError(
            f"the reader {path!r} is not one of this project; name it on the command line of train.py or generate.py "
            "(data/reader=), or tell evaluate.py trust=true"
        )
    return known()
