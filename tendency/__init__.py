"""Neural PDE surrogates that predict change: solve, learn, roll out, and say honestly how good it is.

The names below are imported when they are first used, so that the command line answers before torch is loaded.
"""

from importlib import import_module
from importlib.util import find_spec
from sys import modules
from typing import Any

from tendency.version import __version__

_LINKED = ("data", "evaluation", "simulation", "solvers", "surrogates", "trainers")
# In a checkout they are symbolic links, which some tools replace by text files or leave out.
_MISSING = [name for name in _LINKED if (_spec := find_spec(f"tendency.{name}")) is None or _spec.origin is None]
if _MISSING:
    raise ImportError(
        f"{__path__[0]} lacks {', '.join(_MISSING)}, which are symbolic links in a checkout: clone it with "
        "git clone -c core.symlinks=true (on Windows with developer mode on), or install a wheel of tendency"
    )

_HOMES = {
    "export": "tendency.export_surrogate",
    "inspect": "tendency.opened_data",
    "load_surrogate": "tendency.trained_surrogate",
    "open_dataset": "tendency.opened_data",
    "open_windows": "tendency.data.dataset",
    "begin": "tendency.simulation.simulator",
    "rollout": "tendency.simulation.simulator",
    "write_dataset": "tendency.array_dataset",
}

__all__ = [
    "__version__",
    "begin",
    "export",
    "inspect",
    "load_surrogate",
    "open_dataset",
    "open_windows",
    "rollout",
    "write_dataset",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    # Python adds the name that looks most like it.
    raise AttributeError(f"module 'tendency' has no attribute {name!r}", name=name, obj=modules[__name__])


def __dir__() -> list[str]:
    return sorted(__all__)
