"""Figures of surrogates on other data than in training, beside their figures on the data of the training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tendency.evaluation.metrics.figure import Statistic, SummaryFigure
from tendency.evaluation.report.table import TableCell, TableRow, TableSection
from tendency.evaluation.statistics.summary import figure_text

NO_FACTOR = TableCell("", None, "the step or the horizon is another one")


@dataclass(frozen=True)
class InDistribution:
    """Figures of a report's methods on the data, with the step and the integrator, that they were trained with.

    Args:
        changes: differences between the report and the training, a sentence each.
        summary: {method: {figure: value}} as trained; empty where it was not measured.
        step: time between snapshots as trained; None where it varies or was not measured.
        page: link from the report's page to that of the report as trained.
        missing: reason why it was not measured.
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

    def table(
        self,
        figures: Sequence[SummaryFigure],
        here: Mapping[str, Mapping[str, Any]],
        learned: Sequence[str],
        step: float | None,
    ) -> TableSection:
        """The section of a report's page.

        Args:
            figures: figures that are set side by side.
            here: summary of the report.
            learned: names of the methods that are no baselines.
            step: time between the snapshots of the report; None where it varies.
        """
        notes = ["Beside what the methods do as they were trained.", *(f"{change}." for change in self.changes)]
        notes += self._unequal_settings(here, step)
        if self.missing is not None:
            notes.append(f"As trained: not measured, {self.missing}.")
        link = None if self.page is None else ("The report as trained", self.page)
        both = [name for name in here if name in self.summary]
        shown = [one for one in figures if any(one.key in here[n] and one.key in self.summary[n] for n in both)]
        rows = [
            TableRow(n, self._cells(shown, here[n], self.summary[n], step), baseline=n not in learned) for n in both
        ]
        return TableSection("In distribution and out of it", notes, _columns(shown), rows, link=link)

    def _unequal_settings(self, here: Mapping[str, Mapping[str, Any]], step: float | None) -> list[str]:
        """A sentence on settings that differ between both sides, for which no factor is given between them."""
        shared = next((name for name in here if name in self.summary), None)
        if shared is None:
            return []
        trained, shifted = self.summary[shared], here[shared]
        pairs = [("step", self.step, step)]
        pairs += [(key, trained[key], shifted[key]) for key in ("horizon", "trajectories")]
        unequal = [f"{what}: {a:.4g} as trained, {b:.4g} here" for what, a, b in pairs if a and b and a != b]
        return [f"Not the same on both sides: {'; '.join(unequal)}."] if unequal else []

    def _cells(
        self, figures: Sequence[SummaryFigure], here: Mapping[str, Any], trained: Mapping[str, Any], step: float | None
    ) -> list[TableCell]:
        """The cells of one method that has figures in both places; errors with the factor between them."""
        cells: list[TableCell] = []
        for figure in figures:
            cells += [_cell(trained, figure), _cell(here, figure)]
            if figure.by_ratio:
                # What no rollout enters does not depend on the horizon.
                single_steps = figure.statistic is Statistic.SINGLE_STEPS
                alike = step == self.step and (single_steps or trained["horizon"] == here["horizon"])
                cells.append(_factor_cell(_value(trained, figure), _value(here, figure)) if alike else NO_FACTOR)
        return cells


def _columns(figures: Sequence[SummaryFigure]) -> list[str]:
    heads = []
    for figure in figures:
        heads += [f"{figure.title}, as trained", "here"]
        heads += ["times"] if figure.by_ratio else []
    return heads


def _value(figures: Mapping[str, Any], figure: SummaryFigure) -> float:
    """A figure of a summary; one that is null in metrics.json was not finite."""
    value = figures.get(figure.key)
    return np.inf if value is None else float(value)


def _cell(figures: Mapping[str, Any], figure: SummaryFigure) -> TableCell:
    if figure.key not in figures:
        return TableCell("", None, "not applicable")
    value = _value(figures, figure)
    return TableCell(figure_text({**figures, figure.key: value}, figure), value if np.isfinite(value) else None)


def _factor_cell(trained: float, shifted: float) -> TableCell:
    """The error here over the error as trained."""
    if not np.isfinite(shifted):
        return TableCell("blew up", None)
    if not np.isfinite(trained) or trained == 0:
        return TableCell("", None)
    return TableCell(f"{shifted / trained:.3g}", shifted / trained)
