"""The name of a run: given by the user, or made of what its result depends on."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.identity import digest
from tendency.app.configuration.learned_part import learned_part, without_later_keys
from tendency.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")


def default_name(subject: str, choices: Mapping[str, str], seed: int, config: Mapping[str, Any]) -> str:
    """``subject-model-prediction-seed-hash``: another setting is another folder.

    Args:
        subject: what is learned: the chosen problem, or the name of the data.
        choices: the chosen option of each config group.
        seed: of the run.
        config: what the result depends on, plain data.
    """
    chosen = (str(name).split("/")[-1] for name in (subject, choices["model"], choices["prediction"]))
    return "-".join([*chosen, f"seed{seed}", digest(config, 8)]).lower()


def check_name(name: str) -> None:
    """Refuses a name that would not stay inside the outputs folder.

    Raises:
        ConfigError: anything but lower case letters, digits, ``_``, ``.`` and ``-``.
    """
    if not NAME.fullmatch(name):
        raise ConfigError([f"name: expected lower case letters, digits, '_', '.', '-' (at most 128), got {name!r}"])


NOT_LEARNED = ("name", "small", "resume", "ckpt_path", "compile")
"""Settings of ``train.py`` that do not change what is learned; groups say so themselves."""


def assign_name(
    config: DictConfig, choices: Mapping[str, str], known: Mapping[str, Any], subject: str
) -> dict[str, Any]:
    """Gives a run its name where it has none.

    Args:
        config: of ``train.py``, composed.
        choices: the chosen option of each config group.
        known: entries that stand in place of the configuration's own, plain data.
        subject: what the name begins with.

    Returns:
        The configuration of what is learned, and of how; the name depends on the first alone.
    """
    neutral = copy.deepcopy(config)
    OmegaConf.update(neutral, "name", "-")
    for place in ("datasets", "outputs"):
        OmegaConf.update(neutral, f"paths.{place}", "-")
    kept = {name for name, group in GROUPS.items() if group.learned}
    content = plain(neutral)
    hashed = {key: content[key] for key in content if key in kept or key not in (*GROUPS, *NOT_LEARNED)}
    hashed |= known
    hashed = without_later_keys(hashed)
    if config.name is None:
        config.name = _name_of(subject, choices, config, hashed)
    return hashed


def _name_of(subject: str, choices: Mapping[str, str], config: DictConfig, hashed: Mapping[str, Any]) -> str:
    """The default name; that of an older version, which hashed all of the configuration, where such a run is there."""
    name, former = (default_name(subject, choices, config.seed, part) for part in (learned_part(hashed), hashed))
    outputs = Path(str(config.paths.outputs))
    return former if (outputs / former).is_dir() and not (outputs / name).exists() else name
