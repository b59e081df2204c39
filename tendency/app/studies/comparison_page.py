"""The page of a comparison: its claims, its tables, and how its networks were trained."""

from collections.abc import Sequence
from pathlib import Path

from tendency.app.studies.comparison_plan import ComparisonPlan
from tendency.app.studies.comparison_rows import LEARNED, PERSISTENCE, ComparisonResults, ComparisonRow, MeasuredRatio
from tendency.app.studies.comparison_table import csv_table, markdown_table
from tendency.app.studies.marked_text import blocks_of, replace_block
from tendency.app.studies.variants import FIGURES, NOT_NAMED, Ratio, Variant
from tendency.data.whole_file import whole_file, write_whole
from tendency.errors import ConfigError

NOTHING_LEARNED = f"none: an error is not below {LEARNED:g} of persistence's"
UNDEFINED = "none: an error is zero or not finite"
LEGEND = """\
Each number is a median over the test trajectories of one network, then a mean over its seeds with a 95 % t-interval;
the rollout's nRMSE is the geometric mean over its snapshots. Errors and ratios are averaged as logarithms, ratios seed
by seed. A step is that of one trajectory in a batch of 8, on one thread of the machine that trained the network."""
HIGH_BAND = """\
The high band are the wavenumbers from 12 times the lowest one on (as in PDEBench): the error there after a rollout's
first step over the norm of the whole truth, and the energy there at its end over the truth's; empty where the truth has
nothing there. A time with `>` lies beyond the end of the trajectories and has no interval. Time per call and per second
say how much physical time one call of the network, and one second of computing for one trajectory, bring a rollout
forward."""


def write_page(text: str, results: ComparisonResults, curves: bytes | None, target: Path) -> Path:
    """Writes ``<target>.md``, ``<target>/table.csv`` and ``<target>/learning_curves.png``.

    Args:
        text: text of the page; where the file there has a marked block of records, it replaces what is inside.
        results: figures of the page.
        curves: image of the learning curves; None where no training says anything of them.
        target: path without an ending.

    Returns:
        The path of the page.
    """
    page = target.with_name(f"{target.name}.md")
    write_whole(target / "table.csv", csv_table(results.rows))
    if curves is not None:
        with whole_file(target / "learning_curves.png") as temporary:
            temporary.write_bytes(curves)
        text += image_line(target.name)
    write_whole(page, replace_block(page.read_text(encoding="utf-8"), text) if page.exists() else text)
    return page


def check_target(target: Path, title: str) -> None:
    """Refuses to replace a block of records that is not this comparison's page, before anything is trained.

    Args:
        target: path of the page, without an ending.
        title: title of the comparison.

    Raises:
        ConfigError: the file has another block, or several.
    """
    page = target.with_name(f"{target.name}.md")
    blocks = blocks_of(page.read_text(encoding="utf-8")) if page.exists() else []
    if len(blocks) > 1 or any(content and not content.startswith(f"# {title}\n") for content in blocks):
        raise ConfigError(
            [f"write: expected a file without blocks of other records than the page {title!r}, got {page}"]
        )


def image_line(folder: str) -> str:
    """The end of a page that has learning curves.

    Args:
        folder: name of the folder of the image, beside the page.
    """
    return f"\n![Validation error of every network over its training]({folder}/learning_curves.png)\n"


def page_text(plan: ComparisonPlan, results: ComparisonResults) -> str:
    """The page in Markdown: the claims, the errors behind them, and how they were made.

    Args:
        plan: plan of the comparison.
        results: its figures.
    """
    comparison = plan.comparison
    lines = [f"# {comparison.title}", "", comparison.question.strip(), "", *_claims(plan, results)]
    for problem in plan.problems:
        for model in plan.models:
            rows = [row for row in results.rows if (row.problem, row.model) == (problem, model)]
            if rows:
                heading = _heading(plan, problem, model)
                lines += [*([f"## {heading}", ""] if heading else []), *markdown_table(results, rows), ""]
                lines += _cautions(results, rows)
    lines += [LEGEND, ""]
    if any(row.correlation_time for row in results.rows):
        lines += [HIGH_BAND, ""]
    return "\n".join([*lines, *_training(plan), ""])


def _heading(plan: ComparisonPlan, problem: str, model: str) -> str:
    titles = (plan.comparison.problems[problem].title, plan.comparison.models[model].title)
    return ", ".join(title for title in titles if title)


