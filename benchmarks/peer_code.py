"""A peer's own code, imported from a clone of its repository."""

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from torch import nn

_FORGOTTEN: list[dict[str, ModuleType]] = []
"""What came from each folder."""


@contextlib.contextmanager
def only(folder: Path, stubs: Mapping[str, ModuleType]) -> Iterator[None]:
    """Imports come from this folder first, and what came from it is forgotten: peers' packages share names.

    Args:
        folder: that holds the package.
        stubs: by name, instead of imports that have nothing to do with what is measured.
    """
    before = dict(sys.modules)
    sys.path.insert(0, str(folder))
    sys.modules.update(stubs)
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        own = {entry.stem for entry in folder.iterdir()}
        names = [n for n in sys.modules if n in stubs or n.split(".")[0] in own]
        _FORGOTTEN.append({name: sys.modules.pop(name) for name in names})
        # A package of ours or of another peer that has the same name.
        sys.modules.update({name: before[name] for name in before if name not in sys.modules})


@contextlib.contextmanager
def recalled(network: nn.Module) -> Iterator[None]:
    """The modules that a peer's network came from can be looked up, as torch.compile does with what it traces."""
    before, its = dict(sys.modules), {type(part).__module__ for part in network.modules()}
    for modules in _FORGOTTEN:
        if its & set(modules):
            sys.modules.update(modules)
    try:
        yield
    finally:
        for name in [n for modules in _FORGOTTEN for n in modules if n not in before]:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def peer_module(folder: Path, name: str, stubs: Mapping[str, ModuleType] | None = None) -> ModuleType:
    """One module of a clone.

    Raises:
        ImportError: where the folder or what it needs is not there.
    """
    if not folder.is_dir():
        raise ImportError(f"no clone at {folder}")
    with only(folder, stubs or {}):
        return importlib.import_module(name)
