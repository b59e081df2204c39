"""Figures of pages that are older than records of trainings: what was known of each row, and what was not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tendency.app.runs.run_folder import write_json
from tendency.app.studies.comparison_rows import ComparisonResults, ComparisonRow, MeasuredRatio
from tendency.app.studies.training_record import TAKEN_OVER

DEFINED_THEN = (
    "as they were defined then: a rollout's nRMSE from the second snapshot on, one step's as a median over all steps "
    "of all trajectories, from networks that were trained with objective/loss=relative_l2 where no loss is named"
)
"""What the legend of a page does not say of the figures of an older page."""


@dataclass(frozen=True)
class TakenOverFigures:
    """Rows and ratios of a page that was written before trainings left records.

    Args:
        page: page that they were taken over from.
        results: the figures.
        unknown: names of the figures that the page does not say of any row.
    """

    page: str
    results: ComparisonResults
    unknown: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "TakenOverFigures | None":
        """The figures of a folder, in the order of the names of its files; None where it has none.

        Args:
            folder: folder of the records of one comparison.
        """
        contents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
        contents = [content for content in contents if content.get("kind") == TAKEN_OVER]
        if not contents:
            return None
        rows = tuple(ComparisonRow.from_dict(content["row"]) for content in contents if "row" in content)
        ratios = tuple(MeasuredRatio.from_dict(ratio) for content in contents for ratio in content.get("ratios", ()))
        unknown = [set(content["unknown"]) for content in contents if "row" in content]
        return cls(contents[0]["page"], ComparisonResults(rows, ratios), tuple(sorted(set.intersection(*unknown))))


def write_taken_over(folder: Path, page: str, results: ComparisonResults, unknown: Sequence[Sequence[str]]) -> None:
    """Writes one file for each row, numbered in their order, and one for the ratios, if there are any.

    Args:
        folder: folder of the records of one comparison.
        page: page that the figures are taken over from.
        results: the figures.
        unknown: for each row the names of the figures that the page does not say.
    """
    for number, (row, missing) in enumerate(zip(results.rows, unknown, strict=True)):
        name = "-".join(part for part in (f"{number:02d}", row.problem, row.model, row.variant) if part != "-")
        content = {"kind": TAKEN_OVER, "page": page, "unknown": sorted(missing), "row": row.to_dict()}
        write_json(folder / f"{name}.json", content)
    if results.ratios:
        ratios = {
            "unknown": ["ratio of each seed", "version", "machine"],
            "ratios": [r.to_dict() for r in results.ratios],
        }
        write_json(folder / "ratios.json", {"kind": TAKEN_OVER, "page": page} | ratios)
