"""What can be said of trajectories in data files without solving their equation."""

from collections.abc import Mapping, Sequence

import numpy as np

from tendency.data.certificate import Figure
from tendency.data.file_facts import UNEVEN
from tendency.data.file_index import FileIndex
from tendency.data.file_sample import TrajectoryFacts, measure_trajectory, sampled_rows
from tendency.data.file_storage import FileStorage
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.stored_twice import trajectories_twice

NOTED = "noted"
"""What is said of a figure of data files that is above its tolerance, and does not make them unusable."""
MOST_NAMES = 6
"""Trajectories that are named."""

RESOLVED = 1e-4
"""Share of the energy in the highest third of wavenumbers up to which a field is called resolved."""
OUTLIER = 1.6
"""How much larger than its neighbours a change between snapshots may be: about twice as large where one was dropped."""
CONSERVED, DRIFTS = 1e-5, 1e-4
"""Drift of a mean, over the size of the field: what most keep is called conserved, and what drifts more is named."""
AROUND = 3
"""Changes on each side that a change is compared with."""
SMALLEST = 1e-6
"""Of the spread of a field: smaller changes are rounding."""


def noted(name: str, value: float, tolerance: float, remedy: str) -> Figure:
    """A figure that is told and refuses nothing."""
    return Figure(name, float(value), tolerance, remedy, binding=False, otherwise=NOTED)


def names_of(numbers: Sequence[int]) -> str:
    """Trajectories by their numbers in the data files, and how to leave them out."""
    some = sorted(set(numbers))
    shown = ", ".join(map(str, some[:MOST_NAMES])) + (
        f" and {len(some) - MOST_NAMES} more" if some[MOST_NAMES:] else ""
    )
    left_out = ",".join(map(str, some[:MOST_NAMES])) + (",..." if some[MOST_NAMES:] else "")
    return f"trajector{'y' if len(some) == 1 else 'ies'} {shown}; leave out by data.leave_out=[{left_out}]"


def file_figures(index: FileIndex, storages: Mapping[str, FileStorage]) -> tuple[list[Figure], int]:
    """Measures a sample of the trajectories.

    Args:
        index: of the files.
        storages: of the splits.

    Returns:
        The figures, and the number of trajectories that were read whole.

    Raises:
        DatasetError: values that are not finite, with the trajectory and the snapshot.
    """
    metadata = next(iter(storages.values())).metadata
    state = metadata.num_channels * int(np.prod(metadata.geometry.shape))
    facts = [measure_trajectory(*place) for place in sampled_rows(storages, metadata.num_snapshots, state)]
    figures = [
        # What is not finite was refused when it was read.
        Figure("values that are not finite", 0.0, 0.0, "leave the trajectory out by data.leave_out"),
        *_changes(facts),
        *_still_fields(facts, metadata),
        *_twice(storages),
        *_times(facts, index, metadata),
        _tail(facts, metadata),
        *_means(facts, metadata),
        *_outliers(facts),
    ]
    return figures, len(facts)


def _changes(facts: Sequence[TrajectoryFacts]) -> list[Figure]:
    """Snapshots that repeat, and trajectories in which nothing changes or that come to rest."""
    repeated, resting, still = [], [], []
    for each in facts:
        moves = np.any(each.steps > 0, axis=1)
        last = int(np.flatnonzero(moves)[-1]) if moves.any() else -1
        repeated += [(each.number, int(k) + 1) for k in np.flatnonzero(~moves[: max(last, 0)])]
        if last < 0:
            still.append(each.number)
        elif last < len(moves) - 1:
            resting.append(each.number)
    where = ", ".join(f"snapshot {k} of trajectory {number}" for number, k in repeated[:MOST_NAMES])
    all_still = len(still) == len(facts)
    nothing = "nothing changes in them, and there is nothing to learn: check data.path, data.arrays and data.axes"
    return [
        noted(
            "snapshots that repeat the one before",
            len(repeated),
            0.0,
            f"{where}{'...' if repeated[MOST_NAMES:] else ''}; {names_of([number for number, _ in repeated])}",
        ),
        Figure("trajectories in which nothing changes", float(len(still)), 0.0, nothing)
        if all_still
        else noted("trajectories in which nothing changes", len(still), 0.0, names_of(still)),
        noted(
            "trajectories that end at rest",
            len(resting),
            0.0,
            f"their last snapshots are equal: {names_of(resting)}, or take fewer by data.num_snapshots",
        ),
    ]


def _still_fields(facts: Sequence[TrajectoryFacts], metadata: TrajectoryMetadata) -> list[Figure]:
    """Fields that never vary, and snapshots without any structure."""
    names = np.array(metadata.channel_names)
    varies = np.stack([(each.steps > 0).any(0) | (each.spreads > 1e-9 * each.sizes).any(0) for each in facts]).any(0)
    blank = [
        (each.number, int(k)) for each in facts for k in np.flatnonzero((each.spreads <= 1e-9 * each.sizes).all(1))
    ]
    where = ", ".join(f"snapshot {k} of trajectory {number}" for number, k in blank[:MOST_NAMES])
    return [
        noted(
            "fields that never vary",
            int((~varies).sum()),
            0.0,
            f"{', '.join(names[~varies])}: leave out what is not to be predicted by data.arrays",
        ),
        noted(
            "snapshots in which all fields are constant",
            len(blank),
            0.0,
            f"{where}{'...' if blank[MOST_NAMES:] else ''}; {names_of([number for number, _ in blank])}",
        ),
    ]


