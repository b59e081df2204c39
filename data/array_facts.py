"""What is said of arrays that become a dataset: each argument of ``tendency.write_dataset`` checked and in its form."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from tendency.data.dataset_layout import SPLITS
from tendency.data.file_facts import one_step
from tendency.data.file_splits import SplitRule
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary

NAME = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)
"""Names of fields and parameters, which become names in HDF5 files and keys of a configuration."""


def array_of(values: Any, name: str) -> Any:
    """What has a shape and gives numbers when it is indexed; lists become arrays.

    Raises:
        ValueError: no array.
    """
    if hasattr(values, "shape") and hasattr(values, "__getitem__"):
        return values
    return numbers_of(values, name)


def numbers_of(values: Any, name: str) -> np.ndarray:
    """Real numbers as a numpy array in their own number type.

    Args:
        values: an array, a tensor or nested lists.
        name: of the argument, for messages.

    Raises:
        ValueError: others than real numbers, or masked ones.
    """
    if isinstance(values, Tensor):
        real = values.detach().cpu()
        values = real.float().numpy() if real.is_floating_point() and real.element_size() < 4 else real.numpy()
    if np.ma.isMaskedArray(values) and bool(np.ma.getmaskarray(values).any()):
        raise ValueError(f"{name}: expected a value everywhere, got a masked array; fill it first")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: expected an array of numbers, got {type(values).__name__} ({error})") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, got {array.dtype} ({repr(values)[:60]})")
    return array


def finite(values: Any, name: str) -> np.ndarray:
    """Finite numbers in float64; raises as ``numbers_of``, and where one is not finite."""
    array = numbers_of(values, name).astype(np.float64)
    if not np.isfinite(array).all():
        first = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name}: expected finite values, got {array[tuple(first)]} at {first}")
    return array


def times_of_arrays(times: Any, count: int, snapshots: int) -> np.ndarray:
    """(n, T) float64, increasing.

    Raises:
        ValueError: of another shape, not finite, or not increasing.
    """
    array = finite(times, "times")
    if array.shape not in ((snapshots,), (count, snapshots)):
        raise ValueError(
            f"times: expected shape ({snapshots},) or ({count}, {snapshots}), the times of u, got {array.shape}"
        )
    steps = np.diff(array)
    if not (steps > 0).all():
        place = np.argwhere(steps <= 0)[0].tolist()
        after = place[-1] + 1
        raise ValueError(
            f"times: expected them to increase, got others at snapshot {after} ({array[..., after].min()})"
        )
    return np.broadcast_to(array, (count, snapshots))


def even_step(steps: np.ndarray) -> float | None:
    """The time between snapshots, None where it varies."""
    return one_step(float(steps.min()), float(steps.max()), float(steps.mean()))


def extent_of(extent: Any, count: int, dims: int) -> np.ndarray:
    """(n, D) float64, positive.

    Raises:
        ValueError: of another shape, or not positive.
    """
    array = finite(extent, "extent")
    if array.shape not in ((dims,), (count, dims)) and not (array.ndim == 0 and dims == 1):
        raise ValueError(
            f"extent: expected shape ({dims},) or ({count}, {dims}), a side length for each of the axes of points, "
            f"got {array.shape}"
        )
    if not (array > 0).all():
        raise ValueError(f"extent: expected positive side lengths, got {array.min()}")
    return np.broadcast_to(array.reshape(-1, dims), (count, dims))


def boundary_of(boundary: Any, dims: int) -> Boundary:
    """One kind for all axes, or one entry for each.

    Raises:
        ValueError: an unknown word, or another number of axes.
    """
    axes = [boundary] if isinstance(boundary, str) else _listed(boundary)
    sides = [side for axis in axes for side in ([axis] if isinstance(axis, str) else _listed(axis))]
    if not sides or not all(isinstance(side, str) for side in sides):
        raise ValueError(
            "boundary: expected a word such as 'periodic', or for each axis a word or a pair of words, got "
            f"{boundary!r}"
        )
    try:
        return Boundary.of_axes(boundary, dims)
    except ValueError as error:
        raise ValueError(f"boundary: {str(error).removeprefix('boundary kind: ')}") from None


def fields_of(fields: Any, channels: int, dims: int) -> tuple[Field, ...]:
    """The fields that the channels are, in order.

    Raises:
        ValueError: names or ranks that are none, twice one name, or another number of channels.
    """
    if fields is None:
        if channels > 1:
            raise ValueError(f"fields: expected the names of the {channels} channels of u, got nothing")
        return (Field("u"),)
    if isinstance(fields, str):
        fields = [fields]
    if not isinstance(fields, Mapping | Sequence) or isinstance(fields, bytes):
        raise ValueError(f"fields: expected a list of names, or names and their ranks, got {fields!r}")
    ranks = dict(fields) if isinstance(fields, Mapping) else dict.fromkeys(fields, 0)
    for name, rank in ranks.items():
        _require_name(name, "fields")
        if isinstance(rank, bool) or rank not in (0, 1, 2):
            raise ValueError(f"fields.{name}: expected rank 0, 1 or 2, got {rank!r}")
    found = tuple(Field(name, int(rank)) for name, rank in ranks.items())
    number = sum(each.channels(dims) for each in found)
    if number != channels or len(found) != len(fields):
        raise ValueError(
            f"fields: expected different names for the {channels} channels in {dims}D, got {list(fields)}, which are "
            f"{number}"
        )
    return found


def params_of(params: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    """Each parameter (n,) float64.

    Raises:
        ValueError: a name that is none, values that are not finite, or another number of them.
    """
    found = {}
    for name, values in _named(params, "params"):
        array = finite(values, f"params.{name}")
        if array.shape not in ((), (count,)):
            raise ValueError(f"params.{name}: expected one number or shape ({count},), got {array.shape}")
        found[name] = np.broadcast_to(array, (count,))
    return found


def given_of(given: Mapping[str, Any], count: int, space: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Each constant field (n, *N) float32.

    Raises:
        ValueError: a name that is none, values that are not finite, or another shape.
    """
    found = {}
    for name, values in _named(given, "given"):
        array = finite(values, f"given.{name}")
        if array.shape not in (space, (count, *space)):
            raise ValueError(f"given.{name}: expected shape {space} or {(count, *space)}, got {array.shape}")
        found[name] = np.broadcast_to(array.astype(np.float32), (count, *space))
    return found


