"""The commands: each checks its command line, composes its configuration, and only then imports what does the work."""

import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from tendency.app.commands.stop_signals import signals_stop
from tendency.app.commands.sweep_failures import note_failure, require_one_process, stops_sweep
from tendency.app.configuration.command_line import check_command_line
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.external_target import move_external_target
from tendency.app.configuration.free_mappings import with_free_entries
from tendency.app.configuration.home_folder import expand_home_in_environment, with_home
from tendency.app.configuration.small_form import merge_small_form
from tendency.errors import guarded

SAME = "the same command goes on from there"
"""What a user does after a signal."""


def train() -> None:
    """``python train.py model=fno pde=navier_stokes``: dataset (made if missing) -> surrogate -> rollout report."""
    _run("train", _train)


def generate() -> None:
    """``python generate.py pde=navier_stokes``: reference solver -> certified dataset; ``dataset=`` repairs one."""
    if any(argument.startswith("dataset=") for argument in sys.argv[1:]):
        _run("stored_dataset", _look_after)
    else:
        _run("generate", _generate)


def evaluate() -> None:
    """``python evaluate.py runs=[outputs/a,outputs/b]``: rollouts -> report of all, or the leaderboard of a sweep."""
    _run("evaluate", _evaluate)


def compare() -> None:
    """``python compare.py comparison=...``: trains the variants that a yaml names, and says what their errors are."""
    _run("compare", _compare)


def _run(name: str, work: Callable[[DictConfig], None]) -> None:
    """Checks the command line, then works; errors and signals end the process with their exit code."""
    sys.argv[1:] = with_free_entries(with_home(sys.argv[1:]))
    expand_home_in_environment()
    way = "the same command with resume=auto goes on from there" if name == "train" else SAME

    def all_of_it() -> None:
        check_command_line(name)
        with signals_stop(way):
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(composed)()

    def composed(config: DictConfig) -> None:
        guarded(lambda: _job(work, config))

    guarded(all_of_it)


def _job(work: Callable[[DictConfig], None], config: DictConfig) -> None:
    """Works; a job of a sweep that fails leaves the others their turn."""
    job = HydraConfig.get()
    if job.mode == RunMode.MULTIRUN and job.launcher._target_.endswith(".BasicLauncher"):
        require_one_process(config)
    try:
        work(config)
    except Exception as error:
        if job.mode != RunMode.MULTIRUN or stops_sweep(error):
            raise
        note_failure(Path(job.sweep.dir), job.overrides.task, error)


# What does the work is imported inside these functions: a mistyped command is answered without waiting for torch.


def _train(config: DictConfig) -> None:
    from tendency.app.problems.run_identity import name_run
    from tendency.app.runs.run_selection import note_run
    from tendency.app.training.train_surrogate import train

    job = HydraConfig.get()
    merge_small_form(config, job.overrides.task)
    move_external_target(config)
    choices = dict(job.runtime.choices)
    if job.mode == RunMode.MULTIRUN:
        name_run(config, choices)
        note_run(Path(job.sweep.dir), Path(config.paths.run))
    train(config, choices)


def _generate(config: DictConfig) -> None:
    from tendency.app.problems.make_dataset import generate

    merge_small_form(config, HydraConfig.get().overrides.task)
    generate(config)


def _look_after(config: DictConfig) -> None:
    from tendency.app.problems.stored_dataset import look_after

    look_after(config)


def _evaluate(config: DictConfig) -> None:
    from tendency.app.reports.judge_runs import evaluate

    evaluate(config)


def _compare(config: DictConfig) -> None:
    from tendency.app.studies.run_comparison import compare

    # Its work is done; the comparison composes the configurations of its trainings with Hydra itself.
    GlobalHydra.instance().clear()
    compare(config)
