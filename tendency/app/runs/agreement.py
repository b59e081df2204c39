"""What a run that goes on must have in common with the one that was stopped."""

from collections.abc import Iterable, Mapping
from typing import Any

from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.learned_part import CHANGES_NOTHING

RESUMED = {group.name for group in GROUPS.values() if group.resumed}
"""The groups that a checkpoint and the configuration must agree in when a run goes on from it; beside the seed."""

EPOCH_KEYS = (
    "data.batch_size",
    "data.num_train",
    "data.batches_per_epoch",
    "data.stride",
    "trainer.accumulate_grad_batches",
)
"""What makes an epoch and its steps: where a checkpoint stands means nothing in a run with other ones."""


def epoch_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values of what makes an epoch, by key."""
    return {key: config[group].get(name) for key in EPOCH_KEYS for group, name in [key.split(".")]}


def changed_keys(lines: Iterable[str]) -> list[str]:
    """The keys of differences, ``optimizer.lr: 0.001 there, 0.002 here``."""
    return [line.partition(":")[0] for line in lines]


def changes_nothing(line: str) -> bool:
    """Whether a run may be continued in spite of a difference."""
    (key,) = changed_keys([line])
    return any(key == name or key.startswith(f"{name}.") for name in CHANGES_NOTHING)


def goes_on_from_checkpoint(lines: Iterable[str]) -> bool:
    """Whether ``ckpt_path`` accepts all of some differences."""
    return not any(
        key in EPOCH_KEYS or key in ("seed", "data") or key.split(".")[0] in RESUMED for key in changed_keys(lines)
    )