def split_of(split: Any, count: int) -> dict[str, np.ndarray]:
    """The numbers of the trajectories of each split.

    Raises:
        ValueError: shares or numbers that are none, or a split without a trajectory.
    """
    if split is not None and not isinstance(split, Mapping):
        raise ValueError(f"split: expected shares {{'valid': 0.1, 'test': 0.1}} or numbers, got {split!r}")
    if split is None or not set(split) >= {"train"}:
        return _drawn(split or {}, count)
    if set(split) != set(SPLITS):
        raise ValueError(f"split: expected numbers of train, valid and test, got those of {sorted(split)}")
    found = {}
    for name in SPLITS:
        numbers = numbers_of(split[name], f"split.{name}") if len(split[name]) else np.zeros(0)
        if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu":
            raise ValueError(f"split.{name}: expected at least one number of a trajectory, got {split[name]!r}")
        if numbers.min() < 0 or numbers.max() >= count:
            raise ValueError(
                f"split.{name}: expected numbers from 0 to {count - 1}, got {numbers.min()} to {numbers.max()}"
            )
        found[name] = numbers.astype(np.int64)
    every = np.concatenate(list(found.values()))
    if len(np.unique(every)) < len(every):
        values, times = np.unique(every, return_counts=True)
        raise ValueError(f"split: expected each trajectory once, got {int(values[times > 1][0])} several times")
    return found


def _drawn(shares: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    if unknown := set(shares) - {"valid", "test", "seed"}:
        raise ValueError(f"split: expected valid, test and seed, or train, valid and test, got {sorted(unknown)}")
    for name in ("valid", "test"):
        share = shares.get(name, 0.1)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise ValueError(f"split.{name}: expected a share between 0 and 1, got {share!r}")
    seed = shares.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"split.seed: expected a whole number from 0 on, got {seed!r}")
    try:
        return SplitRule(**shares).cut(np.arange(count), SPLITS[1:])
    except ValueError:
        raise ValueError(
            f"split: expected at least a trajectory for each of {', '.join(SPLITS)}, got {count}"
        ) from None


def _listed(values: Any) -> list[Any]:
    """The entries of a list; of what is none, one that is no word."""
    return list(values) if isinstance(values, Sequence) and not isinstance(values, str | bytes) else [None]


def _named(values: Any, name: str) -> list[tuple[str, Any]]:
    if not isinstance(values, Mapping):
        raise ValueError(f"{name}: expected a mapping of names to values, got {type(values).__name__}")
    for key in values:
        _require_name(key, name)
    return list(values.items())


def _require_name(name: Any, of: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{of}: expected names of letters, digits and underscores, got {name!r}")
