"""A comparison from its yaml to its page: what is there is not done again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Len
from omegaconf import DictConfig

from tendency.app.configuration.build import build, build_problem
from tendency.app.configuration.composed import compose_training
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.problems.data_plan import DataPlan
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run_folder import RunFolder
from tendency.app.studies.jobs import Job, JobRunner, export_paths, seconds_of
from tendency.app.studies.run_study import train_missing
from tendency.app.studies.study_numbers import timed
from tendency.app.studies.study_plan import StudyRow
from tendency.app.studies.variants import FIGURES, Comparison, Ratio, Variant
from tendency.data.machine import usable_cores
from tendency.data.whole_file import write_whole
from tendency.errors import ArtefactError
from tendency.evaluation.statistics.intervals import Interval, log_t_interval
from tendency.simulation.annotations import NonNegativeInt
from tendency.surrogates.predictions.coarse_solver import COARSE_SOLVER


class ComparisonSettings:
    """Of ``compare.py``.

    Args:
        seeds: of the trainings.
        overrides: of every training, after those of the comparison.
        processes: that run side by side, one thread each; 0 for one per core.
        write: where the page goes, without its ending; None puts it into the outputs.
    """

    def __init__(
        self,
        seeds: Annotated[list[NonNegativeInt], Len(1)],
        overrides: list[str] | None = None,
        processes: NonNegativeInt = 0,
        write: Annotated[str, Len(1)] | None = None,
    ) -> None:
        self.seeds, self.overrides = seeds, overrides or []
        self.processes, self.write = processes or usable_cores(), write


@dataclass(frozen=True)
class Trial:
    """One variant with one seed.

    Args:
        name: of the variant.
        variant: itself.
        seed: of its training.
        overrides: that ``train.py`` is called with.
        config: composed from them, plain data.
        judged_on: configuration that makes the data that it is judged on; that of the training where it is the same.
    """

    name: str
    variant: Variant
    seed: int
    overrides: tuple[str, ...]
    config: dict[str, Any]
    judged_on: dict[str, Any]

    @property
    def title(self) -> str:
        """For the screen."""
        return f"{self.name} seed {self.seed}"

    @property
    def folder(self) -> RunFolder:
        """Where the run lies."""
        return RunFolder(Path(self.config["paths"]["run"]))

    def dataset(self, root: Path) -> Path:
        """Folder of the data that it is judged on."""
        plan, pde = _plan(self.judged_on)
        return plan.folder(root, pde, build_problem(pde))

    def report(self, root: Path) -> ReportFolder:
        """The report that it is read from."""
        run = self.folder
        return ReportFolder(run.path / f"report-on-{self.dataset(root).name}") if self.variant.judge else run.report

    def summary(self, root: Path) -> dict[str, Any]:
        """The figures of its report."""
        return self.report(root).summary(self.variant.method or self.folder.path.name)


def compare(config: DictConfig) -> None:
    """Makes the datasets, trains, judges and writes the page; each of them only where it is missing.

    Raises:
        ConfigError: the configuration is wrong; nothing was started.
        ArtefactError: jobs failed.
        Stopped: by a signal; the same command goes on.
    """
    content = plain(config)
    node, paths = content.pop("comparison"), content.pop("paths")
    check_nodes({"comparison": node})
    check_settings(content, ComparisonSettings)
    settings, comparison = ComparisonSettings(**content), build(node, "comparison")
    paths = export_paths(paths)
    torch.set_num_threads(1)
    datasets = Path(paths["datasets"])
    trials = trials_of(comparison, settings)
    name = config_name(comparison)
    folder = Path(paths["outputs"]) / f"comparison-{name}"
    runner = JobRunner(settings.processes, folder)
    distinct = list({trial.folder.path: trial for trial in trials}.values())
    failures = train_missing(distinct, runner, datasets)
    failures = failures or _judge(trials, runner, datasets)
    if failures:
        raise ArtefactError("\n".join(["some of the comparison failed; the same command tries again:", *failures]))
    target = folder / "page.md" if settings.write is None else Path(f"{settings.write}.md")
    text = page(comparison, trials, settings, folder, datasets)
    write_whole(target, text)
    print(text)
    print(f"page: {target}")


def config_name(comparison: Comparison) -> str:
    """The title as the name of a folder."""
    return "-".join("".join(c if c.isalnum() else " " for c in comparison.title.lower()).split())


def trials_of(comparison: Comparison, settings: ComparisonSettings) -> list[Trial]:
    """Every variant with every seed, seed by seed so that an unfinished comparison has whole rows early."""
    found = []
    for seed in settings.seeds:
        for name, variant in comparison.variants.items():
            chosen = [*comparison.train, *variant.train, *settings.overrides, f"seed={seed}"]
            config = compose_training(chosen)
            # Of other data only the test trajectories are needed.
            other = [*chosen, *variant.judge, "data.num_train=1", "data.num_valid=1"]
            judged_on = compose_training(other) if variant.judge else config
            found.append(Trial(name, variant, seed, tuple(chosen), config, judged_on))
    return found


def _plan(config: dict[str, Any]) -> tuple[DataPlan, dict[str, Any]]:
    return build(config["data"], "data"), config["pde"]


def _judge(trials: list[Trial], runner: JobRunner, datasets: Path) -> list[str]:
    """The trials that are judged on other data than their training reported on."""
    jobs = []
    for trial in trials:
        if not trial.variant.judge or trial.report(datasets).done():
            continue
        plan, pde = _plan(trial.judged_on)
        plan.prepare(datasets, pde, build_problem(pde))
        places = (trial.folder.path, datasets, trial.dataset(datasets), trial.report(datasets).path)
        name = f"{trial.folder.path.name}-{trial.report(datasets).path.name}"
        jobs.append(Job(name, f"judging {trial.title}", ("judge_on", *map(str, places))))
    return runner.run(jobs)


def ratios(comparison: Comparison, trials: list[Trial], datasets: Path) -> list[tuple[Ratio, Interval]]:
    """Each claim with the geometric mean of its ratio over the seeds, and the t-interval of its logarithm."""
    summaries = {(trial.name, trial.seed): trial.summary(datasets) for trial in trials}
    seeds = list(dict.fromkeys(trial.seed for trial in trials))
    found = []
    for ratio in comparison.ratios:
        values = [summaries[ratio.of, seed][ratio.figure] / summaries[ratio.to, seed][ratio.figure] for seed in seeds]
        found.append((ratio, log_t_interval(values)))
    return found


def _milliseconds(trial: Trial, datasets: Path) -> str:
    """What a step costs; nothing is said of methods that do not compute, nor of other data than the training's."""
    if trial.variant.judge or trial.variant.method not in (None, COARSE_SOLVER):
        return ""
    _, _, seconds = timed(trial.folder.path, StudyRow(trial.name, "", baseline=trial.variant.method), datasets)
    return f"{1000 * seconds:.3g}"


