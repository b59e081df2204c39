"""A training run from its configuration to its report."""

from collections.abc import Mapping

from omegaconf import DictConfig

from tendency.app.configuration.build import INJECTED
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.run_name import assign_name, check_name
from tendency.app.configuration.settings import TrainSettings, settings_of
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.training.training_plan import TrainingPlan

GROUPS = (
    "pde",
    "model",
    "prediction",
    "objective",
    "data",
    "optimizer",
    "scheduler",
    "trainer",
    "callbacks",
    "logger",
    "evaluation",
    "experiment",
    "strategy",
    "paths",
)
"""The config groups; everything else at the top of train.yaml is a setting of the run."""
OF_LIGHTNING = ("callbacks", "logger")
"""Groups whose classes are Lightning's, which takes seconds to import: checked when nothing else is wrong."""


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
    check_settings(settings_of(content, GROUPS), TrainSettings)
    nodes = {key: value for key, value in content.items() if key in GROUPS and value}
    late = {key: value for key, value in nodes.items() if key in OF_LIGHTNING}
    check_nodes({key: value for key, value in nodes.items() if key not in late}, INJECTED)
    settings = TrainSettings(**settings_of(content, GROUPS))
    check_name(str(settings.name))
    plan = TrainingPlan(content, settings, hashed)
    if plan.done():
        return
    surrogate = plan.surrogate()
    plan.check_files()
    check_nodes(late, INJECTED)
    # Imported here: everything above answers without waiting for Lightning.
    from tendency.app.training.lightning_fit import LightningFit

    LightningFit(plan, surrogate).run()
