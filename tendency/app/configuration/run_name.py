"""The name of a run: given by the user, or made of what its result depends on."""

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.small_form import solved_part
from tendency.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")


def default_name(choices: Mapping[str, str], seed: int, config: Mapping[str, Any]) -> str:
    """``pde-model-prediction-seed-hash``: another setting is another folder.

    Args:
        choices: the chosen option of each config group.
        seed: of the run.
        config: what the result depends on, plain data.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:8]
    parts = [*(str(choices[group]).split("/")[-1] for group in ("pde", "model", "prediction")), f"seed{seed}", digest]
    return "-".join(parts).lower()


def check_name(name: str) -> None:
    """Refuses a name that would not stay inside the outputs folder.

    Raises:
        ConfigError: anything but lower case letters, digits, ``_``, ``.`` and ``-``.
    """
    if not NAME.fullmatch(name):
        raise ConfigError([f"name: expected lower case letters, digits, '_', '.', '-' (at most 128), got {name!r}"])


NOT_HASHED = (
    "paths",
    "name",
    "small",
    "resume",
    "ckpt_path",
    "compile",
    "logger",
    "evaluation",
    "experiment",
    "strategy",
)
"""Parts of the configuration that do not change what is learned."""


def assign_name(config: DictConfig, choices: Mapping[str, str]) -> dict[str, Any]:
    """Gives a run its name where it has none.

    Args:
        config: of ``train.py``, composed.
        choices: the chosen option of each config group.

    Returns:
        The part of the configuration that the result depends on.
    """
    neutral = copy.deepcopy(config)
    OmegaConf.update(neutral, "name", "-")
    for place in ("datasets", "outputs"):
        OmegaConf.update(neutral, f"paths.{place}", "-")
    hashed = {key: value for key, value in plain(neutral).items() if key not in NOT_HASHED}
    hashed["pde"] = solved_part(hashed["pde"])
    if config.name is None:
        config.name = default_name(choices, config.seed, hashed)
    return hashed
