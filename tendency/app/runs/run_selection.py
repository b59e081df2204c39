"""Which runs a report is made of: folders, checkpoints, patterns, and the runs of a sweep."""

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.runs.recipe import Recipe
from tendency.app.runs.run import Run
from tendency.app.runs.run_folder import RunFolder
from tendency.errors import ArtefactError

SWEEP_FILE = "runs.txt"
"""In the folder of a sweep: the folder of each of its runs, one a line."""


@dataclass
class Selection:
    """The runs that are judged, and those that are not.

    Args:
        runs: that are judged.
        skipped: why the others are left out, by what they are called.
    """

    runs: list[Run] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def note_run(sweep: Path, run: Path) -> None:
    """Adds a run to those of a sweep, when it begins, so that one that fails is missed.

    Args:
        sweep: the sweep's folder.
        run: the run's folder.
    """
    sweep.mkdir(parents=True, exist_ok=True)
    known = (sweep / SWEEP_FILE).read_text(encoding="utf-8").splitlines() if (sweep / SWEEP_FILE).exists() else []
    if str(run.resolve()) not in known:
        with (sweep / SWEEP_FILE).open("a", encoding="utf-8") as file:
            file.write(f"{run.resolve()}\n")


def of_the_first_problem(recipe: Recipe, selection: Selection) -> str | None:
    """Why a run cannot stand in one report with those that are selected already, or None."""
    pde = recipe.metadata.name
    if selection.runs and pde != (first := selection.runs[0].recipe.metadata.name):
        return f"of {pde}, and the first run is of {first}"
    return None


def of_any_problem(recipe: Recipe, selection: Selection) -> str | None:
    """Any run goes with any other."""
    return None


def select_runs(
    texts: Sequence[str],
    misfit: Callable[[Recipe, Selection], str | None] = of_the_first_problem,
    key: str = "runs",
    trust: bool = False,
) -> Selection:
    """Finds the runs that are asked for.

    What is named by itself must be good. What a pattern or a sweep brings along is left out, with its reason, where it
    is no run, unfinished, damaged, of another version, or does not fit: a comparison must not be spoilt by it, nor
    silently go without it.

    Args:
        texts: folders of runs, checkpoints, patterns such as ``outputs/heat-*``, or folders of sweeps.
        misfit: (recipe, those selected) -> why a run that was not named by itself is left out, or None.
        key: of the configuration that names them, for complaints.
        trust: whether classes outside this project may be built, to see whether a run can be judged.

    Raises:
        ArtefactError: a run named by itself is missing or damaged, a pattern matches nothing, or no run is left.
    """
    selection = Selection()
    for text in texts:
        gathered = _gathered(text, key)
        if gathered is None:
            _add(selection, Run.read(Path(text)))
            continue
        for path in gathered:
            found = _run_or_reason(path, selection, misfit, trust)
            if isinstance(found, Run):
                _add(selection, found)
            else:
                selection.skipped[path.name] = found
    if not selection.runs:
        lines = [f"{name}: {reason}" for name, reason in selection.skipped.items()]
        raise ArtefactError("\n".join([f"{key}: none of {list(texts)} can be judged", *lines]))
    return selection


def _gathered(text: str, key: str) -> list[Path] | None:
    """What a pattern or a sweep stands for; None where the text is a path by itself."""
    path = Path(text)
    if (path / SWEEP_FILE).is_file():
        return [
            Path(line)
            for line in (path / SWEEP_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
            if line
        ]
    if path.exists() or not glob.has_magic(text):
        return None
    found = sorted(Path(match) for match in glob.glob(text, recursive=True))
    if not found:
        raise ArtefactError(f"{key}: nothing matches {text!r} (working directory {Path.cwd()})")
    return found


def _add(selection: Selection, run: Run) -> None:
    """Adds a run, once."""
    if run.checkpoint.resolve() not in [known.checkpoint.resolve() for known in selection.runs]:
        selection.runs.append(run)


def _run_or_reason(
    path: Path, selection: Selection, misfit: Callable[[Recipe, Selection], str | None], trust: bool
) -> Run | str:
    """A run that was not named by itself, or why it is left out."""
    if not path.exists():
        return "it is not there"
    if path.is_dir() and not (path / "config.json").is_file():
        return "no folder of a run"
    try:
        if path.is_dir() and RunFolder(path).finished() is None:
            return "unfinished; its command with resume=auto goes on with it"
        stored = read_checkpoint(path)
        stored.stepper(trust)
        run = Run.of(stored.path, stored.recipe)
    except ArtefactError as error:
        return str(error)
    return misfit(run.recipe, selection) or run
