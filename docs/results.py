"""Writes what is generated from docs/results/ into README.md and the pages of the comparisons, in place.

    python docs/results.py

docs/results/<comparison>/ holds one record for each training, as compare.py leaves them: python compare.py
comparison=<name> results=docs/results/<name> trains what is missing there. Where there are none yet, it holds the
figures of an earlier page, one file for each row.
"""

import sys
from pathlib import Path

# The packages beside this script, not those of a checkout that happens to be installed.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from tendency.app.studies.record_pages import regenerate_text, table_of

HERE = Path(__file__).resolve().parent


def generated() -> dict[Path, str]:
    """The text of each file that holds something generated, as the records say it."""
    pages = [HERE.parent / "README.md", *sorted(HERE.glob("*.md"))]
    texts = {path: path.read_text(encoding="utf-8") for path in pages}
    found = {path: regenerate_text(text, HERE) for path, text in texts.items() if "<!-- records: " in text}
    return found | {path: table_of(path.parent.name, HERE) for path in sorted(HERE.glob("*/table.csv"))}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(HERE.parent))
