"""Where a training is killed: by itself at the n-th time it gets somewhere, or by another process after a while."""

import os
import random
import signal
from dataclasses import dataclass
from typing import IO, Any

import torch
from lightning.pytorch.trainer import call

HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_validation_start",
    "on_validation_batch_end",
    "on_validation_end",
    "on_train_epoch_start",
    "on_train_epoch_end",
)
NOT_DRAWN = ("on_validation_epoch_end",)
"""Hooks that a test names; those above are drawn from, as the records of earlier kills were."""
SAVES = ("half written", "before fsync", "before rename", "after rename")


@dataclass(frozen=True)
class KillPoint:
    """One place in a training.

    Args:
        place: a hook of Lightning's callbacks, a stage of a save, or ``time``.
        number: how many times it has been reached; of ``time``, milliseconds.
    """

    place: str
    number: int

    def arm(self) -> None:
        """Prepares this process to kill itself there, if it is a place in its work."""
        if self.place in (*HOOKS, *NOT_DRAWN):
            _arm_hook(self)
        elif self.place in SAVES:
            _arm_save(self)


def draw_kill_point(drawn: random.Random, counts: dict[str, int], milliseconds: int, share: float) -> KillPoint:
    """A random place, in the first part of what is left to do.

    Args:
        drawn: the source of chance.
        counts: how often an uninterrupted training gets to each place.
        milliseconds: that it takes.
        share: of an uninterrupted training, in which the place lies.
    """
    kind = drawn.choice(("hook", "hook", "save", "time"))
    if kind == "time":
        return KillPoint("time", drawn.randint(1, max(1, round(milliseconds * share))))
    place = drawn.choice(HOOKS if kind == "hook" else SAVES)
    total = counts["save"] if kind == "save" else counts[place]
    return KillPoint(place, drawn.randint(1, max(1, round(total * share))))


def count_places() -> dict[str, int]:
    """Counts from now on how often this process gets to each place; the counts grow while it works."""
    counts = {"save": 0, **dict.fromkeys(HOOKS, 0)}
    hooks, replace = call._call_callback_hooks, os.replace

    def counted_hooks(trainer: Any, name: str, *arguments: Any, **options: Any) -> None:
        hooks(trainer, name, *arguments, **options)
        if name in counts:
            counts[name] += 1

    def counted_replace(source: Any, target: Any) -> None:
        replace(source, target)
        counts["save"] += str(target).endswith(".ckpt")

    call._call_callback_hooks, os.replace = counted_hooks, counted_replace
    return counts


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm_hook(point: KillPoint) -> None:
    hooks, reached = call._call_callback_hooks, [0]

    def killing(trainer: Any, name: str, *arguments: Any, **options: Any) -> None:
        hooks(trainer, name, *arguments, **options)
        reached[0] += name == point.place
        if name == point.place and reached[0] == point.number:
            _die()

    call._call_callback_hooks = killing


def _arm_save(point: KillPoint) -> None:
    """Kills inside the n-th save of a checkpoint."""
    save, fsync, replace, reached = torch.save, os.fsync, os.replace, [0]

    def killing_save(content: Any, file: IO[bytes], *arguments: Any, **options: Any) -> None:
        save(content, file, *arguments, **options)
        reached[0] += 1
        if reached[0] == point.number and point.place == "half written":
            file.flush()
            os.truncate(file.name, os.path.getsize(file.name) // 2)
            _die()

    def killing_fsync(descriptor: int) -> None:
        if reached[0] == point.number and point.place == "before fsync":
            _die()
        fsync(descriptor)

    def killing_replace(source: Any, target: Any) -> None:
        if reached[0] == point.number and point.place == "before rename":
            _die()
        replace(source, target)
        if reached[0] == point.number and point.place == "after rename":
            _die()

    torch.save, os.fsync, os.replace = killing_save, killing_fsync, killing_replace
