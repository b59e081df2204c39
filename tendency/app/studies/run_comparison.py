"""A comparison from its yaml to its page: what is there, or was computed elsewhere, is not done again."""

from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.settings import PathSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.machine_limits import require_writable
from tendency.app.studies.collect_record import collect_record
from tendency.app.studies.comparison_page import check_target, page_text, write_page
from tendency.app.studies.comparison_plan import (
    ComparisonPlan,
    ComparisonSettings,
    Training,
    Trial,
    data_in,
    distinct_trainings,
    trials_of,
)
from tendency.app.studies.comparison_rows import results_of
from tendency.app.studies.executor import Executor, Job
from tendency.app.studies.learning_curves import learning_curves
from tendency.app.studies.processes import export_paths
from tendency.app.studies.training_record import RecordFolder, TrainingRecord
from tendency.data.metadata import DatasetError
from tendency.errors import ArtefactError, printable

NODES = ("comparison", "scale", "executor")
"""The groups of ``compare.py`` that are built."""


def compare(config: DictConfig) -> None:
    """Makes the datasets, trains, judges and writes the page; each of them only where it is missing.

    Raises:
        ConfigError: the configuration is wrong; nothing was started.
        ArtefactError: jobs failed; the page holds what the others found.
        Stopped: a signal came; the same command goes on.
    """
    content = plain(config)
    paths, nodes = content.pop("paths"), {key: content.pop(key) for key in NODES}
    check_nodes(nodes)
    check_settings(content, ComparisonSettings)
    check_settings(paths, PathSettings, "paths")
    settings = ComparisonSettings(**content)
    require_writable("paths.outputs", Path(paths["outputs"]))
    if settings.write:
        require_writable("write", Path(settings.write).parent)
    comparison, scale, executor = (build(nodes[key], key) for key in NODES)
    plan = ComparisonPlan.of(comparison, scale, settings)
    if settings.write:
        check_target(Path(settings.write), comparison.title)
    paths = export_paths(paths)
    # So that what a step costs does not depend on the number of cores.
    torch.set_num_threads(1)
    datasets, folder = Path(paths["datasets"]), Path(paths["outputs"]) / folder_name(plan)
    trials = trials_of(plan)
    records = RecordFolder.read(Path(settings.results) if settings.results else folder / "results")
    for sentence in records.left_out:
        print(printable(f"left out: {sentence}"))
    failures = _complete(trials, records, executor, folder, datasets)
    results = results_of(plan, trials, records.records, datasets)
    if results.rows:
        curves = learning_curves(plan, trials, records.records)
        target = Path(settings.write) if settings.write else folder / "page"
        page = write_page(page_text(plan, results), results, curves, target)
        print(printable(page.read_text(encoding="utf-8")))
        print(f"page: {page}")
    if failures:
        raise ArtefactError("\n".join(["some of the comparison failed; the same command tries again:", *failures]))


def folder_name(plan: ComparisonPlan) -> str:
    """The name of the folder of a comparison's journal, logs and records."""
    words = f"{plan.comparison.title} {'' if plan.scale.name == 'unchanged' else plan.scale.name}".lower()
    return "-".join(["comparison", *"".join(c if c.isalnum() else " " for c in words).split()])


def _complete(
    trials: Sequence[Trial], records: RecordFolder, executor: Executor, folder: Path, datasets: Path
) -> list[str]:
    """Trains and judges what no record answers, and adds the records of what is finished then.

    Returns:
        One line for each job that failed, and for each run whose record cannot be made.
    """
    needed = {
        training.identity: [trial for trial in trials if trial.training.identity == training.identity]
        for training in distinct_trainings(trials)
    }
    left = [of for of in needed.values() if not _answers(records.records.get(of[0].training.identity), of, datasets)]
    unfinished = [of[0].training for of in left if of[0].training.folder.finished() is None]
    print(f"{len(needed) - len(unfinished)} of {len(needed)} trainings are done already", flush=True)
    if left:
        # Where it cannot be written is found out now, not after hours.
        records.path.mkdir(parents=True, exist_ok=True)
    failures = executor.run(_training_jobs(unfinished, datasets), folder)
    failures += executor.run(_judging_jobs(left, datasets), folder)
    for of in left:
        training = of[0].training
        if training.folder.finished() is not None and all(trial.report(datasets).done() for trial in of):
            try:
                records.write(collect_record(training, folder, datasets))
            except (ArtefactError, DatasetError) as error:
                failures.append(f"{training.title}: no record of {training.folder.path}: {error}")
    return failures


def _answers(record: TrainingRecord | None, trials: Sequence[Trial], datasets: Path) -> bool:
    """Whether a record has all the figures that trials are read from."""
    return record is not None and all(
        record.figures(trial.report_name(datasets), trial.variant.method) is not None for trial in trials
    )


def _training_jobs(trainings: Sequence[Training], datasets: Path) -> list[Job]:
    """One job for each training, whose dataset is made here, once, before those that share it start side by side."""
    prepared: set[Path] = set()
    for training in trainings:
        data = data_in(training.config, datasets)
        if data.folder not in prepared:
            data.prepare()
            prepared.add(data.folder)
    return [
        Job(training.folder.path.name, training.title, ("train", *training.overrides, "resume=auto"))
        for training in trainings
    ]


def _judging_jobs(needed: Sequence[Sequence[Trial]], datasets: Path) -> list[Job]:
    """Jobs for the reports that a finished training has not written itself: by other integrators, on other data.

    A training's own report is written anew where its figures have older definitions.
    """
    jobs: dict[Path, Job] = {}
    for trial in (trial for trials in needed for trial in trials):
        run, report = trial.training.folder, trial.report(datasets)
        if run.finished() is None or report.done() or report.path in jobs:
            continue
        name, title = f"{run.path.name}-{report.path.name}", f"judging {trial.training.title}"
        arguments: tuple[str, ...]
        if trial.variant.judge:
            data_in(trial.judged_on, datasets).prepare()
            places = (run.path, datasets, trial.dataset(datasets), report.path)
            jobs[report.path] = Job(name, f"{title} on other data", ("judge_on", *map(str, places)))
        elif trial.variant.integrator is not None:
            arguments = ("judge", str(run.path), str(datasets), trial.variant.integrator)
            jobs[report.path] = Job(name, f"{title} by {trial.variant.integrator}", arguments)
        else:
            arguments = ("judge_again", str(run.path), str(datasets), *trial.training.overrides)
            jobs[report.path] = Job(name, f"{title} anew", arguments)
    return list(jobs.values())
