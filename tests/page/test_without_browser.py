"""A page that went untested is not taken for one that passed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("ci", "code"), [("false", 0), ("true", 1)], ids=["on a desk", "in CI"])
def test_without_a_browser_the_tests_say_so_in_capitals_and_fail_in_ci(ci, code):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/page/test_page.py",
        "-k",
        "themes",
    ]
    environment = os.environ | {"TENDENCY_BROWSER": "", "CI": ci}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert ("THE REPORT'S PAGE WENT UNTESTED" in done.stdout) == (code == 0)
    assert "no browser" in done.stdout
