"""The tables of a comparison: Markdown, in which columns that no row knows are left out, and CSV with every number."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from tendency.app.studies.comparison_rows import ComparisonResults, ComparisonRow
from tendency.app.studies.variants import FIGURES
from tendency.evaluation.statistics.intervals import Interval

STILL_FALLING = 0.05
"""A training has not converged where its error fell by more than this share in its last quarter."""


def _part(name: str, part: str) -> Callable[[ComparisonRow], Any]:
    def value(row: ComparisonRow) -> Any:
        interval = getattr(row, name)
        return None if interval is None else getattr(interval, part)

    return value


NUMBERS: tuple[tuple[str, Callable[[ComparisonRow], Any]], ...] = (
    *(
        (f"{name}{end}", _part(name, part))
        for name in ("nrmse", "one_step", "high_band", "high_energy", "correlation_time")
        for end, part in (("", "mean"), ("_low", "low"), ("_high", "high"))
    ),
    ("correlation_time_censored", lambda row: row.censored),
    ("correlation_steps", lambda row: row.correlation_steps),
    ("time_per_step", lambda row: row.dt),
    ("network_calls_per_step", lambda row: row.calls),
    ("time_per_network_call", lambda row: row.dt / row.calls if row.dt and row.calls else None),
    ("seconds_per_step", lambda row: row.seconds),
    ("time_per_second", lambda row: row.dt / row.seconds if row.dt and row.seconds else None),
    ("parameters", lambda row: row.parameters),
    ("training_seconds", lambda row: row.training_seconds),
    ("fall_in_last_quarter", lambda row: row.falls),
    ("stable_share", lambda row: row.stable),
)
"""The columns of the CSV file after the names."""


def _shown(value: float | None, unit: float = 1.0) -> str:
    return "" if value is None else f"{unit * value:.3g}"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else interval.text()


def _time(row: ComparisonRow) -> str:
    return "" if row.correlation_time is None else ("> " if row.censored else "") + row.correlation_time.text()


def _steps(row: ComparisonRow) -> str:
    if row.correlation_steps is None:
        return ""
    return ("> " if row.censored else "") + f"{row.correlation_steps:.0f}"


COLUMNS: tuple[tuple[str, Callable[[ComparisonRow], str]], ...] = (
    ("seeds", lambda row: str(row.seeds)),
    ("parameters", lambda row: f"{row.parameters:,}" if row.parameters else ""),
    (FIGURES["rollout_nrmse"], lambda row: row.nrmse.text()),
    (FIGURES["one_step_nrmse"], lambda row: row.one_step.text()),
    ("of it in the high band", lambda row: _interval(row.high_band)),
    ("energy in the high band", lambda row: _interval(row.high_energy)),
    ("time to correlation 0.8", _time),
    ("in steps", _steps),
    ("calls per step", lambda row: _shown(row.calls)),
    ("time per call", lambda row: _shown(row.dt / row.calls if row.dt and row.calls else None)),
    ("time per second", lambda row: _shown(row.dt / row.seconds if row.dt and row.seconds else None)),
    ("ms per step", lambda row: _shown(row.seconds, 1000)),
    ("training", lambda row: "" if row.training_seconds is None else f"{row.training_seconds / 60:.1f} min"),
)
"""The columns of the Markdown table between the name and the notes."""


def markdown_table(results: ComparisonResults, rows: Sequence[ComparisonRow]) -> list[str]:
    """One table in Markdown.

    Args:
        results: results that the rows belong to, persistence among them.
        rows: rows of the table.
    """
    texts = [[cell(row) for _, cell in COLUMNS] for row in rows]
    kept = [number for number in range(len(COLUMNS)) if any(line[number] for line in texts)]
    head = ["variant", *(COLUMNS[number][0] for number in kept)]
    table = [[row.title, *(line[number] for number in kept)] for row, line in zip(rows, texts, strict=True)]
    notes = ["; ".join(_notes(results, row)) for row in rows]
    if any(notes):
        head.append("notes")
        table = [[*line, note] for line, note in zip(table, notes, strict=True)]
    return [_line(head), f"|{'---|' * len(head)}", *map(_line, table)]


def _notes(results: ComparisonResults, row: ComparisonRow) -> list[str]:
    notes = [
        f"{label} no better than persistence's"
        for figure, label in FIGURES.items()
        if results.learned(row, figure) is False
    ]
    if row.method is not None:
        notes.append("no network")
    elif row.short_curve:
        notes.append("learning curve too short to judge")
    elif row.falls is not None and row.falls > STILL_FALLING:
        notes.append(f"not converged: error fell by {100 * row.falls:.0f} % in the last quarter")
    if row.stable is not None and row.stable < 1:
        notes.append(f"{100 * (1 - row.stable):.0f} % blew up")
    return notes


def csv_table(rows: Sequence[ComparisonRow]) -> str:
    """One line for each row, every number in full; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["problem", "model", "row", "seeds", *(name for name, _ in NUMBERS)])
    for row in rows:
        values = [value(row) for _, value in NUMBERS]
        writer.writerow([row.problem, row.model, row.variant, row.seeds, *("" if v is None else v for v in values)])
    return text.getvalue()


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
