"""Which trajectories of data files are trained on, validated and tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from tendency.data.dataset_layout import SPLITS
from tendency.data.file_index import IndexedFile, header_of
from tendency.simulation.annotations import NonNegativeInt

Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True)
class SplitRule:
    """Shares of the trajectories that are drawn for validation and test, where files do not say.

    Args:
        valid: share of all trajectories.
        test: share of all trajectories.
        seed: of the draw.
    """

    valid: Share = 0.1
    test: Share = 0.1
    seed: NonNegativeInt = 0

    def __post_init__(self) -> None:
        if self.valid + self.test >= 1:
            raise ValueError(
                f"data.split: expected valid and test to leave a share to train on, got {self.valid:g} + {self.test:g}"
            )

    def cut(self, numbers: np.ndarray, missing: Sequence[str]) -> dict[str, np.ndarray]:
        """Cuts trajectories into the training split and the missing ones.

        All come out in the order of the draw, so that the first n of a split are a sample of it.

        Args:
            numbers: of the trajectories.
            missing: of ``valid`` and ``test``.

        Raises:
            ValueError: too few trajectories for one in each split.
        """
        drawn = np.random.default_rng(self.seed).permutation(numbers)
        found, first = {}, 0
        for split in missing:
            count = max(round(getattr(self, split) * len(numbers)), 1)
            found[split] = drawn[first : first + count]
            first += count
        if first >= len(numbers):
            raise ValueError(
                f"data.split: expected at least one trajectory to train on, got {len(numbers)} of which {first} are "
                f"for {' and '.join(missing)}"
            )
        return {"train": drawn[first:], **found}


def splits_of(
    files: Sequence[IndexedFile], leave_out: Sequence[int], rule: SplitRule
) -> tuple[dict[str, np.ndarray], str]:
    """The numbers of the trajectories of each split: the files' own splits where all of them say one.

    Args:
        files: with the blocks that are used, through which trajectories are numbered.
        leave_out: numbers of trajectories that are not used.
        rule: for what the files do not say.

    Returns:
        The splits, and a sentence on where they come from.

    Raises:
        ValueError: a number that there is not, or a split without a trajectory.
    """
    blocks = [block for file in files for block in file.blocks]
    ends = np.cumsum([block.num_trajectories for block in blocks])
    if wrong := [number for number in leave_out if not 0 <= number < ends[-1]]:
        raise ValueError(f"data.leave_out: expected numbers of the {ends[-1]} trajectories from 0 on, got {wrong[0]}")
    stated: dict[str, list[np.ndarray]] = {}
    for block, end in zip(blocks, ends, strict=True):
        numbers = np.setdiff1d(np.arange(end - block.num_trajectories, end), leave_out)
        if len(numbers):
            stated.setdefault(block.split or "", []).append(numbers)
    if "" in stated and len(stated) > 1:
        raise ValueError(_unsaid(files))
    if "" in stated or not stated:
        kept = np.setdiff1d(np.arange(ends[-1]), leave_out)
        return rule.cut(kept, SPLITS[1:]), f"drawn from all {len(kept)} trajectories, {_drawn(rule, SPLITS[1:])}"
    found = {split: np.concatenate(parts) for split, parts in stated.items()}
    if "train" not in found:
        raise ValueError(f"data.path: expected files of the training split, got {' and '.join(found)} alone")
    missing = [split for split in SPLITS if split not in found]
    said = f"{' and '.join(split for split in SPLITS if split in found)} as the files say"
    if not missing:
        return found, said
    return found | rule.cut(found["train"], missing), f"{said}; drawn from train, {_drawn(rule, missing)}"


def _unsaid(files: Sequence[IndexedFile]) -> str:
    """What is wrong where some files name a split and others none."""
    places = [(file.name, block.key, block.split) for file in files for block in file.blocks]
    without = next((f"{name} {key}".strip() for name, key, split in places if not split), "")
    name, _, split = next(place for place in places if place[2])
    return (
        f"data.path: expected files that all name their split, or none, got {without} without one beside {name} "
        f"({split}); choose those that do by data.only=<pattern of their names>, such as data.only='*/?*' for files in "
        "folders, or move the others away"
    )


def require_apart(files: Sequence[IndexedFile], samples: Sequence[str], splits: Mapping[str, np.ndarray]) -> list[str]:
    """Refuses files with the same trajectories in different splits, such as links to one file.

    Args:
        files: with the blocks that are used, through which trajectories are numbered.
        samples: for each file a digest of its first and last trajectory that are used.
        splits: the numbers of the trajectories of each.

    Returns:
        A sentence for each file whose trajectories count twice in one split.

    Raises:
        ValueError: names both files and both splits.
    """
    notes, first = [], 0
    seen: dict[tuple[int, str, str], tuple[str, set[str]]] = {}
    for file, sample in zip(files, samples, strict=True):
        stop = first + sum(block.num_trajectories for block in file.blocks)
        inside = {name for name, numbers in splits.items() if ((numbers >= first) & (numbers < stop)).any()}
        first = stop
        same = (file.bytes, header_of([replace(block, split=None) for block in file.blocks]), sample)
        before, there = seen.setdefault(same, (file.name, inside))
        if before == file.name or not inside:
            continue
        if len(there | inside) > 1:
            both = " and ".join(split for split in SPLITS if split in there | inside)
            raise ValueError(
                f"data.path: {before} and {file.name} hold the same trajectories (size, structure, first and last "
                f"values agree), in {both}: what is tested would be trained on; remove one, or choose files by "
                "data.only=<pattern of their names>"
            )
        notes.append(f"{before} and {file.name} hold the same trajectories, which count twice")
    return notes


def _drawn(rule: SplitRule, splits: Sequence[str]) -> str:
    shares = ", ".join(f"data.split.{split}={getattr(rule, split):g}" for split in splits)
    return f"{shares}, data.split.seed={rule.seed}"
