"""What surrogates do away from their training, beside what they do as they were trained."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tendency.evaluation.report.summary_table import SummaryTable, TableCell, TableRow
from tendency.evaluation.statistics.summary import cell

COMPARED = (
    ("one_step_nrmse", "one-step nRMSE"),
    ("geometric_mean_nrmse", "nRMSE, geometric mean"),
    ("correlation_time_0.8", "time to correlation 0.8"),
)
"""Figures of a summary that are set side by side."""

NO_FACTOR = TableCell("", None, "the step or the horizon is another one")


@dataclass(frozen=True)
class InDistribution:
    """How the methods of a report do on the data, the step and the integrator that they were trained with.

    Args:
        changes: what is otherwise in the report, a sentence each.
        summary: {method: {figure: value}} as trained; empty where it was not measured.
        step: between snapshots as trained; None where it varies or was not measured.
        page: the report as trained, as a link from the other one.
        missing: why it was not measured.
    """

    changes: Sequence[str]
    summary: Mapping[str, Mapping[str, Any]]
    step: float | None = None
    page: str | None = None
    missing: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for metrics.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "InDistribution":
        """The inverse of ``to_dict``."""
        return cls(**content)

    def table(self, here: Mapping[str, Mapping[str, Any]], learned: Sequence[str], step: float | None) -> SummaryTable:
        """The section of a report's page.

        Args:
            here: the summary of the report.
            learned: the methods that are no baselines.
            step: between the snapshots of the report; None where it varies.
        """
        notes = ["Beside what the methods do as they were trained.", *(f"{change}." for change in self.changes)]
        notes += self._unlike(here, step)
        if self.missing is not None:
            notes.append(f"As trained: not measured, {self.missing}.")
        link = None if self.page is None else ("The report as trained", self.page)
        rows = self._rows(here, learned, step)
        return SummaryTable("In distribution and out of it", notes, self._columns(), rows, link=link)

    def _unlike(self, here: Mapping[str, Mapping[str, Any]], step: float | None) -> list[str]:
        """In what the two sides must not be compared, and why a factor between them is missing."""
        shared = next((name for name in here if name in self.summary), None)
        if shared is None:
            return []
        trained, shifted = self.summary[shared], here[shared]
        pairs = [("step", self.step, step)]
        pairs += [(key, trained[key], shifted[key]) for key in ("horizon", "trajectories")]
        unlike = [f"{what}: {a:.4g} as trained, {b:.4g} here" for what, a, b in pairs if a and b and a != b]
        return [f"Not the same on both sides: {'; '.join(unlike)}."] if unlike else []

    def _columns(self) -> list[str]:
        heads = []
        for key, label in COMPARED:
            heads += [f"{label}, as trained", "here"]
            heads += [] if "time" in key else ["times"]
        return heads

    def _rows(
        self, here: Mapping[str, Mapping[str, Any]], learned: Sequence[str], step: float | None
    ) -> list[TableRow]:
        """One row for each method that has figures in both places; errors with the factor between them."""
        rows = []
        for name in [name for name in here if name in self.summary]:
            cells: list[TableCell] = []
            for key, _ in COMPARED:
                trained, shifted = self.summary[name], here[name]
                cells += [_cell(trained, key), _cell(shifted, key)]
                alike = step == self.step and (key == "one_step_nrmse" or trained["horizon"] == shifted["horizon"])
                if "time" not in key:
                    cells.append(_times(_value(trained, key), _value(shifted, key)) if alike else NO_FACTOR)
            rows.append(TableRow(name, cells, baseline=name not in learned))
        return rows


def _value(figures: Mapping[str, Any], key: str) -> float:
    """A figure that metrics.json has no number for was not finite."""
    value = figures.get(key)
    return np.inf if value is None else float(value)


def _cell(figures: Mapping[str, Any], key: str) -> TableCell:
    value = _value(figures, key)
    return TableCell(cell({**figures, key: value}, key), value if np.isfinite(value) else None)


def _times(trained: float, shifted: float) -> TableCell:
    """How many times larger an error is than as trained."""
    if not np.isfinite(shifted):
        return TableCell("blew up", None)
    if not np.isfinite(trained) or trained == 0:
        return TableCell("", None)
    return TableCell(f"{shifted / trained:.3g}", shifted / trained)
