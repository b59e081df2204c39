"""One job of a comparison in a process of its own: ``python -m tendency.app.commands.worker train ...``, or judge."""

import os
import signal
import sys
import threading
import time

from tendency.app.commands.stop_signals import signals_stop
from tendency.app.studies.executor import LAUNCHER
from tendency.errors import guarded


def main() -> None:
    """Trains with the overrides that follow, or judges a run once more: with other integrators, or on other data."""
    end_with_parent()
    import torch

    torch.set_num_threads(1)
    action, *arguments = sys.argv[1:]
    if action == "train":
        from tendency.app.commands.entry import train

        sys.argv = ["train.py", *arguments]
        train()
        return
    work = {"judge": judge, "judge_again": judge_again}.get(action, judge_on)

    def stoppable() -> None:
        with signals_stop("the command that started it goes on from there"):
            work(*arguments)

    guarded(stoppable)


def end_with_parent(every_seconds: float = 1.0) -> None:
    """Stops this process, by the signal that saves a checkpoint, once the one that started it is gone.

    A comparison that was killed outright would otherwise leave trainings behind that keep their run folders from it.

    Args:
        every_seconds: how often to look.
    """
    # The launcher may have been killed before this process came to ask for its parent, which is another by now.
    parent = int(os.environ.get(LAUNCHER) or os.getppid())

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_seconds)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def judge(run: str, datasets: str, *integrators: str) -> None:
    """Judges a finished run once more with each integrator, into folders of its own beside its report."""
    from pathlib import Path

    from tendency.app.configuration.build import build
    from tendency.app.configuration.composed import compose_command
    from tendency.app.configuration.conf_files import plain
    from tendency.app.configuration.overrides import override_text
    from tendency.app.hardware import keep_freed_memory, set_matmul_precision
    from tendency.app.reports.judge_runs import judge_run

    keep_freed_memory()
    set_matmul_precision("auto")
    for integrator in integrators:
        chosen = [override_text("runs", [run]), f"prediction/integrator@evaluation.integrator={integrator}"]
        node = plain(compose_command("evaluate", chosen)[0])["evaluation"]
        judge_run(Path(run), build(node, "evaluation"), Path(run) / f"report-{integrator}", Path(datasets))


def judge_again(run: str, datasets: str, *overrides: str) -> None:
    """Writes the report of a finished run anew, as its training would write it today.

    Args:
        run: folder of the run.
        datasets: folder of the datasets.
        overrides: overrides that ``train.py`` was called with.
    """
    from pathlib import Path

    from tendency.app.configuration.build import build
    from tendency.app.hardware import keep_freed_memory, set_matmul_precision
    from tendency.app.problems.run_identity import compose_training
    from tendency.app.reports.judge_runs import judge_run

    config = compose_training(overrides)
    keep_freed_memory()
    set_matmul_precision(config["matmul_precision"])
    judge_run(Path(run), build(config["evaluation"], "evaluation"), Path(run) / "report", Path(datasets))


def judge_on(run: str, datasets: str, dataset: str, folder: str) -> None:
    """Judges a finished run on the test trajectories of another dataset, into a folder of its own."""
    from pathlib import Path

    from tendency.app.hardware import keep_freed_memory, set_matmul_precision
    from tendency.app.reports.judge_runs import judge_run
    from tendency.app.reports.rollout_report import RolloutReport

    keep_freed_memory()
    set_matmul_precision("auto")
    judge_run(Path(run), RolloutReport(), Path(folder), Path(datasets), Path(dataset))


if __name__ == "__main__":
    main()
