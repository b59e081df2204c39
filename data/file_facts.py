"""What data files say of their trajectories, put together with what the user says; what nobody says is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tendency.data.file_index import IndexedFile
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.possible_numbers import require_positive, require_size, require_steps
from tendency.data.readers.block import Block
from tendency.simulation.geometry import Boundary, Grid

UNEVEN = 1e-4
"""Share of a step by which steps may differ and still be one: what single precision leaves of times."""

MOST_TRAJECTORIES = 10**7
"""Of one dataset, each of which its manifest names."""
PART = "a part by data.only=<pattern of names of files or of blocks>"
MOST_NAMES = 6
"""Trajectories that a message names."""

MOST_LETTERS = 80
"""Of a file's own words for its equation."""

Sides = str | Sequence[str | Sequence[str]]
"""One kind for all axes, or for each axis one kind or a pair of them."""


@dataclass(frozen=True)
class StatedValues:
    """What the user says in place of the files.

    Args:
        dt: time between snapshots.
        extent: side lengths.
        boundary: kinds of boundaries.
        params: parameters and their names in the files; None for all, by the files' names.
        constants: parameters of one known value, which the files do not hold.
        num_snapshots: of each trajectory the first so many.
    """

    dt: float | None = None
    extent: tuple[float, ...] | None = None
    boundary: Sides | None = None
    params: Mapping[str, str] | None = None
    constants: Mapping[str, float] = field(default_factory=dict)
    num_snapshots: int | None = None


@dataclass(frozen=True)
class FileFacts:
    """What is known of the trajectories of data files.

    Args:
        metadata: that they share.
        steps: shortest and longest time between snapshots.
        extent: shortest and longest side on each axis.
        params: lowest and highest value of each parameter, constants among them.
        names: of the parameters in the files.
    """

    metadata: TrajectoryMetadata
    steps: tuple[float, float]
    extent: tuple[tuple[float, float], ...]
    params: Mapping[str, tuple[float, float]]
    names: Mapping[str, str]


def require_one_kind(files: Sequence[IndexedFile], asked: int | None) -> int:
    """Refuses files whose trajectories cannot make one dataset.

    Args:
        files: with the blocks that are used.
        asked: snapshots of each trajectory that are used; None for all.

    Returns:
        The number of snapshots that are used.

    Raises:
        ValueError: with two files, both sides and the remedy.
    """
    (first_name, first), *others = _named_blocks(files)
    for name, block in [(first_name, first), *others]:
        if block.is_steady:
            raise ValueError(
                f"data.path: {name} holds one snapshot of each trajectory ({_kind(block)}): a steady problem, in which "
                "there is nothing to step in time"
            )
    if (count := sum(block.num_trajectories for _, block in _named_blocks(files))) > MOST_TRAJECTORIES:
        raise ValueError(f"data.path: expected at most {MOST_TRAJECTORIES:,} trajectories, got {count:,}; use {PART}")
    remedy = "train on one kind: data.only=<pattern of names of files or of blocks>"
    for name, block in others:
        if _kind(block) != _kind(first):
            raise ValueError(
                f"data.path: {first_name} holds {_kind(first)}, {name} holds {_kind(block)}; expected the same in all "
                f"files; {remedy}"
            )
    shortest_name, shortest = min([(first_name, first), *others], key=lambda pair: pair[1].num_snapshots)
    fewest = shortest.num_snapshots
    longer = [(name, block) for name, block in _named_blocks(files) if block.num_snapshots > fewest]
    if asked is None and longer:
        name, block = longer[0]
        raise ValueError(
            f"data.path: the trajectories of {name} have {block.num_snapshots} snapshots, those of {shortest_name} "
            f"{fewest}; expected as many in all files: take the first of each by data.num_snapshots={fewest}, or "
            f"{remedy}"
        )
    if asked is not None and not 2 <= asked <= fewest:
        raise ValueError(
            f"data.num_snapshots: expected 2 to {fewest}, the snapshots of the trajectories of {shortest_name}, got "
            f"{asked}"
        )
    return asked or fewest


def unsaid(files: Sequence[IndexedFile], stated: StatedValues) -> list[str]:
    """What neither the files nor the user say, each as the override that would say it.

    Args:
        files: with the blocks that are used.
        stated: by the user.
    """
    blocks = [block for _, block in _named_blocks(files)]
    asked = []
    if stated.boundary is None and any(block.boundary is None for block in blocks):
        asked.append("data.boundary=periodic")
    if stated.dt is None and any(block.times is None for block in blocks):
        asked.append("data.dt=0.01")
    if stated.extent is None and any(block.extent is None for block in blocks):
        asked.append(f"data.extent=[{','.join(['1.0'] * blocks[0].spatial_dims)}]")
    return asked


