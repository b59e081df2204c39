"""Test data that runs were not trained on: their own problem with some of its values changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tendency.app.configuration.build import build, build_problem
from tendency.app.configuration.overrides import apply_overrides
from tendency.app.configuration.signatures import check_nodes
from tendency.app.problems.data_plan import DataPlan
from tendency.app.runs.run_folder import differences
from tendency.errors import ArtefactError, ConfigError


def shifted_dataset(
    configurations: Mapping[str, Mapping[str, Any]],
    shift: Sequence[str],
    num_test: int,
    root: Path,
    characteristic_time: Mapping[str, Any] | None = None,
) -> Path:
    """Makes the test trajectories of the runs' problem with changed values, where they are missing.

    Trajectory i starts from the same draw as trajectory i of the runs' own test split, as far as the changes let it.

    Args:
        configurations: of the runs, by name.
        shift: overrides of ``pde``, as on the command line of ``train.py``.
        num_test: trajectories.
        root: of the datasets.
        characteristic_time: of the problem, which the runs' configurations do not hold.

    Returns:
        The dataset's folder.

    Raises:
        ConfigError: an override of something else, or of a key that the problem does not have, or a problem that
            cannot be built.
        ArtefactError: the runs were trained on different problems.
        DatasetError: the changed problem's certificate fails.
    """
    problems = {name: configuration["pde"] for name, configuration in configurations.items()}
    first, pde = next(iter(problems.items()))
    for name, other in problems.items():
        if lines := differences(pde, other, "pde"):
            raise ArtefactError("\n".join([f"shift: {first} and {name} were trained on different problems:", *lines]))
    pde = apply_overrides({"pde": pde}, shift, "shift")["pde"]
    if characteristic_time is not None:
        pde["characteristic_time"] = {
            "_target_": "tendency.simulation.problem.CharacteristicTime",
            **characteristic_time,
        }
    try:
        check_nodes({"pde": pde})
        problem = build_problem(pde)
    except (ConfigError, ValueError) as error:
        raise ConfigError([f"shift: {line}" for line in str(error).splitlines()]) from None
    data = dict(
        next(iter(configurations.values())).get("data") or {"_target_": "tendency.app.problems.data_plan.DataPlan"}
    )
    # Of the other splits a dataset needs one trajectory each.
    data |= {"num_train": 1, "num_valid": 1, "num_test": num_test, "batch_size": 1, "generate": True}
    plan: DataPlan = build(data, "data")
    folder, _ = plan.prepare(root, pde, problem)
    return folder
