"""Pages and tables of the documentation, made from the records that are kept beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tendency.app.configuration.build import build
from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.conf_files import plain
from tendency.app.studies.comparison_page import image_line, page_text
from tendency.app.studies.comparison_plan import ComparisonPlan, ComparisonSettings, Training, trials_of
from tendency.app.studies.comparison_rows import ComparisonResults, results_of
from tendency.app.studies.comparison_table import csv_table
from tendency.app.studies.marked_text import regenerate_blocks
from tendency.app.studies.taken_over import DEFINED_THEN, TakenOverFigures
from tendency.app.studies.training_record import RecordFolder, TrainingRecord


def regenerate_text(text: str, docs: Path) -> str:
    """A text with its blocks made from records anew.

    ``<!-- records: NAME -->`` is the page of the comparison of this name, ``<!-- records: NAME rollout -->`` a table of
    its rollout errors.

    Args:
        text: text of a file of the documentation.
        docs: folder of the documentation, with the records of each comparison in ``results/<name>/``.
    """
    kinds: dict[str, Callable[[str, Path], str]] = {"": comparison_block, "rollout": rollout_block}

    def made(block: str) -> str:
        name, _, kind = block.partition(" ")
        return kinds[kind](name, docs)

    return regenerate_blocks(text, made)


def comparison_block(name: str, docs: Path) -> str:
    """The page of a comparison, as ``compare.py`` writes it.

    Args:
        name: option of ``comparison``.
        docs: folder of the documentation.
    """
    plan, results, source = _kept(name, docs)
    text = page_text(plan, results)
    if source is not None:
        text += (
            f"\nThese figures were taken over from {source.page} as it was before trainings left records, "
            f"{DEFINED_THEN}; not known are: {', '.join(source.unknown)}.\n"
        )
    image = docs / name / "learning_curves.png"
    return text + (image_line(name) if image.exists() else "")


def rollout_block(name: str, docs: Path) -> str:
    """A table of the rollout errors of a comparison: its variants against its problems and models.

    Args:
        name: option of ``comparison``.
        docs: folder of the documentation.
    """
    plan, results, source = _kept(name, docs)
    columns = [(problem, model) for problem in plan.problems for model in plan.models]
    titles = [
        f"{plan.comparison.problems[problem].title}, {plan.comparison.models[model].title}"
        for problem, model in columns
    ]
    lines = [f"| rollout nRMSE | {' | '.join(titles)} |", f"|{'---|' * (len(columns) + 1)}"]
    for variant in [*plan.variants, "persistence"]:
        rows = [results.row(problem, model, variant) for problem, model in columns]
        title = next((row.title for row in rows if row is not None), None)
        if title is not None:
            lines.append(f"| {title} | {' | '.join('' if row is None else row.nrmse.text() for row in rows)} |")
    if source is not None:
        lines += ["", f"These figures are those of an older version, {DEFINED_THEN}."]
    return "\n".join([*lines, ""])


def table_of(name: str, docs: Path) -> str:
    """The CSV table of a comparison.

    Args:
        name: option of ``comparison``.
        docs: folder of the documentation.
    """
    return csv_table(_kept(name, docs)[1].rows)


def _kept_training(records: Mapping[str, TrainingRecord]) -> Callable[[str, tuple[str, ...]], Training]:
    """Finds trainings by their command lines: their identities are those of the versions that made the records."""
    kept = {record.overrides: record for record in records.values()}

    def find(title: str, overrides: tuple[str, ...]) -> Training:
        record = kept.get(overrides)
        if record is None:
            return Training(title, overrides, {}, "")
        return Training(title, overrides, dict(record.configuration), record.identity)

    return find


def _kept(name: str, docs: Path) -> tuple[ComparisonPlan, ComparisonResults, TakenOverFigures | None]:
    """The plan of a comparison, its figures, and where these were taken over from, if they were.

    Raises:
        ValueError: nothing is kept of the comparison.
    """
    config = plain(compose_command("compare", [f"comparison={name}"])[0])
    comparison, scale = build(config["comparison"], "comparison"), build(config["scale"], "scale")
    plan = ComparisonPlan.of(comparison, scale, ComparisonSettings())
    folder = docs / "results" / name
    records = RecordFolder.read(folder).records
    if records:
        return plan, results_of(plan, trials_of(plan, _kept_training(records)), records, Path("datasets")), None
    source = TakenOverFigures.read(folder)
    if source is None:
        raise ValueError(f"no records of comparison={name} in {folder}")
    return plan, source.results, source