def described(files: Sequence[IndexedFile], dtype: str) -> str:
    """What was found in the files, for the sentence that asks for more."""
    blocks = [block for _, block in _named_blocks(files)]
    first = blocks[0]
    shape = (first.num_trajectories, first.num_snapshots, first.num_channels, *first.shape)
    more = f" and {len(blocks) - 1} more" if len(blocks) > 1 else ""
    params = ", ".join(first.params) or "none"
    return f"{', '.join(each.name for each in first.fields)} {shape} {dtype}{more}, params {params}"


def gather_facts(
    name: str, files: Sequence[IndexedFile], used: np.ndarray, stated: StatedValues, num_snapshots: int
) -> FileFacts:
    """All that is known of the trajectories, where nothing is unsaid.

    Args:
        name: of the dataset.
        files: with the blocks that are used.
        used: sorted numbers of the trajectories.
        stated: by the user.
        num_snapshots: of each trajectory that are used.

    Raises:
        DatasetError: times, side lengths or parameters that are none.
        ValueError: files that do not agree, or what the user says does not fit them.
    """
    first = files[0].blocks[0]
    dt, steps = step_range(files, stated.dt, num_snapshots)
    names = _names_in_files(files, stated)
    ranges = {own: param_range(files, inside, used) for own, inside in names.items()}
    ranges |= {own: (float(value), float(value)) for own, value in stated.constants.items()}
    told = tuple(own for own in names if ranges[own][0] < ranges[own][1])
    return FileFacts(
        metadata=TrajectoryMetadata(
            name=name,
            equation=" ".join(first.equation.split())[:MOST_LETTERS],
            equation_version=1,
            fields=first.fields,
            param_names=told,
            # A network that is told a constant learns nothing from it.
            hidden_names=tuple(own for own in ranges if own not in told),
            geometry=Grid(first.shape, _boundary(files, stated.boundary)),
            num_snapshots=num_snapshots,
            dt=dt,
            resolution="unknown",
            given=first.given,
        ),
        steps=steps,
        extent=side_ranges(files, stated.extent),
        params=ranges,
        names=names,
    )


def step_range(
    files: Sequence[IndexedFile], stated: float | None, num_snapshots: int
) -> tuple[float | None, tuple[float, float]]:
    """The time between snapshots, None where it varies, and its range.

    Args:
        files: with the blocks that are used.
        stated: by the user, in place of the files' own times.
        num_snapshots: of each trajectory that are used.

    Raises:
        ValueError: times that are none, or do not increase.
    """
    if stated is not None:
        require_positive("data.dt", stated)
        return stated, (stated, stated)
    found = []
    for name, block in _named_blocks(files):
        times = np.atleast_2d(np.asarray(block.times, dtype=np.float64))
        if times.shape[1] != block.num_snapshots or len(times) not in (1, block.num_trajectories):
            raise ValueError(f"data.path: expected {block.num_snapshots} times, got {times.shape} of them in {name}")
        times = times[:, :num_snapshots]
        if not (np.isfinite(times).all() and (times[:, 1:] > times[:, :-1]).all()):
            raise ValueError(f"data.path: expected times that increase, got others in {name}; say data.dt=...")
        require_steps(name, times)
        between = np.diff(times)
        found.append((between.min(), between.max(), between.mean()))
    shortest, longest = float(min(each[0] for each in found)), float(max(each[1] for each in found))
    step = one_step(shortest, longest, float(np.mean([each[2] for each in found])))
    return step, (shortest, longest) if step is None else (step, step)


def one_step(shortest: float, longest: float, mean: float) -> float | None:
    """The step that all steps are; None where they vary.

    Args:
        shortest: of the steps.
        longest: of the steps.
        mean: of the steps.
    """
    if longest - shortest > 2 * UNEVEN * longest:
        return None
    # Single precision of times says no more than six digits of a step.
    return float(f"{mean:.6g}")


