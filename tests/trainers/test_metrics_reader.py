"""The log of a run: what a kill leaves is read, and what is damaged is named."""

import pytest

from tendency.app.reports.told_training import logged_records
from tendency.app.studies.processes import seconds_of
from tendency.errors import exit_code
from tendency.trainers.logs.metrics_reader import MetricsError, read_metrics

RECORD = b'{"step": 3, "epoch": null, "train/loss": NaN}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"5",
        b"[1]",
        b'{"epoch": "x", "step": 1}',
        b'{"a": 0}',
        b"\x00\xff\xfe",
        b'{"step": "a"}',
        b'{"step": -1}',
        b'{"step": 1.5}',
        b'{"step": true}',
        b'{"step": 1, "train/loss": "low"}',
        b'{"step": 1, "train/loss": 1' + b"0" * 400 + b"}",
        b'{"step": 1' + b"0" * 5000 + b"}",
        b"[" * 100_000,
    ],
    ids=lambda line: repr(line[:24]),
)
def test_a_damaged_log_is_named_with_its_line_and_costs_a_report_only_its_curve(tmp_path, line, capsys):
    path = tmp_path / "metrics.jsonl"
    for content in (RECORD + line + b"\n" + RECORD, RECORD + line):
        path.write_bytes(content)
        with pytest.raises(MetricsError, match=r"metrics.jsonl, line 2: damaged \(") as refused:
            read_metrics(path)
        assert exit_code(refused.value) == 3
        assert logged_records(path) == []
        assert "line 2: damaged" in capsys.readouterr().out
        if not line.endswith(b"}"):
            break


@pytest.mark.parametrize("end", [b"", b"\n", b"{", b'{"step": 4, "train/lo', b'{"step": 4, "train/loss": "'])
def test_what_a_kill_left_unfinished_is_ignored(tmp_path, end):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(RECORD + end)
    assert [record["step"] for record in read_metrics(path)] == [3]


def test_a_journal_is_read_as_far_as_it_says_how_long_a_job_took(tmp_path):
    lines = [
        b'{"job": "a", "seconds": 2.5}',
        b"5",
        b'{"job": "a"}',
        b"\xff",
        b'{"job": "a", "sec',
        b'{"job": "a", "seconds": 1}',
    ]
    (tmp_path / "journal.jsonl").write_bytes(b"\n".join(lines))
    assert seconds_of(tmp_path, "a") == 3.5
