"""``python compare.py comparison=...``: trains the variants that a yaml names, and says what their errors are."""

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from tendency.compose import check_command_line, conf_folder
from tendency.errors import guarded


def main() -> None:
    """Checks the command line, then runs what is left of the comparison; errors end the process with their code."""
    guarded(lambda: check_command_line("compare"))
    _composed()


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="compare")
def _composed(config: DictConfig) -> None:
    guarded(lambda: _compare(config))


def _compare(config: DictConfig) -> None:
    # Imported here: everything above answers a mistyped command without waiting for torch.
    from tendency.comparing import compare

    # Its work is done; the comparison composes the configurations of its trainings with Hydra itself.
    GlobalHydra.instance().clear()
    compare(config)
