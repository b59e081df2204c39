"""A report on disk: whether it is done, and what it found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tendency.evaluation.report.report_numbers import DEFINITIONS, definitions_of

RENAMED_FIGURES = {"geometric_mean_nrmse": "rollout_nrmse"}
"""Figures of reports that older versions wrote, and what they are called now."""


@dataclass(frozen=True)
class ReportFolder:
    """The folder of one report: report.html, which is written last, metrics.json, metrics.nc and the rest."""

    path: Path

    @property
    def page(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def results(self) -> Path:
        """Every figure of every trajectory and snapshot, as netCDF."""
        return self.path / "metrics.nc"

    def done(self) -> bool:
        """Whether the report was written to its end, and its figures are defined as those of new reports."""
        return self.page.exists() and definitions_of(self.numbers()) == DEFINITIONS

    def numbers(self) -> dict[str, Any]:
        """What metrics.json holds: ``summary``, ``description``, ``seeds``, ``comparisons`` and the rest."""
        text = (self.path / "metrics.json").read_text(encoding="utf-8")
        return json.loads(text, object_hook=lambda entry: {RENAMED_FIGURES.get(k, k): v for k, v in entry.items()})

    def summary(self, method: str) -> dict[str, Any]:
        """The figures of one method; what is not finite is None."""
        return self.numbers()["summary"][method]
