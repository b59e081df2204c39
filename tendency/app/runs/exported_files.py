"""The weights and the recipe of an exported surrogate, as files that belong together."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tendency.app.runs.json_file import read_json
from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run_folder import write_json
from tendency.data.whole_file import write_whole_bytes
from tendency.errors import ArtefactError

WEIGHTS, RECIPE = "weights.safetensors", "recipe.json"
DIGEST = "sha256"
"""In recipe.json: of the weights' file and of the rest of the recipe, so that neither changes unseen."""

REMEDY = "export the surrogate again"


def write_export(folder: Path, recipe: Recipe, weights: Mapping[str, Tensor]) -> None:
    """Writes both files; the recipe last, since it says which weights it belongs to.

    Args:
        folder: that exists.
        recipe: of the surrogate.
        weights: the whole state of its stepper.
    """
    # Views of shared storage are no separate tensors in this format.
    stored = save({name: value.contiguous().clone() for name, value in weights.items()})
    write_whole_bytes(folder / WEIGHTS, stored)
    content = recipe.to_dict()
    write_json(folder / RECIPE, content | {DIGEST: _digest(json.loads(json.dumps(content, default=str)), stored)})


def read_export(folder: Path) -> tuple[Recipe, dict[str, Tensor]]:
    """Reads both files; nothing in them is executed. What older versions wrote has no digest, and none is asked for.

    Args:
        folder: with both files.

    Raises:
        ArtefactError: one is missing, damaged, or does not belong to the other.
    """
    content = read_json(folder / RECIPE, REMEDY)
    try:
        stored = (folder / WEIGHTS).read_bytes()
        weights = load(stored)
    except FileNotFoundError:
        raise ArtefactError(f"{folder}: expected {RECIPE} and {WEIGHTS}, got no {WEIGHTS}; {REMEDY}") from None
    except (ValueError, SafetensorError, RuntimeError, KeyError, TypeError, OverflowError) as error:
        raise ArtefactError(f"{folder / WEIGHTS}: damaged ({error}); {REMEDY}") from None
    digest = content.pop(DIGEST, None)
    if digest is not None and digest != _digest(content, stored):
        raise ArtefactError(
            f"{folder}: {RECIPE} and {WEIGHTS} are not as they were written together: one of them is damaged or was "
            f"changed; {REMEDY}"
        )
    return Recipe.from_dict(content, str(folder / RECIPE)), weights


def _digest(recipe: Any, weights: bytes) -> str:
    """Of a recipe as JSON has it, however its text is laid out, and of the bytes of the weights."""
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode() + b"\0" + hashlib.sha256(weights).digest()).hexdigest()
