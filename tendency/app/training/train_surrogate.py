"""A training run from its configuration to its report."""

from collections.abc import Mapping

from omegaconf import DictConfig

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import INJECTED, nodes_of, settings_of
from tendency.app.configuration.run_name import assign_name, check_name
from tendency.app.configuration.settings import TrainSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.training.training_plan import TrainingPlan


def train(config: DictConfig, choices: Mapping[str, str]) -> None:
    """Runs a training: check, dataset, fit, report.

    Args:
        config: composed.
        choices: the chosen option of each config group.

    Raises:
        ConfigError: the configuration is wrong; nothing was built.
        ArtefactError: a dataset, checkpoint or run folder is missing, damaged or does not fit.
    """
    hashed = assign_name(config, choices)
    content = plain(config)
    check_settings(settings_of(content, "train"), TrainSettings)
    check_nodes(nodes_of(content, lightning=False), INJECTED)
    settings = TrainSettings(**settings_of(content, "train"))
    check_name(str(settings.name))
    plan = TrainingPlan(content, settings, hashed)
    if plan.done():
        return
    surrogate = plan.surrogate()
    plan.check_files()
    check_nodes(nodes_of(content, lightning=True), INJECTED)
    # Imported here: everything above answers without waiting for Lightning.
    from tendency.app.training.lightning_fit import LightningFit

    LightningFit(plan, surrogate).run()
