"""A dataset that lies in data files: indexed once, read where they lie."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tendency.app.problems.data_on_disk import files_on_disk
from tendency.app.problems.data_source import DataSource
from tendency.app.problems.dataset_problem import problem_node_of
from tendency.app.problems.file_dataset import FileSettings, find_dataset, index_dataset
from tendency.app.problems.file_settings_check import require_possible_settings
from tendency.app.problems.inspection import Inspection, inspected
from tendency.app.problems.looked_at_files import look_at_files
from tendency.app.problems.solved_data import bounded_problem
from tendency.app.problems.stored_dataset import verify_folder
from tendency.data.certificate import Certificate
from tendency.data.dataset_layout import SPLITS
from tendency.data.file_facts import StatedValues, param_range, side_ranges, step_range
from tendency.data.file_index import FileIndex
from tendency.data.file_splits import SplitRule
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.readers.known_readers import admit
from tendency.data.readers.reader import Reader, StatedFacts
from tendency.data.split_holder import Hold, LoaderWorkers, Memory
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.annotations import FiniteFloat, NonNegativeInt, PositiveFloat, PositiveInt
from tendency.simulation.problem import Problem

MOST_NOTES = 5
"""Of the odd things that readers found in files, those that are said."""


class FileData(DataSource):
    """Trajectories in data files, such as a published dataset.

    What the files say is believed, what the user says stands above it, and what nobody says is asked for, all at once.
    The index of the files is made when something of it is first asked for, and kept in a folder beside the datasets
    that are solved here: it holds a manifest, so that whatever takes a dataset's folder works on it.

    Args:
        root: folder of all datasets.
        pde: node of the problem that the files solve; None where none is known.
        path: of a file, or of a folder of files.
        batch_size: windows in one global batch.
        reader: of the files' format; None for the one that recognises them.
        axes: what each axis of the arrays is: ``trajectory``, ``time``, ``channel``, and ``x``, ``y``, ``z``.
        arrays: names of the arrays that hold the fields of a state, in channel order.
        given: names of the arrays that hold constant fields.
        dt: time between snapshots.
        extent: side lengths.
        boundary: one kind for all axes, or for each axis one kind or a pair of them.
        params: parameters and their names in the files; None for all, by the files' names.
        constants: parameters of one known value, which the files do not hold; for the solver alone.
        num_snapshots: of each trajectory the first so many; None for all.
        only: pattern of the names of files, or of blocks in them; None for all.
        leave_out: numbers of trajectories that are not used.
        split: what is drawn for validation and test where the files do not say; a tenth each when left out.
        num_train: trajectories to train on; None for all.
        num_valid: trajectories for choosing the best checkpoint; None for all.
        num_test: trajectories for the report alone; None for all.
        eval_batch_size: trajectories that a validation rolls out together.
        stride: every so many stored snapshots make a step of the surrogate, in training and in every rollout.
        batches_per_epoch: at most; None takes all.
        hold: how trajectories are held for training; it changes nothing that is learned.
        memory: bytes that they may take in memory.
        loader_workers: processes that cut windows beside the training.
    """

    snapshots_key = "data.num_snapshots"

    def __init__(
        self,
        root: Path,
        pde: Mapping[str, Any] | None,
        path: str,
        batch_size: PositiveInt,
        reader: Reader | None = None,
        axes: list[str] | None = None,
        arrays: list[str] | None = None,
        given: list[str] | None = None,
        dt: PositiveFloat | None = None,
        extent: list[PositiveFloat] | None = None,
        boundary: str | list[str | list[str]] | None = None,
        params: Mapping[str, str] | None = None,
        constants: Mapping[str, FiniteFloat] | None = None,
        num_snapshots: PositiveInt | None = None,
        only: str | None = None,
        leave_out: list[NonNegativeInt] | None = None,
        split: SplitRule | None = None,
        num_train: PositiveInt | None = None,
        num_valid: PositiveInt | None = None,
        num_test: PositiveInt | None = None,
        eval_batch_size: PositiveInt = 16,
        stride: PositiveInt = 1,
        batches_per_epoch: PositiveInt | None = None,
        hold: Hold = "auto",
        memory: Memory = "auto",
        loader_workers: LoaderWorkers = "auto",
    ) -> None:
        super().__init__(batch_size, eval_batch_size, stride, batches_per_epoch, hold, memory, loader_workers)
        if reader is not None:
            # A class outside this project may read the files of a run whose command line named it.
            admit(type(reader))
        self.root = root
        self.asked = dict(zip(SPLITS, (num_train, num_valid, num_test), strict=True))
        self.settings = FileSettings(
            path=Path(path).expanduser().absolute(),
            reader=reader,
            stated=StatedFacts(
                None if axes is None else tuple(axes), None if arrays is None else tuple(arrays), tuple(given or ())
            ),
            values=StatedValues(
                dt, None if extent is None else tuple(extent), boundary, params, constants or {}, num_snapshots
            ),
            only=only,
            leave_out=tuple(leave_out or ()),
            rule=split or SplitRule(),
            pde=pde,
        )
        require_possible_settings(path, self.settings.stated, self.settings.values, only)

    @functools.cached_property
    def folder(self) -> Path:
        """As of ``DataSource``; the files are indexed where that was not done before.

        Raises:
            ConfigError: what the files do not say and nobody else does, all of it.
            DatasetError: a file that cannot be read, or values that are not finite.
            ValueError: files that do not belong together, or settings that do not fit them.
        """
        return find_dataset(self.settings, self.root) or index_dataset(self.settings, self.root)

    @functools.cached_property
    def manifest(self) -> Manifest:
        """The manifest that holds the index."""
        return read_manifest(self.folder)

    @property
    def index(self) -> FileIndex:
        """What is in the files, and which trajectories make which split."""
        if self.manifest.files is None:
            raise ArtefactError(f"dataset {self.folder} holds no index of data files")
        return self.manifest.files

    @functools.cached_property
    def counts(self) -> Mapping[str, int]:
        """As of ``DataSource``; raises ConfigError where more are asked for than there are."""
        there = self.manifest.counts
        problems = [
            f"data.num_{split}: expected at most {there[split]}, the {split} trajectories of {self.settings.path}, got "
            f"{number}"
            for split, number in self.asked.items()
            if number is not None and number > there[split]
        ]
        if problems:
            raise ConfigError(problems)
        return {split: number or there[split] for split, number in self.asked.items()}

    @functools.cached_property
    def problem(self) -> Problem | None:
        """As of ``DataSource``."""
        node = problem_node_of(self.manifest)
        return bounded_problem(node) if node else None

    @property
    def metadata(self) -> TrajectoryMetadata:
        """As of ``DataSource``."""
        return self.manifest.metadata

    @functools.cached_property
    def steps(self) -> tuple[float, float]:
        """As of ``DataSource``."""
        return step_range(self.index.files, self.index.dt, self.metadata.num_snapshots)[1]

    @property
    def extent(self) -> tuple[tuple[float, float], ...]:
        """As of ``DataSource``."""
        return side_ranges(self.index.files, self.index.extent)

    @property
    def trained_params(self) -> Mapping[str, Sequence[float]]:
        """As of ``DataSource``."""
        numbers = self.index.splits["train"][: self.counts["train"]]
        return {
            name: [*param_range(self.index.files, self.index.params[name], numbers)]
            for name in self.metadata.param_names
        }

    def identity(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """As of ``DataSource``: the dataset by its name, which says what is in the files and not where they lie.

        A problem stands there as the files solve it: with their points, times, domain and parameters.
        """
        node = config["data"]
        batches = ("_target_", "batch_size", "eval_batch_size", "batches_per_epoch", "stride")
        numbers = {f"num_{split}": number for split, number in self.counts.items()}
        data = {"dataset": self.folder.name} | numbers | {key: node[key] for key in batches if key in node}
        problem = problem_node_of(self.manifest)
        return {"data": data} | ({"pde": problem} if problem else {})

    def subject(self, problem: str | None) -> str:
        """As of ``DataSource``."""
        return self.metadata.name

    def check(self) -> None:
        """As of ``DataSource``: nothing is made."""

    def look(self) -> None:
        """As of ``DataSource``: nothing is made."""

    def lines(self) -> list[str]:
        """As of ``DataSource``."""
        number = len(self.index.files)
        notes = dict.fromkeys(self.manifest.provenance.get("notes", ()))
        notes |= dict.fromkeys(note for file in self.index.files for block in file.blocks for note in block.notes)
        return [
            f"files    {number} {'file' if number == 1 else 'files'} at {self.settings.path}",
            f"split    {self.manifest.provenance.get('split')}",
            *(f"note     {note}" for note in list(notes)[:MOST_NOTES]),
            *(f"checked  {line}" for line in self.manifest.certificate.told()),
        ]

    def prepare(self) -> Manifest:
        """As of ``DataSource``; raises ConfigError where more is asked for than there is."""
        _ = self.counts, self.seen
        return self.manifest

    def certify(self) -> Certificate:
        """As of ``DataSource``: it was measured when the files were indexed."""
        return self.manifest.certificate

    def verify(self) -> None:
        """As of ``DataSource``."""
        verify_folder(self.folder, self.manifest)

    def inspect(self) -> Inspection:
        """As of ``DataSource``: of the files as they are; their index need not be there.

        Raises:
            ConfigError: no reader knows the format.
            ValueError: files that do not belong together, or settings that do not fit them.
        """
        path, settings = self.settings.path, self.settings
        if not path.exists():
            raise ConfigError([f"data.path: expected a file or a folder, got {str(path)!r}, which is not there"])
        found = look_at_files(path, settings.reader, settings.stated, settings.values, settings.only)
        return inspected(files_on_disk(path, found))

    def repair(self) -> None:
        """As of ``DataSource``: data files are somebody else's.

        Raises:
            ArtefactError: always.
        """
        raise ArtefactError("repair: data files are not made here, and are not repaired; put back a copy of them")
