"""The gallery is drawn by the packages beside its script."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_another_checkout_draws_with_its_own_packages(tmp_path):
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "gallery.py", tmp_path / "docs")
    (tmp_path / "tendency").mkdir()
    (tmp_path / "tendency" / "__init__.py").write_text("raise RuntimeError('the packages beside the script')")
    command = [sys.executable, str(tmp_path / "docs" / "gallery.py"), "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "RuntimeError: the packages beside the script" in done.stderr
