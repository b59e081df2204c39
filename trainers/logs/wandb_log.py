"""Weights & Biases as a mirror of the local log, imported only when it is chosen."""

import hashlib
import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

if TYPE_CHECKING:
    from tendency.trainers.run_hooks import RunContext

WandbMode = Literal["online", "offline", "disabled"] | None
LARGE = ("rollouts.nc",)
"""Files of a report that stay where they are."""
LONGEST_ARTIFACT = 128
"""Characters in the name of an artifact."""


class WandbLog(WandbLogger):
    """A logger that needs neither network nor account, and never ends the run that it mirrors.

    The run's name is its id, so that ranks and resumed parts are one run: each part that was logged offline is a folder
    of its own, and ``wandb sync`` joins them. Where no run can be begun as it was asked for, it is logged offline;
    where something else fails, the mirror ends. One line says either, and ``metrics.jsonl`` goes on.

    Args:
        folder: of the run; the offline run lies in its ``wandb`` folder, ready for ``wandb sync``.
        name: of the run, shown in the dashboard; also its id.
        project: in the dashboard.
        offline: None goes online only where a key is found (``WANDB_API_KEY`` or a login in ``~/.netrc``). What the
            environment says (``WANDB_MODE``: online, offline or disabled) counts more than this.
    """

    def __init__(self, folder: str, name: str, project: str = "tendency", offline: bool | None = None) -> None:
        said = "WANDB_MODE" in os.environ
        if offline is None and not said:
            offline = not _has_key()
            if offline:
                say = rank_zero_only(print)
                say("wandb: no key found, so this run is logged offline (wandb login, or logger.wandb.offline=false)")
        self.broken = False
        self.asked: WandbMode = None if said else "offline" if offline else "online"
        Path(folder).mkdir(parents=True, exist_ok=True)
        # Not through Lightning's argument: it would write the choice into the environment, for whatever comes after.
        super().__init__(name=name, id=name, project=project, save_dir=folder, log_model=False, resume="allow")

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run, begun at the first look."""
        if self._experiment is None:
            self._experiment = self._begun()
        return self._experiment

    def _begun(self) -> Any:
        import wandb

        fallbacks: list[WandbMode] = ["offline", "disabled"]
        for mode, other in itertools.pairwise([self.asked, *(mode for mode in fallbacks if mode != self.asked)]):
            try:
                # Not with the run of an earlier job of a sweep.
                run = wandb.init(**self._wandb_init, mode=mode, reinit="finish_previous")
                run.define_metric("trainer/global_step")
                run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
                return run
            except Exception as error:
                print(f"wandb: the mirror of this run is {other} ({_first_line(error)})", flush=True)
                # Its service would call the id in use.
                wandb.teardown()
        return wandb.init(mode="disabled")

    def begin_run(self, run: "RunContext") -> None:
        """Records what the run is, so that runs can be filtered by any of its values."""
        self._mirrored(lambda: self.experiment.config.update(dict(run.configuration), allow_val_change=True))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Shows the figures of a step."""
        self._mirrored(lambda: super(WandbLog, self).log_metrics(metrics, step))

    def keep_report(self, folder: Path, figures: Mapping[str, float]) -> None:
        """Shows a rollout report: its pictures and animations, its figures, and the page with its data as an artifact.

        Args:
            folder: of the report.
            figures: of its summary; what is not finite is left out by the dashboard.
        """
        self._mirrored(lambda: self._show_report(folder, figures))

    def _show_report(self, folder: Path, figures: Mapping[str, float]) -> None:
        import wandb

        run = self.experiment
        pictures = {
            f"report/{path.stem}": wandb.Image(str(path)) for path in sorted((folder / "figures").glob("*.png"))
        }
        moving = {f"report/{path.stem}": wandb.Video(str(path), format="gif") for path in sorted(folder.glob("*.gif"))}
        run.log(pictures | moving)
        run.summary.update({f"report/{name}": value for name, value in figures.items()})
        artifact = wandb.Artifact(_artifact_name(run.id), type="report")
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name not in LARGE:
                artifact.add_file(str(path), policy="immutable", skip_cache=True)
        run.log_artifact(artifact)

    def _mirrored(self, action: Callable[[], None]) -> None:
        """Does something with the run; where that fails, the mirror ends, and the run itself goes on."""
        if self.broken:
            return
        try:
            action()
        except Exception as error:
            self.broken = True
            print(f"wandb: the mirror of this run ends here ({_first_line(error)})", flush=True)


def _artifact_name(run: str) -> str:
    """The name of a run's report, shortened where it would be too long, and then told apart by a hash."""
    name = f"{run}-report"
    if len(name) <= LONGEST_ARTIFACT:
        return name
    mark = f"-{hashlib.sha256(run.encode()).hexdigest()[:8]}-report"
    return run[: LONGEST_ARTIFACT - len(mark)] + mark


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:160] if text else type(error).__name__


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    netrc = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    return netrc.is_file() and "api.wandb.ai" in netrc.read_text(encoding="utf-8", errors="ignore")
