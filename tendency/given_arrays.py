"""Arrays as people hold them, read as real tensors: every kind, layout and number type, or a sentence."""

import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata

AXES = "xyz"
"""Names of the dimensions of space in order, as reports write them."""
LEADING = ("trajectory", "snapshot")

Wrap = Callable[[Tensor, Tensor], Any]
"""Makes an array of the kind that was given of states (T, C, *N) or (B, T, C, *N) and their times (T,)."""


def read_numbers(values: Any, name: str) -> Tensor:
    """A floating-point tensor of real numbers; of tensors themselves, of everything else a copy.

    Args:
        values: a tensor, a numpy array of any layout and byte order, nested lists, or what numpy makes an array of.
        name: of the argument, for the message.

    Returns:
        The values in their own number type; integers in float64.

    Raises:
        ValueError: no numbers, complex ones, truth values, or masked ones.
    """
    if isinstance(values, Tensor):
        if values.is_complex() or values.dtype == torch.bool:
            raise ValueError(f"{name}: expected real numbers, got a tensor of {values.dtype}")
        dense = values.detach().to_dense()
        return dense if dense.is_floating_point() else dense.double()
    try:
        # A list of masked arrays loses their masks in any other way.
        holds_masks = isinstance(values, list | tuple) and any(np.ma.isMaskedArray(value) for value in values)
        array = np.ma.array(values) if holds_masks else np.asanyarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise ValueError(f"{name}: expected an array of numbers, got a {type(values).__name__} ({reason})") from None
    if array.dtype.kind not in "fiu":
        got = repr(values)[:60] if array.ndim == 0 else f"an array of {array.dtype}"
        raise ValueError(f"{name}: expected real numbers, got {got}")
    if masked := int(np.ma.getmaskarray(array).sum()):
        raise ValueError(
            f"{name}: expected a value everywhere, got a masked array with {masked} of {array.size} values masked; "
            "fill them first"
        )
    native = array.dtype.newbyteorder("=")
    number_type = native if native in (np.float16, np.float32, np.float64) else np.dtype(np.float64)
    return torch.from_numpy(np.array(array, dtype=number_type, order="C", subok=False))


def require_finite(values: Tensor, name: str, number_type: torch.dtype = torch.float64) -> None:
    """Refuses values that are NaN or infinite in the number type that they are computed with.

    Raises:
        ValueError: with how many they are and where the first lies.
    """
    wrong = ~torch.isfinite(values.to(number_type))
    if bool(wrong.any()):
        first = tuple(torch.nonzero(wrong)[0].tolist())
        place = f", the first at {list(first)}" if first else ""
        raise ValueError(
            f"{name}: expected values that are finite in {str(number_type).removeprefix('torch.')}, got "
            f"{int(wrong.sum())} of {wrong.numel()} that are not{place} ({values[first].item():g})"
        )


def require_positive(lengths: Tensor, name: str, number_type: torch.dtype = torch.float64) -> None:
    """Refuses side lengths of a domain that are not finite or not above 0 in the number type of the network.

    Raises:
        ValueError: with the shortest.
    """
    require_finite(lengths, name, number_type)
    if not bool((lengths.to(number_type) > 0).all()):
        raise ValueError(f"{name}: expected positive side lengths, got {lengths.min().item():g}")


def read_column(values: Any, name: str, num_rows: int) -> Tensor:
    """One number, or one for each of the trajectories: a tensor () or (num_rows,) on the CPU.

    Raises:
        ValueError: another number of values, or values that are not finite.
    """
    column = read_numbers(values, name).cpu()
    if tuple(column.shape) not in ((), (num_rows,)):
        count = f"one number or {num_rows}" if num_rows > 1 else "one number"
        raise ValueError(f"{name}: expected {count}, got shape {tuple(column.shape)}")
    require_finite(column, name)
    return column


def read_times(times: Any) -> Tensor:
    """(T,) float64 on the CPU.

    Raises:
        ValueError: not a list of numbers.
    """
    values = read_numbers(times, "times")
    if values.ndim != 1:
        raise ValueError(f"times: expected a list of times, got shape {tuple(values.shape)}")
    return values.double().cpu()


