"""A browser for the tests of the page: one that is there, or Debian's chromium where CI=true asks for it.

python tests/page/browser.py      # what make test calls first
"""

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)


def find_browser() -> str | None:
    """The path of a browser, the one that TENDENCY_BROWSER names first; an empty name means none."""
    if (named := os.environ.get("TENDENCY_BROWSER")) is not None:
        return named or None
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in (*found, *PLACES) if path and Path(path).exists()), None)


def must_be_tested() -> bool:
    """Whether a page that went untested is a failure."""
    return os.environ.get("CI") == "true"


def install() -> None:
    """Installs Debian's chromium, as root; what fails here shows as tests that fail."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        command = [*root, "apt-get", *arguments]
        print(" ".join(command), flush=True)
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
            break


if __name__ == "__main__" and must_be_tested() and find_browser() is None and shutil.which("apt-get"):
    install()
