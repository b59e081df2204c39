"""``python generate.py pde=navier_stokes``: reference solver -> certified dataset."""

import hydra
from omegaconf import DictConfig

from tendency.compose import check_command_line, conf_folder
from tendency.errors import guarded


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

    generate(config)
