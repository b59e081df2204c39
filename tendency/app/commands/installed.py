"""A readable answer where the packages are missing. Imports the standard library alone."""

import sys
from importlib.util import find_spec


def require_packages() -> None:
    """Ends the process with exit code 5 when this Python lacks the packages, e.g. outside the virtual environment."""
    missing = [
        name
        for name in ("hydra", "torch", "lightning", "h5py", "pydantic", "rich", "tabulate")
        if find_spec(name) is None
    ]
    if missing:
        print(
            f"error: {sys.executable} lacks {', '.join(missing)}: make install, then source .venv/bin/activate",
            file=sys.stderr,
        )
        sys.exit(5)
