"""What a run is called: after what it learns, the data included, wherever these lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.run_name import assign_name
from tendency.app.configuration.signatures import check_nodes
from tendency.app.problems.data_source import DataSource, build_data


def name_run(config: DictConfig, choices: Mapping[str, str]) -> dict[str, Any]:
    """Gives a run its name where it has none; data files are read once for that.

    Args:
        config: of ``train.py``, composed.
        choices: the chosen option of each config group.

    Returns:
        The part of the configuration that the result depends on.

    Raises:
        ConfigError: the node of the data is wrong, or leaves out what the files do not say.
        DatasetError: data files cannot be read.
    """
    content = plain(config)
    check_nodes({"data": content["data"]}, INJECTED, {"data": DataSource})
    source = build_data(content["data"], Path(content["paths"]["datasets"]), content.get("pde"))
    return assign_name(config, choices, source.identity(content), source.subject(choices.get("pde")))


def compose_training(overrides: Sequence[str]) -> dict[str, Any]:
    """What ``train.py`` makes of its overrides, its folder named: plain data."""
    config, choices = compose_command("train", overrides)
    name_run(config, choices)
    return plain(config)
