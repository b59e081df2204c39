"""Weights & Biases as a mirror of the local log, imported only when it is chosen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch.loggers import WandbLogger

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger


def wandb_log(folder: str, name: str, project: str = "tendency", offline: bool | None = None) -> "Logger":
    """A logger that needs neither network nor account.

    Args:
        folder: of the run; the offline run lies in its ``wandb`` folder, ready for ``wandb sync``.
        name: of the run, shown in the dashboard; also its id, so that a resumed run is the same run.
        project: in the dashboard.
        offline: None goes online only where a key is found (``WANDB_API_KEY`` or a login in ``~/.netrc``).
    """
    if offline is None:
        offline = not _has_key()
        if offline:
            print("wandb: no key found, so this run is logged offline (wandb login, or logger.wandb.offline=false)")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=name, id=name, project=project, offline=offline, save_dir=folder, log_model=False)


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    netrc = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    return netrc.is_file() and "api.wandb.ai" in netrc.read_text(encoding="utf-8", errors="ignore")
