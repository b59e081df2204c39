"""A signal ends a command in one sentence, whatever it is doing, and the same command goes on from there."""

import os
import signal
import sys

import numpy as np
import pytest

from tendency.app.commands import entry
from tendency.app.commands.stop_signals import STOPPING, StopRequest, signals_stop
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.training.lightning_fit import LightningFit
from tendency.data.generation_job import ChunkSolver
from tendency.data.index_files import DataFiles
from tendency.errors import guarded

TINY = [
    *("pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=8", "model.width=4", "model.modes=2"),
    *("data.num_train=4", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"),
    *("data.batch_size=4", "trainer.max_epochs=1", "trainer.accelerator=cpu", "scheduler.warmup_steps=2"),
    *("name=told-to-stop", "resume=auto"),
]


@pytest.fixture(params=STOPPING, ids=lambda signum: signum.name)
def signum(request):
    """With the handler that a process starts with, whatever other tests left."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_is_a_sentence_and_an_exit_code(signum, capsys):
    def work():
        with signals_stop("the same command goes on"):
            signal.raise_signal(signum)

    with pytest.raises(SystemExit) as ended:
        guarded(work)
    assert ended.value.code == 128 + signum
    assert capsys.readouterr().err == (
        f"error: stopped by {signum.name}; what is finished is kept: the same command goes on\n"
    )
    assert signal.getsignal(signum) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so(signum):
    signal.signal(signum, signal.SIG_IGN)
    with signals_stop("..."):
        signal.raise_signal(signum)
    assert signal.getsignal(signum) is signal.SIG_IGN


def test_a_job_of_a_sweep_that_is_told_to_stop_leaves_no_other_its_turn():
    assert not issubclass(StopRequest, Exception)


def in_a_process(command, folder, arguments, patched=None):
    """The exit code of a command in a process of its own, and what it printed on stderr."""
    output = folder / "said"
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for number in STOPPING:
                signal.signal(number, signal.SIG_DFL)
            sys.stdout = sys.stderr = output.open("w")
            if patched is not None:
                setattr(*patched)
            places = (f"paths.outputs={folder / 'outputs'}", f"paths.datasets={folder / 'datasets'}")
            sys.argv = ["command.py", *arguments, *places]
            command()
            code = 0
        except SystemExit as ended:
            code = ended.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), output.read_text()


def telling(function, signum):
    """The function, which is told to stop when it has been called."""

    def told(*arguments, **named):
        result = function(*arguments, **named)
        signal.raise_signal(signum)
        return result

    return told


PLACES = {
    "its report": (RolloutReport, "evaluate"),
    "its measurement of units": (LightningFit, "_stepper"),
    "the writing of its page": (RolloutReport, "write"),
    "its generation": (ChunkSolver, "write"),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["index", "sample", "stamps"])
def test_the_indexing_of_data_files_is_stopped_by_any_signal_and_done_again(signum, place, tmp_path):
    x, t = np.arange(16) * 2 * np.pi / 16, np.arange(8)[None, :, None]
    np.save(tmp_path / "waves.npy", np.sin(x + 0.1 * t + np.arange(10)[:, None, None]))
    files = ["data=files", f"data.path={tmp_path / 'waves.npy'}", "data.axes=[trajectory,time,x]", "data.dt=0.1"]
    files += ["data.extent=[6.28]", "data.boundary=periodic"]
    code, said = in_a_process(
        entry.generate, tmp_path, files, (DataFiles, place, telling(getattr(DataFiles, place), signum))
    )
    assert code == 128 + signum, said
    assert f"error: stopped by {signum.name}; what is finished is kept: the same command goes on from there\n" in said
    assert "Traceback" not in said
    code, said = in_a_process(entry.generate, tmp_path, files)
    assert code == 0, said
    (folder,) = (path for path in (tmp_path / "datasets").iterdir() if path.is_dir())
    assert (folder / "manifest.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_training_is_stopped_by_any_signal_and_goes_on(signum, place, tmp_path):
    owner, name = PLACES[place]
    patched = (owner, name, telling(getattr(owner, name), signum))
    code, said = in_a_process(entry.train, tmp_path, TINY, patched)
    assert code == 128 + signum, said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert f"stopped by {signum.name}; " in line
    assert "Traceback" not in said
    code, said = in_a_process(entry.train, tmp_path, TINY)
    assert code == 0, said
    assert (tmp_path / "outputs" / "told-to-stop" / "report" / "report.html").exists()
