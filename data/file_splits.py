"""Which trajectories of data files are trained on, validated and tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from tendency.data.dataset_layout import SPLITS
from tendency.data.file_index import IndexedFile
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


def _drawn(rule: SplitRule, splits: Sequence[str]) -> str:
    shares = ", ".join(f"data.split.{split}={getattr(rule, split):g}" for split in splits)
    return f"{shares}, data.split.seed={rule.seed}"
