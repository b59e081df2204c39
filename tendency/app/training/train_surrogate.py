"""A training run from its configuration to its report."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import INJECTED, missing_groups, nodes_of, settings_of
from tendency.app.configuration.run_name import check_name
from tendency.app.configuration.settings import PathSettings, TrainSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.problems.run_identity import name_run
from tendency.app.training.training_plan import KINDS, TrainingPlan
from tendency.errors import ConfigError

if TYPE_CHECKING:
    from tendency.app.training.lightning_fit import LightningFit


def train(config: DictConfig, choices: Mapping[str, str]) -> None:
    """Runs a training: check, dataset, fit, report.

    Args:
        config: composed.
        choices: the chosen option of each config group.

    Raises:
        ConfigError: the configuration is wrong; nothing was built.
        ArtefactError: a dataset, checkpoint or run folder is missing, damaged or does not fit.
    """
    fit = prepare(config, choices)
    if fit is not None:
        fit.run()


def prepare(config: DictConfig, choices: Mapping[str, str]) -> "LightningFit | None":
    """All of a training that is known before any work: only an index of data files is written, and no folder is taken.

    Args:
        config: composed.
        choices: the chosen option of each config group.

    Returns:
        What trains; None where the run is done already, which is then said.

    Raises:
        ConfigError: as of ``train``.
        ArtefactError: as of ``train``.
    """
    if problems := missing_groups(config, "train"):
        raise ConfigError(problems)
    content = plain(config)
    check_settings(settings_of(content, "train"), TrainSettings)
    check_settings(content["paths"], PathSettings, "paths")
    check_nodes(nodes_of(content, lightning=False), INJECTED, KINDS)
    hashed = name_run(config, choices)
    content = plain(config)
    settings = TrainSettings(**settings_of(content, "train"))
    check_name(str(settings.name))
    plan = TrainingPlan(content, settings, hashed)
    if plan.done():
        return None
    surrogate = plan.surrogate()
    plan.check_files()
    # Imported here: everything above answers without waiting for Lightning.
    from tendency.app.training.lightning_fit import LIGHTNING_KINDS, LightningFit

    check_nodes(nodes_of(content, lightning=True), INJECTED, LIGHTNING_KINDS)
    return LightningFit(plan, surrogate)
