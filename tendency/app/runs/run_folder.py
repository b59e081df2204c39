"""One run, one folder: its name, its lock, and what to do when it is there already."""

import errno
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.identity import identity
from tendency.app.configuration.learned_part import with_later_keys
from tendency.app.configuration.moved_targets import current_targets
from tendency.app.runs.agreement import changes_nothing, goes_on_from_checkpoint
from tendency.app.runs.json_file import read_json
from tendency.app.runs.report_folder import PAGES, ReportFolder
from tendency.data.append_file import open_to_append
from tendency.data.file_kind import in_place_of_file
from tendency.data.folder_lock import try_lock
from tendency.data.whole_file import write_whole
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.annotations import NonNegativeFloat
from tendency.version import __version__

REDACTED = re.compile(r"key|token|secret|password", re.IGNORECASE)
NOT_COMPARED = ("paths", "version")
"""What a stored configuration says of its place and its writer: a run may be moved, which changes nothing of it."""

CONFIGURATION_PARTS = dict.fromkeys(GROUPS, dict[str, Any] | None)
CONFIGURATION_PARTS |= dict.fromkeys(("model", "prediction", "pde"), dict[str, Any])
FINISHED_PARTS = {
    "checkpoint": str,
    "training_seconds": NonNegativeFloat | None,
    "lines": list[str],
    "report": str,
}
"""What is read of a run's small files, and what each entry is."""

FILES = (
    *("config.json", "finished.json", "metrics.jsonl", ".lock", "checkpoints/last.ckpt", "checkpoints/best.ckpt"),
    *(f"report/{name}" for name in sorted(PAGES)),
)
FOLDERS = ("", "checkpoints", "report", "report/figures")
"""What a run consists of."""

STILL_JUDGED = "its checkpoint can be judged, but the run not resumed"
NO_CONFIGURATION = (
    "holds a run, but no config.json, which says what is trained there: put back a copy, take another name=, or move "
    f"the folder away; {STILL_JUDGED}"
)


