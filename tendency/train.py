"""``python train.py model=fno pde=navier_stokes``: dataset (made if missing) -> surrogate -> rollout report."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from tendency.compose import check_command_line, conf_folder
from tendency.errors import guarded
from tendency.external_model import settle_external
from tendency.small_form import settle


def main() -> None:
    """Checks the command line, then trains; errors end the process with their exit code."""
    guarded(lambda: check_command_line("train"))
    _composed()


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="train")
def _composed(config: DictConfig) -> None:
    guarded(lambda: _train(config))


def _train(config: DictConfig) -> None:
    # Imported here: everything above answers a mistyped command without waiting for torch.
    from tendency.run_selection import note_run
    from tendency.settings import named
    from tendency.training import train

    job = HydraConfig.get()
    settle(config, job.overrides.task)
    settle_external(config)
    choices = dict(job.runtime.choices)
    if job.mode == RunMode.MULTIRUN:
        named(config, choices)
        note_run(Path(job.sweep.dir), Path(config.paths.run))
    train(config, choices)
