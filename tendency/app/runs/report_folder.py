"""A report on disk: whether it is done, and what it found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        """Whether the report was written to its end."""
        return self.page.exists()

    def numbers(self) -> dict[str, Any]:
        """What metrics.json holds: ``summary``, ``description``, ``seeds``, ``comparisons`` and the rest."""
        return json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))

    def summary(self, method: str) -> dict[str, Any]:
        """The figures of one method; what is not finite is None."""
        return self.numbers()["summary"][method]
