"""``evaluate.py`` from its configuration to its reports: of runs side by side, or of a sweep over many problems."""

from pathlib import Path

from omegaconf import DictConfig

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import settings_of
from tendency.app.configuration.settings import EvaluateSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.hardware import keep_freed_memory, set_matmul_precision
from tendency.app.reports.rollout_report import JudgedSurrogates, ReportText, RolloutReport, TestData
from tendency.app.reports.runs_report import RunsReport
from tendency.app.reports.same_test_data import require_fit, require_num_test, require_same_trajectories
from tendency.app.reports.sweep_leaderboard import report_and_rank
from tendency.app.reports.told_training import ToldTraining
from tendency.app.runs.checkpoint_reader import load_stepper
from tendency.app.runs.run import Run
from tendency.app.runs.run_selection import select_runs


def evaluate(config: DictConfig) -> None:
    """Writes one report of several runs, or the leaderboard of a sweep.

    Raises:
        ConfigError: the configuration is wrong.
        ArtefactError: a run is missing, or two were judged on different data.
    """
    content = plain(config)
    check_settings(settings_of(content, "evaluate"), EvaluateSettings)
    check_nodes({"evaluation": content["evaluation"]})
    settings = EvaluateSettings(**settings_of(content, "evaluate"))
    runs_report = RunsReport(settings, content["evaluation"], Path(content["paths"]["datasets"]))
    outputs = Path(content["paths"]["outputs"])
    keep_freed_memory()
    set_matmul_precision(settings.matmul_precision)
    if settings.sweep is not None:
        report_and_rank(runs_report, outputs)
        return
    selection = select_runs(settings.runs or [])
    lines, report = runs_report.report_on(selection, outputs)
    print("\n".join(lines))
    for run, reason in selection.skipped.items():
        print(f"left out: {run}: {reason}")
    print(f"report: {report.page}")


def judge_run(run: Path, report: RolloutReport, folder: Path, datasets: Path, dataset: Path | None = None) -> None:
    """Judges one run on the test trajectories of its own dataset, as it judged itself at its end, or of another.

    Args:
        run: its folder.
        report: how it is judged.
        folder: of the report.
        datasets: where the dataset lies.
        dataset: folder of another one; None for its own.

    Raises:
        ArtefactError: the run or the dataset is missing, or the dataset is not the one that the run had, or does not
            fit it.
    """
    judged = Run.read(run)
    recipe = judged.recipe
    if dataset is None:
        dataset = datasets / recipe.dataset
        require_same_trajectories(dataset, [judged])
    require_fit(dataset, [judged])
    seconds = {} if judged.training_seconds is None else {run.name: judged.training_seconds}
    stepper = load_stepper(run)
    surrogates = JudgedSurrogates({run.name: stepper}, recipe.stride, training_seconds=seconds)
    test = TestData(dataset, require_num_test(judged))
    told = {run.name: ToldTraining.of(judged, stepper.surrogate)}
    report.write(report.evaluate(surrogates, test, folder, ReportText(folder.name, recipe.run, trainings=told)))
