"""The name of a run: given by the user, or made of what its result depends on."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.identity import digest
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
    chosen = (str(choices[group]).split("/")[-1] for group in ("pde", "model", "prediction"))
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

NOT_LEARNED_OF_DATA = ("hold", "memory", "loader_workers")
"""Settings of the group ``data`` that change no batch."""


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
    kept = {name for name, group in GROUPS.items() if group.learned}
    content = plain(neutral)
    hashed = {key: content[key] for key in content if key in kept or key not in (*GROUPS, *NOT_LEARNED)}
    hashed["pde"] = solved_part(hashed["pde"])
    # Runs that were named before there were options keep their names.
    if not hashed["trainer"].get("options"):
        hashed["trainer"].pop("options", None)
    for key in NOT_LEARNED_OF_DATA:
        hashed["data"].pop(key, None)
    if hashed["data"].get("settled") == "keep":
        del hashed["data"]["settled"]
    if config.name is None:
        config.name = default_name(choices, config.seed, hashed)
    return hashed
