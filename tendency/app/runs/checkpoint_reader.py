"""Trained surrogates from their checkpoints."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run_folder import RunFolder
from tendency.app.runs.stored_weights import (
    no_larger_than,
    require_finite,
    require_number_types,
    require_stored,
    require_tensors,
    require_units,
)
from tendency.data.file_kind import in_place_of_file
from tendency.errors import ArtefactError
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.checkpoint_archive import ArchiveError, load_archive
from tendency.trainers.kept_state import KeptState
from tendency.trainers.run_position import stored_position


@dataclass(frozen=True)
class StoredSurrogate:
    """A trained surrogate as a checkpoint holds it.

    Args:
        path: of the checkpoint.
        recipe: what rebuilds it.
        weights: the state of its stepper: weights and units, by name.
        position: where its run stood, as ``tendency.trainers.run_position`` reads it; None where it does not say.
        kept: the files of its run that were beside it.
    """

    path: Path
    recipe: Recipe
    weights: Mapping[str, Tensor]
    position: Mapping[str, int] | None = None
    kept: KeptState = field(default_factory=KeptState)

    def stepper(self, trust: bool = False) -> SurrogateStepper:
        """The surrogate in evaluation mode, physical units in and out; arguments and errors as of ``load_stepper``."""
        return trained_stepper(self.recipe, self.weights, trust)


def read_checkpoint(path: str | Path) -> StoredSurrogate:
    """Reads a checkpoint as plain data and tensors; nothing in it is executed.

    Args:
        path: a checkpoint, or the folder of a run, whose best checkpoint is taken.

    Raises:
        ArtefactError: it is missing, damaged, or not a checkpoint of this program.
    """
    path = checkpoint_path(Path(path))
    # Not left to torch, which takes the first letter of a text for a pickle's instruction.
    if (kind := _foreign_kind(path)) is not None:
        raise ArtefactError(f"checkpoint {path}: expected a file written by train.py, got {kind}")
    try:
        content = load_archive(path)
    except ArchiveError as error:
        raise ArtefactError(str(error)) from None
    parts = [content.get(name) for name in ("recipe", "state_dict")] if isinstance(content, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise ArtefactError(f"checkpoint {path}: it holds no recipe of a surrogate; expected one written by train.py")
    # The module's other parts have no state.
    weights = {str(key).removeprefix("stepper."): value for key, value in dict(content["state_dict"]).items()}
    recipe = Recipe.from_dict(content["recipe"], f"checkpoint {path}")
    return StoredSurrogate(path, recipe, weights, stored_position(content), KeptState.of(content))


def _foreign_kind(path: Path) -> str | None:
    """What a file is that cannot be a checkpoint; None for an archive, as torch writes them."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"PK"):
        return None
    if not start:
        return "an empty file"
    if start.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer; git lfs pull fetches the file itself"
    if start.startswith(b"\x89HDF"):
        return "an HDF5 file"
    line = start.decode("utf-8", errors="replace").splitlines()[0]
    return (
        f"a text file that begins with {line[:40]!r}" if line.isprintable() and "\ufffd" not in line else "other data"
    )


def checkpoint_path(path: Path) -> Path:
    """The checkpoint that a path means: itself, or a run's best (else last) one.

    Raises:
        ArtefactError: there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir() and (found := in_place_of_file(path)) is not None:
        raise ArtefactError(f"checkpoint {path}: expected a file written by train.py, got {found}")
    run = RunFolder(path)
    if run.best.is_file():
        return run.best
    if (found := in_place_of_file(run.best)) is not None:
        raise ArtefactError(f"checkpoint {run.best}: expected a file written by train.py, got {found}")
    what = "holds no checkpoints/best.ckpt or last.ckpt" if path.is_dir() else "does not exist"
    raise ArtefactError(f"checkpoint {path.resolve()} {what} (working directory {Path.cwd()})")


def load_stepper(path: str | Path, trust: bool = False) -> SurrogateStepper:
    """A trained surrogate as a simulator: ``u, memory = stepper.advance(u, t, dt, conditions, memory)``.

    Args:
        path: a checkpoint, or the folder of a run.
        trust: build classes outside this project that the checkpoint names.

    Returns:
        The stepper in evaluation mode, physical units in and out.

    Raises:
        ArtefactError: it is missing, damaged, names foreign code, or its weights do not fit its recipe.
    """
    return read_checkpoint(path).stepper(trust)


def trained_stepper(recipe: Recipe, weights: Mapping[str, Tensor], trust: bool = False) -> SurrogateStepper:
    """A recipe's surrogate with weights from a file, in their number type, in evaluation mode.

    Args:
        recipe: of the file.
        weights: its whole state.
        trust: build classes outside this project that the recipe names.

    Raises:
        ArtefactError: the recipe cannot be rebuilt, or the weights are of another surrogate or not finite.
    """
    require_tensors(weights, recipe.source)
    if recipe.is_ours:
        require_stored(weights, recipe.source)
    # What is trusted may take what it likes.
    with no_larger_than(weights, recipe.source) if recipe.is_ours else nullcontext():
        stepper = recipe.untrained(trust)
    if recipe.is_ours:
        require_number_types(stepper, weights, recipe.source)
    try:
        # Assigned, not copied: copying would round them to the number type that an untrained network has.
        stepper.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:6]]
        raise ArtefactError("\n".join([f"{recipe.source}: its weights do not fit its recipe", *lines])) from None
    require_units(stepper.normalizer.state_dict(), recipe.source)
    units = {f"normalizer.{name}": value for name, value in stepper.normalizer.state_dict().items()}
    # A network of somebody else may have infinite numbers among what it does not learn.
    require_finite(dict(stepper.named_parameters()) | units, recipe.source)
    return stepper.eval()
