"""Tables of a report for Markdown and for spreadsheets: what a name says stays text, and numbers keep their digits."""

import io
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from markdown_it import MarkdownIt

from tendency.evaluation.report.csv_tables import (
    records_csv,
    summary_csv,
    trajectories_csv,
    write_metrics_csv,
)
from tendency.evaluation.report.markdown import table_lines
from tendency.evaluation.report.table import TableCell, TableRow, TableSection

EVIL = (
    "a|b",
    "`rm`",
    "<script>alert(1)</script>",
    "**bold** [link](http://x) ~~gone~~",
    "back\\slash\\|",
    "two\nlines | here",
    "# head",
)
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1")


def section(names, text="1.50"):
    rows = [TableRow(name, [TableCell(text, 1.5, best=number == 0)], "3 seeds") for number, name in enumerate(names)]
    return TableSection("Errors", [], ["<b>nRMSE</b> | `x`"], rows)


def test_a_name_in_a_markdown_table_is_text_and_one_cell():
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse("\n".join(table_lines(section(EVIL))))
    cells = [token for token in tokens if token.type == "inline"][1:]
    texts = ["".join(child.content for child in cell.children) for cell in cells]
    assert not {child.type for cell in cells for child in cell.children} & {"html_inline", "link_open", "code_inline"}
    names = [" ".join(f"{name} 3 seeds".split()) for name in EVIL]
    figures = ["1.50"] * len(EVIL)
    assert texts == [
        "method",
        "<b>nRMSE</b> | `x`",
        *(text for row in zip(names, figures, strict=True) for text in row),
    ]
    bold = ["strong_open" in {child.type for child in cell.children} for cell in cells]
    assert bold == [False, False, False, True, *[False] * (len(cells) - 4)]


def test_figures_keep_their_digits_in_text():
    assert table_lines(section(["a"], "1.50"))[-2].split(" | ")[-1].strip(" |") == "**1.50**"
    assert section(["a"], "0100").lines()[-1].split() == ["a", "0100"]
    assert TableSection("Errors", [], ["nRMSE"], []).lines()[0] == "Errors"


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_in_a_csv_file_is_a_formula(text, tmp_path):
    row = TableRow(text, [TableCell(text, -1.5)], text)
    results = xr.Dataset(
        {"nrmse": (("simulator", "trajectory", "snapshot"), np.ones((1, 1, 2)))},
        {"simulator": [text], "trajectory": [0], "time": (("trajectory", "snapshot"), np.zeros((1, 2)))},
    )
    write_metrics_csv(results, tmp_path / "metrics.csv")
    tables = [
        summary_csv([text], [row]),
        trajectories_csv({text: {text: [1.0, text]}}),
        records_csv([{text: text, "figure": -0.5}]),
        (tmp_path / "metrics.csv").read_text(),
    ]
    for table in tables:
        read = pd.read_csv(io.StringIO(table), dtype=str, header=None, keep_default_na=False)
        cells = [cell for cell in read.to_numpy().ravel() if text.strip() in cell]
        assert cells
        assert {cell[:2] for cell in cells} == {f"'{text.strip()[0]}"}


def test_a_line_break_in_a_name_begins_no_line():
    assert records_csv([{"name": "a\r=1\n=2"}]) == "name\na =1 =2\n"


def test_numbers_in_a_csv_file_are_whole_and_no_text():
    records = [{"steps": 3, "error": 0.1 + 0.2, "text": "-1.5"}, {"error": -math.inf, "best": True, "text": None}]
    assert records_csv(records) == "steps,error,text,best\n3,0.30000000000000004,-1.5,\n,-inf,,True\n"
    row = TableRow("fno", [TableCell("0.3", 0.1 + 0.2), TableCell("", None)], "3 seeds")
    assert summary_csv(["a", "b"], [row]).splitlines()[1] == "fno,3 seeds,0.30000000000000004,0.3,,"
