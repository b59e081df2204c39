"""What a published dataset on disk holds, and all functions here that write one."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Published:
    """A dataset on disk in a published format, and what it holds.

    Attributes:
        path: What a user would give: a file or a folder.
        u: By split as the file says it ("train", "valid", "test"), or {"all": ...} where it says none: (n, T, C, *N) in
            the order of ``fields``, with the numbers, the order in time and the order of spatial axes as stored,
            float32 or float64. What is steady has T = 1. A split that lies in several files holds their trajectories in
            the order of the sorted names.
        times: (T,), as stored, of the longest split (a shorter one has their beginning); None where the file does not
            say, and where each trajectory has its own (``own_times``).
        fields: Names in channel order as the format names them; a vector field that the format stores in one array
            once. Components that the format stores in arrays of their own (Vx, Vy) have each their own name here; see
            ``vectors``.
        channels: Of each field.
        params: By split: name -> (n,) values, of what the file holds as a dataset, an attribute or its YAML text.
        given: By name: constant fields or masks (n, C, *N) or (1, C, *N), C = 1 for scalars; n counts the trajectories
            of all splits, in the order of ``u``.
        extent: Side lengths if the file says them (from coordinates of a periodic grid or of cell centres: N dx; from
            coordinates that include both ends: last - first); None also where each trajectory has its own
            (``own_extent``).
        boundary: Of each axis if the file, or its name, says it: "periodic", "wall", "open".
        options: What a user has to say by name beside the path because the file cannot.
        axes: Names of the spatial axes in the order of ``u`` where it is not x, y, z.
        vectors: By name: which fields of one channel are together a vector.
        own_times: By split: (n, T) where each trajectory has its own times.
        own_extent: By split: (n, D) where each trajectory has its own side lengths.
    """

    path: Path
    u: dict[str, np.ndarray]
    times: np.ndarray | None
    fields: tuple[str, ...]
    channels: tuple[int, ...]
    params: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    given: dict[str, np.ndarray] = field(default_factory=dict)
    extent: tuple[float, ...] | None = None
    boundary: tuple[str, ...] | None = None
    options: dict[str, object] = field(default_factory=dict)
    axes: tuple[str, ...] = ()
    vectors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    own_times: dict[str, np.ndarray] = field(default_factory=dict)
    own_extent: dict[str, np.ndarray] = field(default_factory=dict)


def all_writers() -> dict[str, Callable[[Path], Published]]:
    """Every ``write_*`` of the modules of this package, by name."""
    return _functions("write_")


def all_damages() -> dict[str, Callable[[Path], tuple[Path, list[str]]]]:
    """Every ``damage_*`` of the modules of this package, by name."""
    return _functions("damage_")


def _functions(prefix: str) -> dict[str, Callable]:
    package = __name__.rpartition(".")[0]
    found: dict[str, Callable] = {}
    for entry in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{package}.{entry.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith(prefix) and function.__module__ == module.__name__:
                if name in found:
                    raise NameError(f"{name} stands in {module.__name__} and in {found[name].__module__}")
                found[name] = function
    return dict(sorted(found.items()))
