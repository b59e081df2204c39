"""A study from its settings to its table: what is there is not done again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from omegaconf import DictConfig

from tendency.app.configuration.build import build, build_problem
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.signatures import check_settings
from tendency.app.problems.data_plan import DataPlan
from tendency.app.runs.run_folder import RunFolder
from tendency.app.studies.jobs import Job, JobRunner, export_paths
from tendency.app.studies.study_numbers import collect
from tendency.app.studies.study_page import write_page
from tendency.app.studies.study_plan import ROWS, StudySettings, Training, trainings_of
from tendency.errors import ArtefactError


def study(config: DictConfig) -> None:
    """Makes the datasets, trains, judges and writes the table; each of them only where it is missing.

    Raises:
        ConfigError: the configuration is wrong; nothing was started.
        ArtefactError: jobs failed; the table holds what the others found.
        Stopped: by a signal.
    """
    content = plain(config)
    scale, paths = content.pop("scale"), content.pop("paths")
    check_settings(content, StudySettings)
    settings = StudySettings(**content)
    paths = export_paths(paths)
    folder = Path(paths["outputs"]) / f"predicting_change-{scale['name']}"
    trainings = trainings_of(settings, scale["settings"])
    torch.set_num_threads(1)
    runner = JobRunner(settings.processes, folder)
    failures = train_missing(trainings, runner, Path(paths["datasets"]))
    failures += _judge(trainings, settings, runner, paths["datasets"])
    cells = collect(trainings, settings, folder, Path(paths["datasets"]))
    target = folder / "table" if settings.write is None else Path(settings.write)
    page = write_page(cells, trainings, settings, scale, target)
    print(page.read_text(encoding="utf-8"))
    print(f"page: {page}")
    if failures:
        raise ArtefactError("\n".join(["some of the study failed; the same command tries again:", *failures]))


class Planned(Protocol):
    """A training that is to be done."""

    @property
    def title(self) -> str:
        """For the screen."""
        ...

    @property
    def overrides(self) -> tuple[str, ...]:
        """That ``train.py`` is called with."""
        ...

    @property
    def config(self) -> dict[str, Any]:
        """Composed from them, plain data."""
        ...

    @property
    def folder(self) -> RunFolder:
        """Where the run lies, whoever started it."""
        ...


def train_missing(trainings: Sequence[Planned], runner: JobRunner, datasets: Path) -> list[str]:
    """Makes the datasets of the trainings that have not finished, then trains these side by side.

    Returns:
        One line for each training that failed.
    """
    left = [training for training in trainings if training.folder.finished() is None]
    print(f"{len(trainings) - len(left)} of {len(trainings)} trainings are done already", flush=True)
    prepared: set[Path] = set()
    for training in left:
        plan: DataPlan = build(training.config["data"], "data")
        pde: dict[str, Any] = training.config["pde"]
        problem = build_problem(pde)
        where = plan.folder(datasets, pde, problem)
        if where not in prepared:
            # Here, once, before the trainings that share it start side by side.
            plan.prepare(datasets, pde, problem)
            prepared.add(where)
    jobs = [
        Job(training.folder.path.name, training.title, ("train", *training.overrides, "resume=auto"))
        for training in left
    ]
    return runner.run(jobs)


def _judge(trainings: list[Training], settings: StudySettings, runner: JobRunner, datasets: str) -> list[str]:
    """The rows that step a derivative otherwise than in its training."""
    jobs = []
    for training in trainings:
        rows = [ROWS[name] for name in settings.rows]
        rows = [row for row in rows if row.integrator and training.serves(training.problem, training.model, row)]
        left = [row.integrator for row in rows if not training.report(row).done()]
        if left and training.folder.finished() is not None:
            name = f"{training.folder.path.name}-judged"
            arguments = ("judge", str(training.folder.path), datasets, *(str(integrator) for integrator in left))
            jobs.append(Job(name, f"judging {training.title}", arguments))
    return runner.run(jobs)
