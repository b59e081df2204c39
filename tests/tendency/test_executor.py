"""What runs the jobs of a comparison: logs, times, failures, and nothing left behind when it is stopped."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.runs.run_folder import RunFolder
from tendency.app.studies.executor import LAUNCHER, Job
from tendency.app.studies.processes import Processes, Stopped, seconds_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def executor():
    """Jobs that are lines of Python, in two processes."""
    return Processes(2, [sys.executable, "-c"])


@pytest.mark.parametrize("path", sorted((conf_folder() / "executor").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_executor_is_done_with_no_jobs(path, tmp_path):
    assert build(OmegaConf.to_container(OmegaConf.load(path)), "executor").run([], tmp_path) == []


def test_more_processes_than_a_machine_could_serve_are_refused():
    node = {"_target_": "tendency.app.studies.processes.Processes", "processes": 5000}
    with pytest.raises(ValueError, match=r"executor\.processes: expected at most \d+ on \d+ cores, got 5000"):
        build(node, "executor")


def test_a_job_that_fails_stops_no_other(executor, tmp_path, capfd):
    jobs = [
        Job("good", "the good one", ("print('from the job')",)),
        Job("bad", "the bad one", ("import sys; sys.exit(3)",)),
        Job("late", "the late one", ("import os; print(os.environ['OMP_NUM_THREADS'])",)),
    ]
    assert executor.run(jobs, tmp_path) == [f"the bad one: exit code 3, see {tmp_path}/logs/bad.log"]
    assert (tmp_path / "logs" / "good.log").read_text() == "from the job\n"
    assert (tmp_path / "logs" / "late.log").read_text() == "1\n"
    assert "[3/3]" in capfd.readouterr().out
    first = seconds_of(tmp_path, "good")
    executor.run(jobs[:1], tmp_path)
    assert seconds_of(tmp_path, "good") > first
    assert seconds_of(tmp_path, "never") is None


def test_a_run_that_another_command_trains_is_said_to_be_in_use(executor, tmp_path):
    held = RunFolder(tmp_path / ("a long name of a run " * 3))
    held.open({}, resume=False)
    code = "import sys; from pathlib import Path; from tendency.app.runs.run_folder import RunFolder; "
    code += "from tendency.errors import guarded; guarded(lambda: RunFolder(Path(sys.argv[1])).open({}, True))"
    (failure,) = executor.run([Job("second", "the second", (code, str(held.path)))], tmp_path)
    assert failure == f"the second: in use by another process, see {tmp_path}/logs/second.log"


def test_a_journal_whose_last_line_was_cut_off_is_read(executor, tmp_path):
    executor.run([Job("good", "the good one", ("pass",))], tmp_path)
    known = seconds_of(tmp_path, "good")
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"job": "good", "sec')
    assert seconds_of(tmp_path, "good") == known


def test_a_signal_ends_every_process_and_starts_no_more(executor, tmp_path):
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    jobs = [Job(name, name, (code, str(tmp_path / name))) for name in ("a", "b", "c")]

    def interrupt():
        while not all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "ab"):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="the same command goes on from there") as caught:
        executor.run(jobs, tmp_path)
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
    for name in "ab":
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / name).read_text()), 0)
    assert not (tmp_path / "c").exists()


def test_work_ends_with_the_command_that_started_it():
    work = "import os, time; from tendency.app.commands.worker import end_with_parent; end_with_parent(0.05); "
    work += "print(os.getpid(), flush=True); time.sleep(60)"
    started = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    parent = subprocess.Popen([sys.executable, "-c", started], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert int(parent.stdout.readline()) != parent.pid
    began = time.monotonic()
    parent.kill()
    parent.wait()
    # The worker holds the other end of the pipe until it ends.
    assert parent.stdout.read() == ""
    assert time.monotonic() - began < 20


def test_work_ends_whose_launcher_was_gone_before_it_asked():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    work = "import time; from tendency.app.commands.worker import end_with_parent; end_with_parent(0.05); "
    work += "time.sleep(60)"
    environment = os.environ | {LAUNCHER: str(gone.pid)}
    done = subprocess.run([sys.executable, "-c", work], env=environment, cwd=ROOT, timeout=40, check=False)
    assert done.returncode == -signal.SIGTERM


def test_workers_are_told_who_started_them(tmp_path, monkeypatch):
    monkeypatch.setattr("tendency.app.studies.processes.WORK", (sys.executable, "-c"))
    Processes(1).run([Job("asks", "asks", (f"import os; print(os.environ[{LAUNCHER!r}])",))], tmp_path)
    assert (tmp_path / "logs" / "asks.log").read_text() == f"{os.getpid()}\n"
