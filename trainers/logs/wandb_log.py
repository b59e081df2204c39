"""Weights & Biases as a mirror of the local log, imported only when it is chosen."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch.loggers import WandbLogger

if TYPE_CHECKING:
    from tendency.trainers.run_hooks import RunContext

LARGE = ("rollouts.nc",)
"""Files of a report that stay where they are."""


class WandbLog(WandbLogger):
    """A logger that needs neither network nor account.

    The run's name is its id, so that ranks and resumed parts are one run: each part that was logged offline is a folder
    of its own, and ``wandb sync`` joins them.

    Args:
        folder: of the run; the offline run lies in its ``wandb`` folder, ready for ``wandb sync``.
        name: of the run, shown in the dashboard; also its id.
        project: in the dashboard.
        offline: None goes online only where a key is found (``WANDB_API_KEY`` or a login in ``~/.netrc``).
    """

    def __init__(self, folder: str, name: str, project: str = "tendency", offline: bool | None = None) -> None:
        if offline is None:
            offline = not _has_key()
            if offline:
                print("wandb: no key found, so this run is logged offline (wandb login, or logger.wandb.offline=false)")
        Path(folder).mkdir(parents=True, exist_ok=True)
        super().__init__(
            name=name, id=name, project=project, offline=offline, save_dir=folder, log_model=False, resume="allow"
        )

    def begin_run(self, run: "RunContext") -> None:
        """Records what the run is, so that runs can be filtered by any of its values."""
        self.experiment.config.update(dict(run.configuration), allow_val_change=True)

    def keep_report(self, folder: Path, figures: Mapping[str, float]) -> None:
        """Shows a rollout report: its pictures and animations, its figures, and the page with its data as an artifact.

        Args:
            folder: of the report.
            figures: of its summary; what is not finite is left out by the dashboard.
        """
        import wandb

        run = self.experiment
        pictures = {
            f"report/{path.stem}": wandb.Image(str(path)) for path in sorted((folder / "figures").glob("*.png"))
        }
        moving = {f"report/{path.stem}": wandb.Video(str(path), format="gif") for path in sorted(folder.glob("*.gif"))}
        run.log(pictures | moving)
        run.summary.update({f"report/{name}": value for name, value in figures.items()})
        artifact = wandb.Artifact(f"{run.id}-report", type="report")
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name not in LARGE:
                artifact.add_file(str(path), policy="immutable", skip_cache=True)
        run.log_artifact(artifact)


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    netrc = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    return netrc.is_file() and "api.wandb.ai" in netrc.read_text(encoding="utf-8", errors="ignore")