def read_seed(seed: Any, num_rows: int) -> Tensor:
    """(num_rows,) int64: the seed and those that follow it.

    Raises:
        ValueError: no whole number, or one out of range.
    """
    try:
        first = operator.index(seed)
    except TypeError:
        first = -1
    if isinstance(seed, bool) or not 0 <= first < 2**62:
        raise ValueError(f"seed: expected a whole number from 0 to 2**62, got {seed!r}")
    return torch.arange(first, first + num_rows)


def read_states(u: Any, metadata: TrajectoryMetadata, history: int) -> tuple[Tensor, Wrap]:
    """The values of a state or of several, and what makes an array of the same kind of a result.

    Args:
        u: as for ``TrainedSurrogate.rollout``.
        metadata: whose fields and axes they have.
        history: snapshots that are expected.

    Raises:
        ValueError: no real numbers, or dimensions without an order.
    """
    xarray = sys.modules.get("xarray")
    if xarray is not None and isinstance(u, xarray.DataArray):
        return _from_xarray(u, metadata, history)
    if xarray is not None and isinstance(u, xarray.Dataset):
        raise ValueError(
            f"u: expected a DataArray, got a Dataset of {[str(name) for name in u.data_vars]}; "
            "take one of them, or to_dataarray('channel')"
        )
    values = read_numbers(u, "u")
    if isinstance(u, Tensor):
        return values, lambda states, times: states.to(u.device)
    return values, lambda states, times: states.numpy()


def _from_xarray(u: Any, metadata: TrajectoryMetadata, history: int) -> tuple[Tensor, Wrap]:
    space = _space(u, metadata)
    if history == 1 and "snapshot" not in u.dims:
        u = u.expand_dims("snapshot")
    u = _in_channel_order(u, metadata.channel_names)
    ordered = u.transpose(*(name for name in LEADING if name in u.dims), "channel", *space)
    kept = {name: u.coords[name] for name in ("trajectory", "channel", *space) if name in u.coords}

    def wrap(states: Tensor, times: Tensor) -> Any:
        leading = ["trajectory"] if states.ndim == len(space) + 3 else []
        dims = [*leading, "snapshot", "channel", *space]
        coords = {name: values for name, values in kept.items() if name in dims}
        made = type(u)(states.numpy(), dims=dims, coords=coords)
        return made.assign_coords(time=("snapshot", times.numpy()))

    return read_numbers(ordered.values, "u"), wrap


def _space(u: Any, metadata: TrajectoryMetadata) -> list[Any]:
    """The dimensions of space in the order of the axes."""
    space = [name for name in u.dims if name not in (*LEADING, "channel")]
    axes = list(AXES[: len(metadata.geometry.shape)])
    if "channel" not in u.dims or len(space) != len(axes) or (len(axes) > 1 and set(space) != set(axes)):
        named = f"{', '.join(axes)} of space" if len(axes) > 1 else "one of space"
        raise ValueError(
            f"u: expected the dimensions channel and {named}, beside trajectory and snapshot, got {list(u.dims)}; "
            "u.rename tells which is which"
        )
    if len(axes) > 1:
        space = axes
    for name in space:
        values = np.asarray(u.coords[name].values) if name in u.coords else np.zeros(0)
        if values.dtype.kind in "fiu" and (np.diff(values) < 0).any():
            raise ValueError(f"u: expected coordinates of {name} that increase, got others; u.sortby({name!r}) sorts")
    return space


def _in_channel_order(u: Any, names: Sequence[str]) -> Any:
    """The channels in the order of the names, where their labels are names."""
    labels = [str(label) for label in u.coords["channel"].values] if "channel" in u.coords else list(names)
    if labels == list(names) or np.asarray(u.coords["channel"].values).dtype.kind in "fiu":
        return u
    if sorted(labels) != sorted(names):
        raise ValueError(f"u: expected the channels {list(names)}, got {labels}")
    return u.isel(channel=[labels.index(name) for name in names])
