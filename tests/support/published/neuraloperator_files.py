"""Files .pt of neuraloperator: a dict of tensors without a channel axis, {name}_{split}_{resolution}.pt.

As in the small files that its repository holds: Darcy ``x`` bool and ``y`` float32, both (n, h, w); Burgers ``x`` (n,
nx) and ``y`` (n, nt, nx) float64, ``visc`` (1, 1). ``y`` begins with ``x``. No file has coordinates or times.
"""

import os
from pathlib import Path

import numpy as np
import torch

from tests.support.published import damaged_files
from tests.support.published.known_waves import still, waves
from tests.support.published.published import Published


def _save(path: Path, arrays: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {
        name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
        for name, value in arrays.items()
    }
    torch.save(stored, path)


def write_neuraloperator_darcy(folder: Path) -> Published:
    """Steady; ``x``, the coefficient, is bool."""
    u, given, first = {}, [], 0
    for split, count in (("train", 4), ("test", 2)):
        values = waves(count, np.zeros(1), (8, 12), first=first).astype(np.float32)
        coefficient = still(count, (8, 12), first=50 + first) > 1
        _save(folder / f"darcy_{split}_16.pt", {"x": coefficient[:, 0], "y": values[:, 0, 0]})
        u[split], first = values, first + count
        given.append(coefficient)
    return Published(
        path=folder,
        u=u,
        times=None,
        fields=("y",),
        channels=(1,),
        params={split: {} for split in u},
        given={"x": np.concatenate(given).astype(np.float32)},
        options={"boundary": ("wall", "wall"), "extent": (1.0, 1.0)},
    )


def write_neuraloperator_navier_stokes(folder: Path) -> Published:
    """nsforcing: vorticity ``y`` for a forcing ``x``, both (n, h, w) float32."""
    u, given, first = {}, [], 0
    for split, count in (("train", 4), ("test", 2)):
        values = waves(count, np.zeros(1), (8, 12), first=first).astype(np.float32)
        forcing = still(count, (8, 12), first=50 + first).astype(np.float32)
        _save(folder / f"nsforcing_{split}_128.pt", {"x": forcing[:, 0], "y": values[:, 0, 0]})
        u[split], first = values, first + count
        given.append(forcing)
    return Published(
        path=folder,
        u=u,
        times=None,
        fields=("y",),
        channels=(1,),
        params={split: {} for split in u},
        given={"x": np.concatenate(given)},
        options={"boundary": ("periodic", "periodic"), "extent": (1.0, 1.0)},
    )


def _burgers(folder: Path, names: tuple[str, str]) -> Published:
    times = np.linspace(0, 1, 5)
    u, first = {}, 0
    for split, count in (("train", 4), ("test", 2)):
        values = waves(count, times, (16,), first=first)
        start, solution = names
        arrays = {start: values[:, 0, 0], solution: values[:, :, 0], "visc": np.array([[0.01]])}
        _save(folder / f"burgers_{split}_16.pt", arrays)
        u[split], first = values, first + count
    return Published(
        path=folder,
        u=u,
        times=None,
        fields=(names[1],),
        channels=(1,),
        params={split: {"visc": np.full(len(values), 0.01)} for split, values in u.items()},
        options={"times": tuple(times), "boundary": ("periodic",), "extent": (1.0,)},
    )


def write_neuraloperator_burgers(folder: Path) -> Published:
    """``x``, ``y``, ``visc``."""
    return _burgers(folder, ("x", "y"))


def write_neuraloperator_burgers_older(folder: Path) -> Published:
    """The names of version 0.3.0: ``input``, ``output``, ``visc``."""
    return _burgers(folder, ("input", "output"))


class RunsWhenLoaded:
    """An object whose pickle makes a folder when it is loaded, as code of an attacker would run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def damage_neuraloperator_object(folder: Path) -> tuple[Path, list[str]]:
    """A pickled object beside the tensors: to be refused. Whoever loads it without care finds the folder
    ``code_has_run`` beside it.
    """
    path = folder / "darcy"
    write_neuraloperator_darcy(path)
    arrays = {"x": np.ones((2, 8, 12), bool), "y": np.ones((2, 8, 12), np.float32)}
    _save(path / "darcy_train_16.pt", {**arrays, "transform": RunsWhenLoaded(folder / "code_has_run")})
    return path, ["darcy_train_16.pt"]


def damage_neuraloperator_missing_y(folder: Path) -> tuple[Path, list[str]]:
    """Only ``x``."""
    path = write_neuraloperator_darcy(folder).path
    _save(path / "darcy_train_16.pt", {"x": np.ones((4, 8, 12), bool)})
    return path, ["darcy_train_16.pt", "y"]


def damage_neuraloperator_other_resolution(folder: Path) -> tuple[Path, list[str]]:
    """``x`` is (n, 12, 8), ``y`` (n, 8, 12)."""
    path = write_neuraloperator_darcy(folder).path
    _save(path / "darcy_train_16.pt", {"x": np.ones((4, 12, 8), bool), "y": np.ones((4, 8, 12), np.float32)})
    return path, ["darcy_train_16.pt", "12", "8"]


def damage_neuraloperator_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in ``y``."""
    published = write_neuraloperator_burgers(folder)
    values = damaged_files.not_a_number(published.u["train"])[:, :, 0]
    _save(
        published.path / "burgers_train_16.pt",
        {"x": published.u["train"][:, 0, 0], "y": values, "visc": np.array([[0.01]])},
    )
    return published.path, ["burgers_train_16.pt", "y"]


def damage_neuraloperator_complex(folder: Path) -> tuple[Path, list[str]]:
    """``y`` is complex."""
    published = write_neuraloperator_burgers(folder)
    values = published.u["train"][:, :, 0]
    _save(published.path / "burgers_train_16.pt", {"x": values[:, 0], "y": values + 0j, "visc": np.array([[0.01]])})
    return published.path, ["burgers_train_16.pt", "y", "complex"]


def damage_neuraloperator_cut(folder: Path) -> tuple[Path, list[str]]:
    """A file that broke off."""
    path = write_neuraloperator_burgers(folder).path
    damaged_files.cut(path / "burgers_train_16.pt")
    return path, ["burgers_train_16.pt"]