def side_ranges(files: Sequence[IndexedFile], stated: Sequence[float] | None) -> tuple[tuple[float, float], ...]:
    """Shortest and longest side on each axis.

    Args:
        files: with the blocks that are used.
        stated: by the user, in place of the files' own.

    Raises:
        ValueError: side lengths that are none, or not one for each axis.
    """
    dims = files[0].blocks[0].spatial_dims
    if stated is not None:
        if len(stated) != dims:
            raise ValueError(f"data.extent: expected {dims} side lengths, got {list(stated)}")
        for side in stated:
            require_positive("data.extent", side)
        return tuple((side, side) for side in stated)
    sides = []
    for name, block in _named_blocks(files):
        extent = np.atleast_2d(np.asarray(block.extent, dtype=np.float64))
        if extent.shape[1] != dims or not (np.isfinite(extent).all() and (extent > 0).all()):
            raise ValueError(
                f"data.path: expected {dims} positive side lengths, got others in {name}; say data.extent=..."
            )
        for side in (extent.min(), extent.max()):
            require_positive(f"data.path: side length of {name}", float(side))
        sides.append(extent)
    return tuple(_range(column) for column in np.concatenate(sides).T)


def _named_blocks(files: Sequence[IndexedFile]) -> list[tuple[str, Block]]:
    """The blocks, each with the name of its file, and its own where the file has several."""
    return [
        (f"{file.name} ({block.key})" if block.key else file.name, block) for file in files for block in file.blocks
    ]


def _kind(block: Block) -> str:
    """What trajectories of one dataset have in common, in words."""
    fields = ", ".join(
        f"{each.name}{' (vector)' if each.rank == 1 else ' (tensor)' if each.rank else ''}" for each in block.fields
    )
    given = f", given {', '.join(each.name for each in block.given)}" if block.given else ""
    return f"{fields} on {' x '.join(map(str, block.shape))} points{given}"


def _names_in_files(files: Sequence[IndexedFile], stated: StatedValues) -> dict[str, str]:
    """The parameters of the dataset, each with its name in the files."""
    (first_name, first), *others = _named_blocks(files)
    if stated.params is None:
        for name, block in others:
            if set(block.params) != set(first.params):
                raise ValueError(
                    f"data.params: {first_name} has the parameters {sorted(first.params)}, {name} has "
                    f"{sorted(block.params)}; say which are used: data.params={{name: name in the files}}"
                )
    names = {each: each for each in first.params} if stated.params is None else dict(stated.params)
    for own, inside in names.items():
        for name, block in [(first_name, first), *others]:
            if inside not in block.params:
                raise ValueError(
                    f"data.params.{own}: expected one of {sorted(block.params)}, those of {name}, got {inside!r}"
                )
    if twice := set(names) & set(stated.constants):
        raise ValueError(f"data.constants: expected parameters that the files do not hold, got {sorted(twice)}")
    return names


def _column(files: Sequence[IndexedFile], inside: str, used: np.ndarray) -> np.ndarray:
    """The values of a parameter of all trajectories that are used."""
    values = [np.asarray(block.params[inside], dtype=np.float64) for _, block in _named_blocks(files)]
    for (name, block), column in zip(_named_blocks(files), values, strict=True):
        if column.shape != (block.num_trajectories,):
            raise ValueError(
                f"data.params: expected values of {inside}, one a trajectory, got {column.shape} in {name}"
            )
    chosen = np.concatenate(values)[used]
    if len(wrong := np.flatnonzero(~np.isfinite(chosen))):
        names = ", ".join(f"{each}: {each}" for each in files[0].blocks[0].params if each != inside)
        left_out = ",".join(map(str, used[wrong][:MOST_NAMES])) + (",..." if wrong[MOST_NAMES:].size else "")
        raise ValueError(
            f"data.params: expected finite values of {inside}, got {chosen[wrong[0]]:g} in trajectory "
            f"{used[wrong[0]]}: leave out by data.leave_out=[{left_out}], or use others: data.params={{{names}}}"
        )
    require_size(f"data.params: {inside}", chosen)
    return chosen


def param_range(files: Sequence[IndexedFile], inside: str, used: np.ndarray) -> tuple[float, float]:
    """Lowest and highest value of a parameter.

    Args:
        files: with the blocks that are used.
        inside: name of the parameter in the files.
        used: numbers of the trajectories.

    Raises:
        ValueError: values that are not finite, or not one for each trajectory.
    """
    return _range(_column(files, inside, used))


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _boundary(files: Sequence[IndexedFile], stated: Sides | None) -> Boundary:
    """The boundary of all trajectories."""
    (first_name, first), *others = _named_blocks(files)
    if stated is None:
        for name, block in others:
            if block.boundary != first.boundary:
                raise ValueError(
                    f"data.path: the boundaries of {first_name} are {first.boundary}, those of {name} "
                    f"{block.boundary}; expected one kind: data.only=..., or data.boundary=..."
                )
        return Boundary(first.boundary or ())
    try:
        return Boundary.of_axes(stated, first.spatial_dims)
    except ValueError as error:
        raise ValueError(f"data.boundary: {error}") from None