def page(
    comparison: Comparison, trials: list[Trial], settings: ComparisonSettings, folder: Path, datasets: Path
) -> str:
    """The answer in Markdown: the claims, the errors behind them, and how they were made."""
    lines = [f"# {comparison.title}", "", comparison.question.strip(), "", "| ratio | of | claimed | measured | |"]
    lines.append("|---|---|---|---|---|")
    for ratio, measured in ratios(comparison, trials, datasets):
        verdict = "holds" if ratio.holds(measured.mean) else "**does not hold**"
        pair = f"{ratio.of} / {ratio.to}"
        lines.append(f"| {pair} | {FIGURES[ratio.figure]} | {ratio.claim} | {measured.text()} | {verdict} |")
    head = ["variant", *FIGURES.values(), "ms per step", "training"]
    lines += ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, variant in comparison.variants.items():
        own = [trial for trial in trials if trial.name == name]
        summaries = [trial.summary(datasets) for trial in own]
        cells = [log_t_interval([summary[figure] for summary in summaries]).text() for figure in FIGURES]
        spent = [seconds_of(folder, trial.folder.path.name) for trial in own]
        known = [seconds for seconds in spent if seconds is not None]
        minutes = f"{sum(known) / len(known) / 60:.1f} min" if known and variant.method is None else ""
        cells += [_milliseconds(own[0], datasets), minutes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Medians over the test trajectories of one network, then geometric means over the seeds {settings.seeds} with",
        "95 % t-intervals of the logarithm; ratios are taken seed by seed. A step is that of one trajectory in a batch",
        "of 8, on one thread of the machine that wrote this page. Trained with",
        "",
        f"    python train.py {' '.join([*comparison.train, *settings.overrides])}",
        "",
        "and in addition",
        "",
    ]
    for name, variant in comparison.variants.items():
        judged = f", judged on `{' '.join(variant.judge)}`" if variant.judge else ""
        method = f", of whose report {variant.method} is taken" if variant.method else ""
        added = f"`{' '.join(variant.train)}`" if variant.train else "nothing"
        lines.append(f"- {name}: {added}{judged}{method}")
    return "\n".join([*lines, ""])
