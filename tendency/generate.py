"""``python generate.py pde=navier_stokes``: reference solver -> certified dataset."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tendency.compose import check_command_line, conf_folder
from tendency.errors import guarded
from tendency.small_form import settle


def main() -> None:
    """Checks the command line, then generates; errors end the process with their exit code."""
    guarded(lambda: check_command_line("generate"))
    _composed()


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="generate")
def _composed(config: DictConfig) -> None:
    guarded(lambda: _generate(config))


def _generate(config: DictConfig) -> None:
    # Imported here: everything above answers a mistyped command without waiting for torch.
    from tendency.generating import generate

    settle(config, HydraConfig.get().overrides.task)
    generate(config)