def _twice(storages: Mapping[str, FileStorage]) -> list[Figure]:
    """Trajectories that are stored twice."""
    within, between = trajectories_twice(storages)
    figures = []
    for name, pairs in (("trajectories stored twice", within), ("trajectories in two splits", between)):
        some = ", ".join(f"{first} = {second}" for first, second in pairs[:MOST_NAMES])
        left_out = names_of([second for _, second in pairs])
        figures.append(noted(name, len(pairs), 0.0, f"{some}{'...' if pairs[MOST_NAMES:] else ''}; {left_out}"))
    return figures


def _times(facts: Sequence[TrajectoryFacts], index: FileIndex, metadata: TrajectoryMetadata) -> list[Figure]:
    """That snapshots are evenly spaced, and that a stated time between them is the files' own."""
    uneven = []
    for each in facts:
        between = np.diff(each.times)
        uneven.append(float(np.abs(between / between.mean() - 1).max()))
    worst = int(np.argmax(uneven))
    figures = [
        noted(
            "times between snapshots, largest deviation",
            max(uneven),
            2 * UNEVEN,
            f"trajectory {facts[worst].number}: a surrogate of a fixed step takes all steps for equal",
        )
    ]
    own = [block.times for file in index.files for block in file.blocks if block.times is not None]
    if index.dt is not None and own:
        steps = [np.diff(np.atleast_2d(times)[:, : metadata.num_snapshots]) for times in own]
        off = max(float(np.abs(each / index.dt - 1).max()) for each in steps)
        mean = float(np.mean([each.mean() for each in steps]))
        figures.append(
            noted("data.dt against the files' own times", off, 1e-3, f"data.dt={index.dt:g}, the files say {mean:.6g}")
        )
    return figures


def _tail(facts: Sequence[TrajectoryFacts], metadata: TrajectoryMetadata) -> Figure:
    """Whether the grid resolves the fields."""
    high, whole = np.stack([each.tail for each in facts]).sum(0)
    share = np.where(whole > 0, high / np.where(whole > 0, whole, 1.0), 0.0)
    worst = int(np.argmax(share))
    return noted(
        f"energy in the highest third of wavenumbers, {metadata.channel_names[worst]}",
        float(share[worst]),
        RESOLVED,
        "not resolved: jumps, noise, or too few points; a network is taught what lies between the points as well",
    )


def _means(facts: Sequence[TrajectoryFacts], metadata: TrajectoryMetadata) -> list[Figure]:
    """The drift of means that most trajectories keep."""
    figures = []
    for channel, name in enumerate(metadata.channel_names):
        drifts = np.array(
            [
                np.abs(each.means[:, channel] - each.means[0, channel]).max() / (each.sizes[channel] or 1.0)
                for each in facts
            ]
        )
        if np.median(drifts) <= CONSERVED:
            others = [each.number for each, drift in zip(facts, drifts, strict=True) if drift > DRIFTS]
            remedy = f"most trajectories keep it to {np.median(drifts):.0e}: {names_of(others)}"
            figures.append(noted(f"drift of the mean of {name}", float(drifts.max()), DRIFTS, remedy))
    return figures


def _outliers(facts: Sequence[TrajectoryFacts]) -> list[Figure]:
    """The largest change between snapshots beside the changes around it."""
    found = [(*_largest_ratio(each), each.number) for each in facts if len(each.steps) > 2]
    if not found:
        return []
    ratio, snapshot, number = max(found)
    many = [number for ratio, _, number in found if ratio > OUTLIER]
    remedy = (
        f"trajectory {number} between snapshots {snapshot} and {snapshot + 1}: a snapshot was dropped or damaged, or "
        f"the solution jumps; {names_of(many)}"
    )
    return [noted("largest change beside those around it", ratio, OUTLIER, remedy)]


def _largest_ratio(each: TrajectoryFacts) -> tuple[float, int]:
    """The largest ratio of a change to the median of those around it, as many on either side; and its snapshot."""
    scale = np.sqrt((each.spreads**2).mean(0))
    scale = np.where(scale > 0, scale, np.inf)
    sizes = np.sqrt(((each.steps / scale) ** 2).mean(1)) / (np.diff(each.times) / np.diff(each.times).mean())
    best = (0.0, 0)
    for k in range(1, len(sizes) - 1):
        width = min(AROUND, k, len(sizes) - 1 - k)
        around = np.concatenate([sizes[k - width : k], sizes[k + 1 : k + width + 1]])
        middle = float(np.median(around))
        if sizes[k] > SMALLEST and middle > 0:
            best = max(best, (float(sizes[k]) / middle, k))
    return best
