"""A training's configuration as train.py composes it."""

from collections.abc import Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict

from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.app.configuration.external_model import wrap_external_model
from tendency.app.configuration.run_name import assign_name
from tendency.app.configuration.small_form import merge_small_form


def compose_training(overrides: Sequence[str]) -> dict[str, Any]:
    """What ``train.py`` makes of its overrides, its folder named: plain data."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config: DictConfig = compose("train", list(overrides), return_hydra_config=True)
    choices = dict(config.hydra.runtime.choices)
    with open_dict(config):
        config.pop("hydra")
    merge_small_form(config, overrides)
    wrap_external_model(config)
    assign_name(config, choices)
    return plain(config)
