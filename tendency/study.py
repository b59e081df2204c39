"""``python study.py scale=small``: "Predicting Change, Not States" reproduced, from datasets to one table."""

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from tendency.compose import check_command_line, conf_folder
from tendency.errors import guarded


def main() -> None:
    """Checks the command line, then runs what is left of the study; errors end the process with their exit code."""
    guarded(lambda: check_command_line("study"))
    _composed()


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="study")
def _composed(config: DictConfig) -> None:
    guarded(lambda: _study(config))


def _study(config: DictConfig) -> None:
    # Imported here: everything above answers a mistyped command without waiting for torch.
    from tendency.studying import study

    # Its work is done; the study composes the configurations of its trainings with Hydra itself.
    GlobalHydra.instance().clear()
    study(config)
