"""What a checkpoint is asked for before a training goes on from it."""

import functools
import json
import math
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from tendency.app.configuration.build import build
from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.stored_nodes import examine
from tendency.app.training.training_plan import TrainingPlan
from tendency.errors import ArtefactError
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.stepper import SurrogateStepper
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.checkpoint import validation_may_follow
from tendency.trainers.checkpoint_archive import ArchiveError, load_archive
from tendency.trainers.stored_state import UnfitStateError
from tendency.trainers.training_schema import TrainingSchema

MOST_LETTERS = 10_000
"""Of the first line of a log."""


class CheckpointExamination:
    """Looks at all of a checkpoint that a run would go on from, by what the run's configuration makes.

    Args:
        plan: of the run.
        surrogate: the plan's network, with its initial weights.
        trainer: of the run, with its callbacks.
    """

    def __init__(self, plan: TrainingPlan, surrogate: Surrogate, trainer: Trainer) -> None:
        self.plan = plan
        channels, parameters = plan.metadata.num_channels, len(plan.metadata.param_names)
        units = Normalizer.empty(
            channels, channels, plan.prediction.num_conditions(parameters), plan.metadata.num_known
        )
        plugin = trainer.precision_plugin
        precision = {type(plugin).__qualname__: state} if (state := plugin.state_dict()) else {}
        foreign = examine(plan.config["model"], Surrogate, "model", INJECTED["model"]).foreign
        self.schema = TrainingSchema(
            SurrogateStepper(surrogate, plan.prediction, units),
            build(plan.config["optimizer"], "optimizer"),
            plan.schedule,
            planned_steps(trainer, plan.batches_per_epoch),
            trainer.callbacks,  # type: ignore[attr-defined]
            precision,
            ours=not foreign,
            validates=functools.partial(validation_may_follow, trainer),
        )

    def require(self, path: Path) -> None:
        """Refuses a checkpoint that no training can go on from.

        Args:
            path: of the checkpoint.

        Raises:
            ArtefactError: it is damaged, of another run, or lacks what a training needs.
        """
        try:
            content = load_archive(path)
        except ArchiveError as error:
            raise ArtefactError(str(error)) from None
        self.admit(path, content)

    def admit(self, path: Path, content: dict[str, Any]) -> dict[str, Any]:
        """The content of a checkpoint as Lightning may be given it; arguments and errors as of ``require``."""
        position = self.plan.check_fits(path)
        is_own = path.parent.resolve() == self.plan.folder.last.parent.resolve()
        try:
            return self.schema.admit(content, position, is_own, is_own and _logs_first_step(self.plan.folder.log))
        except UnfitStateError as error:
            raise ArtefactError(f"checkpoint {path}: no training can go on from it: {error}") from None


def _logs_first_step(log: Path) -> bool:
    """Whether a run's log begins with its first step; that of one that began from another's checkpoint does not.

    The checkpoint that a run began from need not be named again once it has one of its own.
    """
    try:
        with log.open(encoding="utf-8") as file:
            first = json.loads(file.readline(MOST_LETTERS))
        return first["step"] == 0 and "train/loss" in first
    except (OSError, ValueError, KeyError, TypeError):
        return False


def planned_steps(trainer: Trainer, batches_per_epoch: int) -> int:
    """The optimizer steps of a whole run, as ``Trainer.estimated_stepping_batches`` counts them with the data there.

    Args:
        trainer: of the run.
        batches_per_epoch: on all ranks together.
    """
    steps = math.ceil(batches_per_epoch / trainer.accumulate_grad_batches) * (trainer.max_epochs or 1)
    return steps if trainer.max_steps == -1 else min(steps, trainer.max_steps)
