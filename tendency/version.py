"""The version of this program, and what is recorded beside its datasets."""

import subprocess
import sys
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


def provenance() -> dict[str, Any]:
    """Recorded beside a dataset, never hashed: versions and the commit."""
    # Imported here: the version itself is asked for before torch is loaded.
    import torch

    # An installed copy may lie in the repository of somebody else, e.g. in its .venv, which tracks no file of ours.
    commit = _git("rev-parse", "HEAD") if _git("ls-files", Path(__file__).name) else ""
    return {
        "tendency": __version__,
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "commit": commit or None,
    }


def _git(*arguments: str) -> str:
    """What git prints when it is asked in the folder of this file; nothing where that fails, or no git is there."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