@dataclass
class RunFolder:
    """The folder of one run: config.json, metrics.jsonl, checkpoints/{last,best}.ckpt, report/, finished.json."""

    path: Path
    lock: IO[str] | None = None

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The checkpoint with the best rollout validation; the newest where no validation was finite."""
        best = self.path / "checkpoints" / "best.ckpt"
        return best if best.exists() else self.last

    @property
    def report(self) -> ReportFolder:
        """The rollout report that the run ends with."""
        return ReportFolder(self.path / "report")

    @property
    def log(self) -> Path:
        """The append-only log of its figures."""
        return self.path / "metrics.jsonl"

    def configuration(self) -> dict[str, Any] | None:
        """What the run is made of, apart from where it lies; None where the folder does not say.

        Raises:
            ArtefactError: the file is damaged.
        """
        if not (self.path / "config.json").is_file():
            return None
        return current_targets({key: value for key, value in self._stored().items() if key not in NOT_COMPARED})

    def _stored(self) -> dict[str, Any]:
        """What config.json says.

        Raises:
            ArtefactError: it is missing or damaged.
        """
        path = self.path / "config.json"
        if not path.is_file():
            raise ArtefactError(f"run folder {self.path} {NO_CONFIGURATION}")
        remedy = f"put back a copy, or take another name=; without the file {STILL_JUDGED}"
        return read_json(path, remedy, CONFIGURATION_PARTS)

    def finished(self) -> dict[str, Any] | None:
        """What the run left when it ended, or None while it has not.

        Raises:
            ArtefactError: the file is damaged.
        """
        path = self.path / "finished.json"
        remedy = "delete it: the run's command with resume=auto writes it again"
        return read_json(path, remedy, FINISHED_PARTS) if path.exists() else None

    def require_there(self) -> None:
        """Refuses to go on without the folder.

        Raises:
            OSError: it was removed.
        """
        if not (self.path / "config.json").exists():
            raise FileNotFoundError(errno.ENOENT, "the run's folder was removed while it trained", str(self.path))

    def finish(self, figures: Mapping[str, Any]) -> None:
        """Marks the run as ended, with its figures."""
        self.require_there()
        write_json(self.path / "finished.json", figures)

    def open(self, config: Mapping[str, Any], resume: bool) -> bool:
        """Takes the folder for this process.

        Args:
            config: the run's configuration, plain data; secrets are not written.
            resume: whether to go on with a run that stopped.

        Returns:
            Whether there is a run that goes on.

        Raises:
            ConfigError: the folder exists and ``resume`` is off.
            ArtefactError: the folder is in use, or holds a run with another configuration, or with none, or no file
                where one should be.
        """
        stored = self.path / "config.json"
        self._require_kinds()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock()
        exists = stored.exists()
        if not exists and self._holds_results():
            raise ArtefactError(f"run folder {self.path} {NO_CONFIGURATION}")
        # A run that failed before its first step left nothing to lose.
        begun = exists and (self.last.parent.exists() or self.log.exists())
        if begun and not resume:
            raise ConfigError(
                [
                    f"run folder {self.path} exists, and its run has not finished: "
                    "add resume=auto to continue it, or name=... for another"
                ]
            )
        if begun:
            if other := self.require_same(config):
                print("\n".join(["resuming with other values that change nothing of what is learned:", *other]))
        else:
            write_json(stored, {**_redacted(config), "version": __version__})
        return begun

    def require_same(self, config: Mapping[str, Any]) -> list[str]:
        """Refuses to take the run that is here for one with another configuration.

        Args:
            config: the configuration that is asked for, plain data.

        Returns:
            The values that differ and change nothing.

        Raises:
            ArtefactError: with every value that differs.
        """
        stored = self._stored()
        if "version" not in stored:
            raise ArtefactError(
                f"run folder {self.path} holds a run of an older version of this program, which can be loaded and "
                "judged but not resumed; use another name="
            )
        given = json.loads(json.dumps(_redacted(config)))
        stored, given = ({k: v for k, v in c.items() if k not in NOT_COMPARED} for c in (stored, given))
        lines = differences(identity(with_later_keys(stored)), identity(with_later_keys(given)))
        if changed := [line for line in lines if not changes_nothing(line)]:
            way = f" with ckpt_path={self.last} to begin from its weights" if goes_on_from_checkpoint(changed) else ""
            raise ArtefactError(
                f"run folder {self.path} holds a run with another configuration; use another name={way}, or restore:\n"
                + "\n".join(changed)
            )
        return lines

    def _require_kinds(self) -> None:
        """Refuses a run where a folder, a pipe or a device lies in the place of a file, or a file in that of a folder.

        Raises:
            ArtefactError: naming it.
        """
        for name in FOLDERS:
            path = self.path / name
            if (path.exists() or path.is_symlink()) and not path.is_dir():
                raise ArtefactError(
                    f"{path}: expected a folder of a run, got something else; move it away, or take another name="
                )
        for name in FILES:
            if (found := in_place_of_file(self.path / name)) is not None:
                raise ArtefactError(f"run folder {self.path}: expected {name} to be a file, got {found}; move it away")

    def _holds_results(self) -> bool:
        """Whether there is something of a run that a new one would replace."""
        files = [*self.last.parent.glob("*.ckpt"), self.path / "finished.json", self.log]
        return any(path.exists() and path.stat().st_size > 0 for path in files)

    def _lock(self) -> None:
        """Held until the process ends, however it ends."""
        self.lock = open_to_append(self.path / ".lock")
        if not try_lock(self.lock):
            self.lock.seek(0)
            owner = self.lock.read().strip()
            raise ArtefactError(f"run folder {self.path} is in use by another process ({owner})")
        self.lock.truncate(0)
        self.lock.write(f"pid {os.getpid()} on {platform.node()}")
        self.lock.flush()


def differences(stored: Any, given: Any, key: str = "") -> list[str]:
    """Where two plain configurations differ: ``optimizer.lr: 0.001 there, 0.002 here``."""
    if isinstance(stored, Mapping) and isinstance(given, Mapping):
        names = [*stored, *(name for name in given if name not in stored)]
        return [
            line
            for name in names
            for line in differences(
                stored.get(name, "(missing)"), given.get(name, "(missing)"), f"{key}.{name}".strip(".")
            )
        ]
    return [] if stored == given else [f"{key}: {stored!r} there, {given!r} here"]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file whole or not at all."""
    write_whole(path, json.dumps(content, indent=2, default=str) + "\n")


def _redacted(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {
            key: "(redacted)" if REDACTED.search(str(key)) and isinstance(value, str) else _redacted(value)
            for key, value in config.items()
        }
    return [_redacted(item) for item in config] if isinstance(config, list | tuple) else config
