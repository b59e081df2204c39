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

    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "tendency": __version__,
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "commit": commit or None,
    }
