"""A report on disk: whether it is done, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tendency.app.configuration.signatures import problems_of_parts
from tendency.app.runs.json_file import read_json
from tendency.errors import ArtefactError
from tendency.evaluation.report.report_numbers import DEFINITIONS, definitions_of

RENAMED_FIGURES = {"geometric_mean_nrmse": "rollout_nrmse"}
"""Figures of reports that older versions wrote, and what they are called now."""

REMEDY = "remove the folder of this report and make the report again"
PARTS = {
    "description": dict[str, Any],
    "summary": dict[str, dict[str, bool | float | None]],
    "seeds": dict[str, dict[str, dict[str, float | None]]],
    "comparisons": list[dict[str, Any]],
    "figures": dict[str, Any],
    "in_distribution": dict[str, Any],
}
DESCRIPTION_PARTS = {
    "learned": list[str] | None,
    "seeds": dict[str, list[str]],
    "step": float | None,
}
"""What is read of metrics.json, and what each entry is."""
PAGES = {"rollouts.nc", "metrics.nc", "metrics.json", "metrics.csv", "report.md", "report.html"}
FILES = {*PAGES, "figures", "as_trained"} - {"report.html"}
"""The files of a report; what there is of it before its page is written."""


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

    def half_done(self) -> bool:
        """Whether the folder holds parts of a report that was never written to its end, and nothing else."""
        names = {path.name for path in self.path.iterdir() if not path.name.endswith(".tmp")}
        return not self.page.exists() and names <= FILES

    def numbers(self) -> dict[str, Any]:
        """What metrics.json holds: ``summary``, ``description``, ``seeds``, ``comparisons`` and the rest.

        Raises:
            ArtefactError: the file is missing or damaged.
        """
        path = self.path / "metrics.json"
        if not path.is_file():
            raise ArtefactError(f"report {self.path}: it has no metrics.json; {REMEDY}")
        content = read_json(path, REMEDY, PARTS)
        if problems := _problems_of(content):
            raise ArtefactError(f"{path}: damaged ({problems[0]}); {REMEDY}")
        return _renamed(content)

    def complete_numbers(self) -> dict[str, Any]:
        """``numbers`` of a report that this version wrote.

        Raises:
            ArtefactError: as ``numbers``, or an entry is missing.
        """
        numbers = self.numbers()
        about = numbers.get("description", {})
        missing = [name for name in ("description", "seeds") if name not in numbers]
        missing += [f"description.{name}" for name in ("learned", "seeds", "step") if name not in about]
        if missing or about["learned"] is None:
            name = [*missing, "description.learned"][0]
            raise ArtefactError(f"{self.path / 'metrics.json'}: damaged ({name}: missing); {REMEDY}")
        return numbers

    def summary(self, method: str) -> dict[str, Any]:
        """The figures of one method; what is not finite is None."""
        return self.numbers()["summary"][method]


def _problems_of(content: Mapping[str, Any]) -> list[str]:
    """What speaks against numbers whose entries are of the right kinds."""
    # Reports of older versions have fewer entries.
    missing = [name for name in ("summary", "description") if name not in content and "figures" in content]
    about = content.get("description", {})
    if problems := [f"{name}: missing" for name in missing] + problems_of_parts(about, DESCRIPTION_PARTS):
        return problems
    if "summary" not in content:
        return ["summary: missing"]
    named = [*(about.get("learned") or ()), *(name for group in about.get("seeds", {}).values() for name in group)]
    return [f"summary: without {name!r}" for name in named if name not in content["summary"]]


def _renamed(content: Any) -> Any:
    """The content with the names that its figures have now."""
    if isinstance(content, dict):
        return {RENAMED_FIGURES.get(key, key): _renamed(value) for key, value in content.items()}
    return [_renamed(value) for value in content] if isinstance(content, list) else content
