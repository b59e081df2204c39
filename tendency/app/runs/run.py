"""A trained run: its checkpoint, what that says, and the configuration that it was trained with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tendency.app.runs.checkpoint_reader import checkpoint_path, read_checkpoint
from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Run:
    """One trained surrogate on disk.

    Args:
        name: that reports call it.
        checkpoint: its file.
        recipe: of the checkpoint.
        configuration: from the run's folder, and what the checkpoint records of it where the folder does not say.
    """

    name: str
    checkpoint: Path
    recipe: Recipe
    configuration: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Run":
        """The run of a folder or of a checkpoint.

        Raises:
            ArtefactError: the checkpoint is missing or damaged.
        """
        checkpoint = checkpoint_path(path)
        return cls.of(checkpoint, read_checkpoint(checkpoint).recipe)

    @classmethod
    def of(cls, checkpoint: Path, recipe: Recipe) -> "Run":
        """The run that a checkpoint with this recipe belongs to."""
        folder = folder_of(checkpoint)
        recorded = {**recipe.run, "model": recipe.model, "prediction": recipe.prediction}
        configuration = None if folder is None else folder.configuration()
        name = checkpoint.stem if folder is None else folder.path.name
        return cls(name, checkpoint, recipe, recorded | (configuration or {}))

    @property
    def folder(self) -> RunFolder | None:
        """The folder that its checkpoint lies in; None for a checkpoint that lies by itself."""
        return folder_of(self.checkpoint)

    @property
    def training_seconds(self) -> float | None:
        """How long it trained; None where it was resumed, or does not say."""
        seconds = None if self.folder is None else (self.folder.finished() or {}).get("training_seconds")
        return None if seconds is None else float(seconds)


def folder_of(checkpoint: Path) -> RunFolder | None:
    """The folder of the run that a checkpoint lies in; None for a checkpoint that lies by itself."""
    return RunFolder(checkpoint.parent.parent) if checkpoint.parent.name == "checkpoints" else None


def with_different_names(runs: Sequence[Run]) -> list[Run]:
    """The runs, those of the same name told apart by their numbers."""
    names = [run.name for run in runs]
    return [
        replace(run, name=f"{run.name} ({number})") if names.count(run.name) > 1 else run
        for number, run in enumerate(runs, 1)
    ]
