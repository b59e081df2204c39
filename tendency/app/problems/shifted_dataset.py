"""Test data that runs were not trained on: their own problem with some of its values changed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.identity import identity
from tendency.app.configuration.moved_targets import our_class
from tendency.app.configuration.overrides import apply_overrides
from tendency.app.configuration.stored_nodes import examine
from tendency.app.problems.data_source import build_data
from tendency.app.problems.file_data import FileData
from tendency.app.problems.solved_data import SolvedData
from tendency.app.runs.run import Run
from tendency.app.runs.run_folder import differences
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.problem import Problem


def shifted_dataset(
    runs: Sequence[Run], shift: Sequence[str], num_test: int, root: Path, check: Callable[[Problem], None]
) -> Path:
    """Makes the test trajectories of the runs' problem with changed values, where they are missing.

    Trajectory i starts from the same draw as trajectory i of the runs' own test split, as far as the changes let it.

    Args:
        runs: that are to be judged, all of the same problem.
        shift: overrides of ``pde``, as on the command line of ``train.py``.
        num_test: trajectories.
        root: of the datasets.
        check: refuses a problem that the runs cannot be judged on, before anything is made.

    Returns:
        The dataset's folder.

    Raises:
        ConfigError: an override of something else, or of a key that the problem does not have, or a problem that
            cannot be built.
        ArtefactError: the runs were trained on different problems.
        DatasetError: the changed problem's certificate fails.
    """
    first = runs[0]
    for run in runs:
        target = (run.configuration.get("data") or {}).get("_target_", "")
        if (made := our_class(str(target))) is not None and issubclass(made, FileData):
            raise ArtefactError(
                f"shift: {run.name} was trained on data files: no problem is known whose trajectories could be solved "
                "anew; judge it on other files by dataset=<their folder in the datasets>"
            )
    pde = _pde_of(first)
    for run in runs:
        if lines := differences(identity(pde), identity(_pde_of(run)), "pde"):
            reason = f"shift: {first.name} and {run.name} were trained on different problems:"
            raise ArtefactError("\n".join([reason, *lines]))
    pde = apply_overrides({"pde": pde}, shift, "shift")["pde"]
    # Runs' configurations do not hold it.
    if (time := first.recipe.characteristic_time) is not None:
        pde["characteristic_time"] = {"_target_": "tendency.simulation.problem.CharacteristicTime", **time}
    # Of the other splits a dataset needs one trajectory each.
    data = dict(first.configuration.get("data") or {"_target_": "tendency.app.problems.solved_data.SolvedData"})
    data |= {"num_train": 1, "num_valid": 1, "num_test": num_test, "batch_size": 1, "generate": True}
    _require_ours(first, data, SolvedData, "data")
    try:
        # What the command line says is answered with all of its mistakes.
        found = examine(pde, Problem, "pde")
        if found.foreign or found.wrong:
            raise ConfigError(found.foreign or found.wrong)
        source = build_data(data, root, pde)
        problem = source.problem
        source.check()
    except (ConfigError, ValueError) as error:
        raise ConfigError([f"shift: {line}" for line in str(error).splitlines()]) from None
    if problem is not None:
        check(problem)
    source.prepare()
    return source.folder


def _pde_of(run: Run) -> dict[str, Any]:
    """The node of the problem that a run was trained on.

    Raises:
        ArtefactError: its configuration does not say, or says what this version cannot build.
    """
    if not isinstance(pde := run.configuration.get("pde"), dict):
        raise ArtefactError(f"shift: run {run.name} does not say which problem it was trained on")
    _require_ours(run, pde, Problem, "pde")
    return pde


def _require_ours(run: Run, node: Any, kind: type, key: str) -> None:
    """Refuses a node of a run's configuration, before anything of it is built.

    Raises:
        ArtefactError: it names code outside this project, or what this version does not have.
    """
    found = examine(node, kind, key, INJECTED.get(key, frozenset()))
    if found.foreign:
        raise ArtefactError(
            f"shift: {run.name} names code outside this project ({'; '.join(found.foreign)}), and its problem is not "
            "built"
        )
    if found.wrong:
        raise ArtefactError(f"shift: {run.name} was trained by another version of this program: {found.wrong[0]}")
