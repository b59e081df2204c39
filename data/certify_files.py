"""What can be measured of trajectories that somebody else has solved."""

from collections.abc import Mapping
from pathlib import Path

from tendency.data.certificate import Certificate
from tendency.data.file_certificate import file_figures
from tendency.data.file_index import FileIndex
from tendency.data.file_storage import FileStorage
from tendency.data.index_files import ReportProgress
from tendency.data.manifest import Manifest
from tendency.data.solver_comparison import SolverComparison, compare_with_solver
from tendency.data.stored_steps import read_steps
from tendency.simulation.problem import Problem

FILES_UNCERTIFIED = "data files, not certified against a solver"
"""What is said of data whose errors nobody here has measured."""


def certify_files(
    folder: Path, manifest: Manifest, index: FileIndex, problem: Problem | None, progress: ReportProgress
) -> Certificate:
    """The certificate of data files: what their values show by themselves, and beside our solver of their equation.

    Args:
        folder: of the dataset, which says where its files lie.
        manifest: of the dataset, its certificate apart.
        index: of its files.
        problem: that they solve, where it is known.
        progress: is told how many explanations were tried, where they do not solve it.

    Raises:
        DatasetError: values that are not finite, with the trajectory and the snapshot.
    """
    storages = {split: FileStorage(folder, manifest, index, split) for split in index.splits}
    try:
        figures, count = file_figures(index, storages)
        beside = _beside_solver(storages, problem, progress)
    finally:
        for storage in storages.values():
            storage.close()
    return Certificate((*figures, *beside.figures), count, beside.notes)


def _beside_solver(
    storages: Mapping[str, FileStorage], problem: Problem | None, progress: ReportProgress
) -> SolverComparison:
    """What our solver shows, where one is known and can start from what the files hold."""
    if problem is None:
        return SolverComparison((), (FILES_UNCERTIFIED,))
    steps = read_steps(storages)
    try:
        return compare_with_solver(problem.simulator, steps, progress)
    except ValueError as error:
        return SolverComparison((), (f"{FILES_UNCERTIFIED}: {error}",))
