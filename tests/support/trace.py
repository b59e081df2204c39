"""Prints which files of the project a training enters, in order: a measure of how far a reader has to go.

    python -m tests.support.trace [--checkout FOLDER] [overrides of train.py]

Runs ``python train.py model=fno pde=navier_stokes`` in a small form and notes each function call that goes into another
file of the project than the call before it. Imports do not count. The first part ends where the first initial state is
drawn, the second with the report. A visit is an entry into a file from another one; a return is none.
"""

import argparse
import itertools
import os
import runpy
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("simulation", "solvers", "data", "surrogates", "trainers", "evaluation", "tendency")
DEFAULT = ["model=fno", "pde=navier_stokes"]
QUICK = ["small=true", "data.workers=1", "trainer.max_epochs=1", "trainer.accelerator=cpu", "model.width=8"]
FIRST_TENSOR = ("simulation/problem.py", "draw")
"""The function in which a run's first tensor is born: an initial state."""


class Trace:
    """Files in the order in which calls enter them.

    Args:
        checkout: whose files count.
    """

    def __init__(self, checkout: Path) -> None:
        self.checkout = str(checkout.resolve()) + os.sep
        self.parts: list[list[str]] = [[], []]
        self.part = 0
        self.names: dict[str, str | None] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """What ``sys.setprofile`` calls."""
        if event != "call":
            return
        code = frame.f_code
        if code.co_filename not in self.names:
            self.names[code.co_filename] = self._name(code.co_filename)
        name = self.names[code.co_filename]
        # Comprehensions and lambdas belong to the function that they stand in.
        if name is None or code.co_name == "<module>" or _while_importing(frame):
            return
        if (name, code.co_name) == FIRST_TENSOR:
            self.part = 1
        files = self.parts[self.part]
        if not files or files[-1] != name:
            files.append(name)

    def _name(self, path: str) -> str | None:
        """A file's place in the checkout; None for what is not the project's."""
        real = os.path.realpath(path)
        if not (path.endswith(".py") and real.startswith(self.checkout)):
            return None
        name = real[len(self.checkout) :]
        own = name.split(os.sep)[0] in FOLDERS or os.sep not in name
        return name.replace(os.sep, "/") if own else None


def _while_importing(frame: FrameType) -> bool:
    """Whether a module's body is being executed further up."""
    above = frame.f_back
    while above is not None:
        if above.f_code.co_name == "<module>" and above.f_globals.get("__name__") != "__main__":
            return "site-packages" not in above.f_code.co_filename and above.f_globals.get("__name__") != "__mp_main__"
        above = above.f_back
    return False


def main() -> None:
    """Trains and prints both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, default=ROOT)
    parser.add_argument("--all", action="store_true", help="print every visit, not only the files")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    checkout = arguments.checkout.resolve()
    os.chdir(checkout)
    # The checkout's packages, not those of the one that this file lies in.
    sys.path[:] = [str(checkout), *(place for place in sys.path if place not in ("", str(ROOT)))]
    trace = Trace(checkout)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TENDENCY_DATASETS": f"{folder}/datasets", "TENDENCY_OUTPUTS": f"{folder}/outputs"}
        sys.argv = ["train.py", *(arguments.overrides or DEFAULT), *QUICK]
        sys.setprofile(trace)
        try:
            runpy.run_path(str(checkout / "train.py"), run_name="__main__")
        finally:
            sys.setprofile(None)
    for title, files in zip(("up to the first tensor", "from generation to report"), trace.parts, strict=True):
        distinct = list(dict.fromkeys(files))
        arrows = len(set(itertools.pairwise(files)))
        print(f"\n{title}: {len(distinct)} files, {len(files)} visits, {arrows} different ways between files")
        print("\n".join(f"  {name}" for name in (files if arguments.all else distinct)))


if __name__ == "__main__":
    main()
