"""What the axes of an array are: stated by the user, told by the file's names, or by coordinates of their lengths."""

from collections.abc import Mapping, Sequence

from tendency.data.readers.stored_array import ORDER, SPACE

WORDS = {
    "trajectory": (
        "trajectory", "trajectories", "traj", "sample", "samples", "batch", "member", "ensemble", "realization",
        "realisation", "case", "run", "simulation", "n",
    ),
    "time": ("time", "times", "t", "snapshot", "snapshots", "t-coordinate", "t_coordinate", "time_step", "timestep"),
    "channel": ("channel", "channels", "c", "field", "fields", "variable", "component"),
    "x": ("x", "lon", "longitude", "nx", "x-coordinate", "x_coordinate"),
    "y": ("y", "lat", "latitude", "ny", "y-coordinate", "y_coordinate"),
    "z": ("z", "lev", "level", "height", "depth", "nz", "z-coordinate", "z_coordinate"),
}  # fmt: skip
"""Names that files give to axes, and to the coordinates along them, lower case."""
USUAL = {
    2: ("time", "x"),
    3: ("trajectory", "time", "x"),
    6: ("trajectory", "time", "channel", "x", "y", "z"),
}
"""Axes that arrays often have, by their number."""
MOST_CHANNELS = 4
"""Entries up to which an axis counts fields rather than points."""


def axis_of_name(name: str) -> str | None:
    """The axis that a file's name for one stands for; None where it is not known."""
    word = name.rpartition("/")[2].lower()
    return next((axis for axis, words in WORDS.items() if word in words), None)


def named_axes(dims: Sequence[str]) -> tuple[str, ...] | None:
    """The axes that a file's names stand for; None where one is not known or two are the same."""
    axes = [axis_of_name(dim) for dim in dims]
    known = tuple(axis for axis in axes if axis is not None)
    return known if len(known) == len(dims) == len(set(known)) else None


def axes_by_length(shape: Sequence[int], lengths: Mapping[str, int]) -> tuple[str, ...] | None:
    """The axes of an array whose coordinates have these lengths; None where that leaves a choice.

    The axis that is left over counts trajectories.

    Args:
        shape: of the array.
        lengths: number of coordinates along time and along axes of space.
    """
    if "time" not in lengths or not {*SPACE} & {*lengths}:
        return None
    axes = ["trajectory"] * len(shape)
    for axis, length in lengths.items():
        places = [place for place, found in enumerate(shape) if found == length]
        if len(places) != 1:
            return None
        axes[places[0]] = axis
    return tuple(axes) if len({*axes}) == len(axes) else None


def likely_axes(shape: Sequence[int]) -> tuple[str, ...] | None:
    """A guess at the axes of an array, to be shown and never taken: few entries in third or last place are channels.

    Args:
        shape: of the array.
    """
    usual, count = USUAL.get(len(shape)), len(shape)
    if count not in (4, 5):
        return usual
    if shape[2] <= MOST_CHANNELS:
        return ("trajectory", "time", "channel", *SPACE[: count - 3])
    if shape[-1] <= MOST_CHANNELS:
        return ("trajectory", "time", *SPACE[: count - 3], "channel")
    return ("trajectory", "time", *SPACE[: count - 2])


def wrong_axes(axes: Sequence[str]) -> str | None:
    """What is wrong with axes that a user stated, as a sentence; None where nothing is."""
    unknown = [axis for axis in axes if axis not in ORDER]
    if unknown or len({*axes}) != len(axes) or "x" not in axes:
        return f"data.axes: expected names among {', '.join(ORDER)}, each once, x among them, got {', '.join(axes)}"
    return None
