"""Jobs side by side on this machine: one process each, one thread each, and none left behind when they are stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from tendency.app.studies.executor import LAUNCHER, Job
from tendency.data.machine import usable_cores
from tendency.simulation.annotations import NonNegativeInt

WORK = (sys.executable, "-m", "tendency.app.commands.worker")
IN_USE = "in use by another process"
"""How a run folder's refusal reads where another command holds it."""
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
PATIENCE = 120.0
"""Seconds that a stopped job has for its checkpoint."""


class Stopped(Exception):  # noqa: N818
    """The jobs were stopped by a signal; ``exit_code`` is 128 + the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}; the same command goes on from there")
        self.exit_code = 128 + signum


class Processes:
    """Runs jobs as processes of this machine, records how long each took, and keeps what each printed.

    Args:
        processes: processes at the same time; 0 for one per core.
        command: command that a job's arguments are appended to; None for this program's worker.

    Raises:
        ValueError: more processes than this machine could serve.
    """

    def __init__(self, processes: NonNegativeInt = 0, command: Sequence[str] | None = None) -> None:
        most = max(16, 4 * usable_cores())
        if processes > most:
            raise ValueError(f"processes: expected at most {most} on {usable_cores()} cores, got {processes}")
        self.processes, self.command = processes or usable_cores(), tuple(command or WORK)
        self.received = 0
        self.running: dict[Job, tuple[subprocess.Popen[bytes], float]] = {}

    def run(self, jobs: Sequence[Job], folder: Path) -> list[str]:
        """Runs all jobs; one that fails stops no other.

        Args:
            jobs: jobs in the order in which they are started.
            folder: folder of ``journal.jsonl`` and ``logs/``.

        Returns:
            One line for each job that failed.

        Raises:
            Stopped: a signal of ``STOPPING`` came; every process that was started has ended by then.
        """
        taken = [number for number in STOPPING if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._note) for number in taken}
        try:
            return self._run(list(jobs), folder)
        finally:
            self._end_all(folder)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, waiting: list[Job], folder: Path) -> list[str]:
        total, began, done, failures = len(waiting), time.monotonic(), 0, []
        while waiting or self.running:
            while waiting and len(self.running) < self.processes and not self.received:
                self._start(waiting.pop(0), folder)
            time.sleep(0.1)
            if self.received:
                raise Stopped(self.received)
            for job, (process, start) in list(self.running.items()):
                if process.poll() is None:
                    continue
                del self.running[job]
                done += 1
                seconds = time.monotonic() - start
                _record(folder, job, seconds, process.returncode)
                left = (time.monotonic() - began) / done * (total - done) / 60
                end = f"{seconds / 60:.1f} min" if not process.returncode else f"failed ({process.returncode})"
                print(f"[{done}/{total}] {job.title}: {end}; about {left:.0f} min left", flush=True)
                if process.returncode:
                    reason = IN_USE if _in_use(folder, job) else f"exit code {process.returncode}"
                    failures.append(f"{job.title}: {reason}, see {_log(folder, job)}")
        return failures

    def _start(self, job: Job, folder: Path) -> None:
        root = str(Path(__file__).resolve().parents[3])
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        # Found before anything of the same name in the working directory.
        paths = {"PYTHONPATH": root, "PYTHONSAFEPATH": "1"}
        # Another command may start the worker from a process of its own, which is then the parent.
        launcher = {LAUNCHER: str(os.getpid())} if self.command == WORK else {}
        _log(folder, job).parent.mkdir(parents=True, exist_ok=True)
        with _log(folder, job).open("ab") as log:
            process = subprocess.Popen(
                [*self.command, *job.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | threads | paths | launcher,
                # A Ctrl-C reaches this process alone, which hands it on once.
                start_new_session=True,
            )
        self.running[job] = process, time.monotonic()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.received = signum

    def _end_all(self, folder: Path) -> None:
        """Asks every process to stop, and makes those stop that do not."""
        for process, _ in self.running.values():
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        for job, (process, start) in self.running.items():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
            _record(folder, job, time.monotonic() - start, process.returncode)
        self.running = {}


def export_paths(paths: Mapping[str, str]) -> dict[str, str]:
    """The places of a configuration in full, told to the jobs, which are processes of their own, by environment."""
    full = {key: str(Path(place).resolve()) for key, place in paths.items()}
    os.environ.update({f"TENDENCY_{key.upper()}": place for key, place in full.items()})
    return full


def seconds_of(folder: Path, name: str) -> float | None:
    """How long a job took in all its sessions, or None where the journal knows nothing of it."""
    path = folder / "journal.jsonl"
    if not path.exists():
        return None
    spent = [record["seconds"] for record in _journal(path) if record["job"] == name]
    return sum(spent) if spent else None


def _journal(path: Path) -> list[dict[str, Any]]:
    """The entries of a journal; what a kill left unfinished, or is none, says nothing of how long a job took."""
    records = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, RecursionError):
            records.append(json.loads(line))
    return [
        one for one in records if isinstance(one, dict) and "job" in one and isinstance(one.get("seconds"), int | float)
    ]


def _log(folder: Path, job: Job) -> Path:
    return folder / "logs" / f"{job.name}.log"


def _in_use(folder: Path, job: Job) -> bool:
    """Whether the last error that a job's log ends with is that another command trains the same run."""
    _, found, error = _log(folder, job).read_text(encoding="utf-8", errors="replace").rpartition("error: ")
    return bool(found) and IN_USE in " ".join(error.split())


def _record(folder: Path, job: Job, seconds: float, code: int | None) -> None:
    """Adds to the journal: the runs say what is done, this says how long it took, stops included."""
    with (folder / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"job": job.name, "seconds": round(seconds, 2), "exit_code": code}) + "\n")


def _signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    try:
        os.killpg(process.pid, signum)
    except ProcessLookupError:
        return