def _claims(plan: ComparisonPlan, results: ComparisonResults) -> list[str]:
    """A table of the claims that were measured; nothing where nothing is claimed."""
    claims = [(ratio, found) for ratio in plan.comparison.ratios for found in results.ratios if _same(ratio, found)]
    if not claims:
        return []
    named = any(found.problem != NOT_NAMED or found.model != NOT_NAMED for _, found in claims)
    head = [*(["where"] if named else []), "ratio", "of", "claimed", "measured", ""]
    lines = [f"| {' | '.join(head[:-1])} | |", f"|{'---|' * len(head)}"]
    for ratio, found in claims:
        where = [_heading(plan, found.problem, found.model)] if named else []
        measured = found.measured.text() if found.defined else "undefined"
        cells = [*where, f"{ratio.of} / {ratio.to}", FIGURES[ratio.figure], ratio.claim, measured]
        lines.append(f"| {' | '.join([*cells, verdict(ratio, found, results)])} |")
    return [*lines, ""]


def _same(ratio: Ratio, found: MeasuredRatio) -> bool:
    return (ratio.of, ratio.to, ratio.figure) == (found.of, found.to, found.figure)


def verdict(ratio: Ratio, found: MeasuredRatio, results: ComparisonResults) -> str:
    """Whether a claim holds, and how sure that is: a ratio may lie on one side of its bound by the choice of seeds.

    There is no answer where the ratio is not defined, or a network has learned nothing.

    Args:
        ratio: the claim.
        found: what was measured of it.
        results: all figures of the page, persistence among them.
    """
    if not found.defined:
        return UNDEFINED
    rows = (results.row(found.problem, found.model, name) for name in (ratio.of, ratio.to))
    if any(row is not None and results.learned(row, ratio.figure) is False for row in rows):
        return NOTHING_LEARNED
    mean, low, high = found.measured.mean, found.measured.low, found.measured.high
    said = "holds" if ratio.holds(mean) else "**does not hold**"
    if low is None or high is None:
        return f"{said} with the one seed; no interval"
    if ratio.holds(low) == ratio.holds(high):
        return said
    return f"{said} on the mean; the interval contains {ratio.bound:g}"


def _cautions(results: ComparisonResults, rows: Sequence[ComparisonRow]) -> list[str]:
    """What a table must not be read as."""
    lines = []
    for figure, label in FIGURES.items():
        nothing = [f"*{row.title}*" for row in rows if results.learned(row, figure) is False]
        if nothing:
            lines += [
                f"Nothing was learned, by {label}, by {', '.join(nothing)}: not below {LEARNED:g} of the error of "
                f"{PERSISTENCE}, the forecast that nothing changes, so that this error ranks none of them above or "
                "below another method.",
                "",
            ]
    if all(row.method != PERSISTENCE for row in rows):
        lines += [f"The error of {PERSISTENCE}, the forecast that nothing changes, is not known here.", ""]
    return lines


def _training(plan: ComparisonPlan) -> list[str]:
    """The command lines behind the page."""
    comparison = plan.comparison
    shared = " ".join([*comparison.train, *plan.overrides])
    lines = [f"Seeds {list(plan.seeds)}, trained with", "", f"    python train.py {shared}", "", "and in addition", ""]
    for kind, names in (("problems", plan.problems), ("models", plan.models)):
        options = getattr(comparison, kind)
        lines += [f"- {name}: `{' '.join(options[name].train)}`" for name in names if options[name].train]
    for name in plan.variants:
        variant = comparison.variants[name]
        added = f"`{' '.join(variant.train)}`" if variant.train else "nothing"
        if variant.method:
            added = _source_of(name, variant)
        elif variant.network:
            added = f"the networks of {variant.network}"
        widened = f", `model.width` times {variant.widening}" if variant.widening > 1 else ""
        stepped = f", stepped by {variant.integrator}" if variant.integrator else ""
        judged = f", judged on `{' '.join(variant.judge)}`" if variant.judge else ""
        lines.append(f"- {name}: {added}{widened}{stepped}{judged}")
    known = {"all", *plan.problems, *plan.models, *map(comparison.network_of, plan.variants)}
    changed = {key: found for key, found in plan.scale.train.items() if found and known.issuperset(key.split("/"))}
    if changed:
        lines += ["", f"with the settings of `scale={plan.scale.name}` on top:", ""]
        lines += [f"- {key}: `{' '.join(overrides)}`" for key, overrides in changed.items()]
    return lines


def _source_of(name: str, variant: Variant) -> str:
    """Where the figures of a method without training of its own come from: reports of networks of the comparison."""
    title = "" if name == variant.method else f"{variant.method}, "
    if variant.network:
        return f"{title}from the reports of the networks of {variant.network}"
    return f"{title}from the reports of " + (
        f"the networks trained with `{' '.join(variant.train)}`" if variant.train else "these networks"
    )
