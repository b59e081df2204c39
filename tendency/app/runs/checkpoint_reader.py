"""Trained surrogates from their checkpoints."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run_folder import RunFolder
from tendency.errors import ArtefactError
from tendency.surrogates.stepper import SurrogateStepper


@dataclass(frozen=True)
class StoredSurrogate:
    """A trained surrogate as a checkpoint holds it.

    Args:
        path: of the checkpoint.
        recipe: what rebuilds it.
        weights: the state of its stepper: weights and units, by name.
    """

    path: Path
    recipe: Recipe
    weights: Mapping[str, Tensor]

    def stepper(self, trust: bool = False) -> SurrogateStepper:
        """The surrogate in evaluation mode, physical units in and out; arguments and errors as of ``load_stepper``."""
        return load_weights(self.recipe.untrained(trust), self.weights, f"checkpoint {self.path}")


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
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ArtefactError(
            f"checkpoint {path}: damaged, or not a checkpoint of this program ({reason[:160]})"
        ) from None
    if not isinstance(content, dict) or "recipe" not in content or "state_dict" not in content:
        raise ArtefactError(f"checkpoint {path}: it holds no recipe of a surrogate; expected one written by train.py")
    # The module's other parts have no state.
    weights = {key.removeprefix("stepper."): value for key, value in content["state_dict"].items()}
    return StoredSurrogate(path, Recipe.from_dict(content["recipe"], f"checkpoint {path}"), weights)


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
    run = RunFolder(path)
    if run.best.is_file():
        return run.best
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


def load_weights(stepper: SurrogateStepper, weights: Mapping[str, Tensor], source: str) -> SurrogateStepper:
    """A stepper with these weights, in their number type, in evaluation mode.

    Args:
        stepper: untrained.
        weights: its whole state.
        source: of the weights, for the message.

    Raises:
        ArtefactError: they are of another surrogate.
    """
    try:
        # Assigned, not copied: copying would round them to the number type that an untrained network has.
        stepper.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:6]]
        raise ArtefactError("\n".join([f"{source}: its weights do not fit its recipe", *lines])) from None
    return stepper.eval()
