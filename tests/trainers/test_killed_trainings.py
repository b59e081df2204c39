"""A sample of what ``make test-kills`` does a hundred times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_trainings_that_are_killed_and_gone_on_with_end_like_those_that_are_not(tmp_path):
    command = [sys.executable, "-m", "tests.support.kills", "--runs", "12", "--seed", "1", "--records", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert len(records) == 12
    assert sum(len(record["kills"]) for record in records) > 12
