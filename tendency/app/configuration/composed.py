"""A command's configuration as the command itself composes it."""

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict

from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.external_target import move_external_target
from tendency.app.configuration.free_mappings import with_free_entries
from tendency.app.configuration.groups import missing_groups
from tendency.app.configuration.small_form import merge_small_form
from tendency.errors import ConfigError


def compose_command(name: str, overrides: Sequence[str] = ()) -> tuple[DictConfig, dict[str, str]]:
    """Composes the configuration of a command outside of its process.

    Args:
        name: of the command, such as ``train``.
        overrides: as on its command line.

    Returns:
        The configuration, the small form merged where it is asked for, and the chosen option of each config group.

    Raises:
        ConfigError: a group that the command needs is missing.
    """
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config: DictConfig = compose(name, with_free_entries(overrides), return_hydra_config=True)
    if problems := missing_groups(config, name):
        raise ConfigError(problems)
    choices = dict(config.hydra.runtime.choices)
    with open_dict(config):
        config.pop("hydra")
    if "small" in config:
        merge_small_form(config, overrides)
    move_external_target(config)
    return config, choices
