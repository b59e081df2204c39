"""The checkpoint from which a run that was stopped goes on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.training.training_plan import TrainingPlan
from tendency.errors import ArtefactError
from tendency.trainers.logs.metrics_reader import MetricsError, read_metrics

Examine = Callable[[Path], None]
"""Refuses, as an ArtefactError, a checkpoint that a training cannot go on from."""


def resume_point(plan: TrainingPlan, examine: Examine) -> Path | None:
    """The newest checkpoint of a run's folder that is whole; None where the run begins anew.

    Any checkpoint of a run leads to the same end, an older one by a longer way. What is wrong with a newer one is
    said on the first rank.

    Args:
        plan: of the run.
        examine: looks at all that a checkpoint holds beside its recipe.

    Raises:
        ArtefactError: the run had checkpoints, and none is whole; or they are of a run with another configuration; or
            the best checkpoint or the log is not what the newest one says.
    """
    folder, wrong = plan.folder, []
    for path in (folder.last, folder.last.with_name("best.ckpt")):
        if (problem := _problem(plan, path, examine)) is not None:
            wrong.append(problem)
            continue
        if wrong and plan.is_first_rank:
            step = plan.check_fits(path).steps
            print(f"{wrong[0]}; going on from {path.name}, step {step}: what came after it is done again", flush=True)
        _require_files(plan, path)
        return path
    records = _logged(plan)
    if folder.last.exists() or _had_checkpoint(plan):
        raise ArtefactError("\n".join([f"run folder {folder.path}: no checkpoint to go on from:", *wrong, REMEDY]))
    if records and plan.is_first_rank:
        anew = "the run begins anew" if plan.checkpoint is None else f"the run begins again from {plan.checkpoint}"
        print(f"stopped before its first checkpoint, at step {records[-1]['step']}: {anew}", flush=True)
    return None


REMEDY = "put back a copy of last.ckpt, or remove the folder to begin anew, or take another name="


def _problem(plan: TrainingPlan, path: Path, examine: Examine) -> str | None:
    """Why a run cannot go on from a checkpoint of its own."""
    if not path.exists():
        return f"{path.name} is missing"
    try:
        read_checkpoint(path)
        if path != plan.folder.last:
            plan.read_own(path)
    except ArtefactError as error:
        return str(error)
    # Of another run is not damaged: nothing is put in its place.
    plan.read_own(path)
    try:
        plan.check_fits(path)
        examine(path)
    except ArtefactError as error:
        return str(error)
    return None


def _require_files(plan: TrainingPlan, path: Path) -> None:
    """Refuses to go on where what a checkpoint says of the files beside it is not so: the run would end otherwise.

    Args:
        plan: of the run.
        path: the checkpoint that it goes on from.

    Raises:
        ArtefactError: its best checkpoint is missing, damaged or of another run; or its log is shorter than it was.
    """
    kept, best = read_checkpoint(path).kept, path.with_name("best.ckpt")
    way = f"take another name= with ckpt_path={path}, which goes on from there"
    if kept.has_best and best != path:
        if not best.exists():
            raise ArtefactError(
                f"run folder {plan.folder.path}: best.ckpt is missing, which {path.name} says was written; put back a "
                f"copy, or {way} and finds a best of its own"
            )
        try:
            plan.read_own(best)
        except ArtefactError as error:
            raise ArtefactError(
                f"{error}\nput back a copy of best.ckpt, or {way} and finds a best of its own"
            ) from None
    keeps_log = (plan.config.get("logger") or {}).get("local") is not None
    there = plan.folder.log.stat().st_size if plan.folder.log.exists() else 0
    if keeps_log and there < (kept.log_bytes or 0):
        raise ArtefactError(
            f"{plan.folder.log}: expected at least the {kept.log_bytes} bytes that it had beside {path.name}, "
            f"got {there}; put back a copy, or {way} with a log of its own"
        )
    if keeps_log and kept.log_bytes and not _ends_line(plan.folder.log, kept.log_bytes):
        raise ArtefactError(
            f"{plan.folder.log}: expected a line to end after the {kept.log_bytes} bytes that it had beside "
            f"{path.name}; one of them was changed: put back copies of both, or {way} with a log of its own"
        )


def _ends_line(log: Path, size: int) -> bool:
    """Whether the first bytes of a log are whole lines."""
    with log.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"


def require_same_data(path: Path, checksums: Mapping[str, str]) -> None:
    """Refuses to go on with a run on other data: it would learn from two datasets, and end as no other run.

    Args:
        path: the checkpoint that it goes on from; one that names no chunks passes.
        checksums: of the chunks of the dataset, by name; those of the test trajectories are not learned from.

    Raises:
        ArtefactError: a chunk is not the one that was learned from.
    """
    for name, before in read_checkpoint(path).recipe.chunks.items():
        now = checksums.get(name, before)
        if now != before and name.split("/")[0] in ("train", "valid"):
            raise ArtefactError(
                f"checkpoint {path}: its run learned from other data than the dataset holds now: expected {name} with "
                f"the checksum {before[:16]}, got {now[:16]}; put back that dataset, or take another name= with "
                f"ckpt_path={path}, which goes on from there with these data"
            )


def _logged(plan: TrainingPlan) -> list[dict[str, Any]]:
    """The records of the run's log.

    Raises:
        ArtefactError: it is damaged.
    """
    try:
        return read_metrics(plan.folder.log) if plan.folder.log.exists() else []
    except MetricsError as error:
        raise ArtefactError(f"{error}; {REMEDY}") from None


def _had_checkpoint(plan: TrainingPlan) -> bool:
    """Whether the log shows that the run had written one: each epoch ends with one, before its validation.

    A run that began from another's checkpoint began in a later epoch, and may have begun with a validation.
    """
    first = 0
    if plan.checkpoint is not None:
        start = plan.check_fits(plan.checkpoint)
        first = start.batches // start.batches_per_epoch
    inside = plan.config["trainer"]["val_check_interval"] is not None
    for record in _logged(plan):
        epoch, validated = record.get("epoch") or 0, any(name.startswith("valid/") for name in record)
        if epoch > first or (validated and epoch == first and not inside):
            return True
    return False
