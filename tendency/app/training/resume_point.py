"""The checkpoint from which a run that was stopped goes on."""

from pathlib import Path

from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.training.training_plan import TrainingPlan
from tendency.errors import ArtefactError
from tendency.trainers.logs.metrics_reader import read_metrics


def resume_point(plan: TrainingPlan) -> Path | None:
    """The newest checkpoint of a run's folder that is whole; None where the run begins anew.

    Any checkpoint of a run leads to the same end, an older one by a longer way. What is wrong with a newer one is
    said on the first rank.

    Args:
        plan: of the run.

    Raises:
        ArtefactError: the run had checkpoints, and none is whole; or they are of a run with another configuration.
    """
    folder, wrong = plan.folder, []
    for path in (folder.last, folder.last.with_name("best.ckpt")):
        if (problem := _problem(plan, path)) is not None:
            wrong.append(problem)
            continue
        if wrong and plan.is_first_rank:
            step = plan.check_fits(path).steps
            print(f"{wrong[0]}; going on from {path.name}, step {step}: what came after it is done again", flush=True)
        return path
    records = read_metrics(folder.log) if folder.log.exists() else []
    if folder.last.exists() or _had_checkpoint(plan):
        raise ArtefactError("\n".join([f"run folder {folder.path}: no checkpoint to go on from:", *wrong, REMEDY]))
    if records and plan.is_first_rank:
        print(f"stopped before its first checkpoint, at step {records[-1]['step']}: the run begins anew", flush=True)
    return None


REMEDY = "put back a copy of last.ckpt, or remove the folder to begin anew, or take another name="


def _problem(plan: TrainingPlan, path: Path) -> str | None:
    """Why a run cannot go on from a checkpoint of its own."""
    if not path.exists():
        return f"{path.name} is missing"
    try:
        read_checkpoint(path)
        if path != plan.folder.last:
            plan.check_fits(path)
    except ArtefactError as error:
        return str(error)
    plan.check_fits(path)
    return None


def _had_checkpoint(plan: TrainingPlan) -> bool:
    """Whether the log shows that the run had written one: each epoch ends with one, before its validation."""
    records = read_metrics(plan.folder.log) if plan.folder.log.exists() else []
    inside = plan.config["trainer"]["val_check_interval"] is not None
    return any(
        (record.get("epoch") or 0) > 0 or (not inside and any(name.startswith("valid/") for name in record))
        for record in records
    )
