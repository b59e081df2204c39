"""The folder of a dataset that lies in data files: found again, or made from their index."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from tendency.app.configuration.identity import identity
from tendency.app.configuration.small_form import solved_part
from tendency.app.machine_limits import require_writable
from tendency.app.problems.adapted_problem import adapted_problem, lacking_parameters, require_channels
from tendency.app.problems.known_formats import recognised_reader
from tendency.app.problems.solved_data import bounded_problem
from tendency.app.progress import progress_line
from tendency.data.certificate import Certificate
from tendency.data.certify_files import certify_files
from tendency.data.dataset_layout import dataset_folder, digests_path, lock_path, manifest_path, safe_name
from tendency.data.file_facts import FileFacts, StatedValues, described, gather_facts, require_one_kind, unsaid
from tendency.data.file_index import FileIndex, IndexedFile
from tendency.data.file_location import FileLocation
from tendency.data.file_splits import SplitRule, require_apart, splits_of
from tendency.data.file_storage import FileStorage
from tendency.data.folder_lock import only_one
from tendency.data.index_files import DataFiles, name_of
from tendency.data.manifest import Manifest, read_manifest
from tendency.data.metadata import DatasetError
from tendency.data.readers.known_readers import path_of, reader_named
from tendency.data.readers.reader import Reader, StatedFacts
from tendency.data.statistics import channel_statistics
from tendency.data.trajectory_digests import TrajectoryDigests, changed_values
from tendency.errors import ConfigError
from tendency.simulation.problem import Problem
from tendency.version import provenance

SAMPLED_TRAJECTORIES, SAMPLED_VALUES = 64, 2**26
"""Of the training split, evenly spread, that statistics are taken of."""


@dataclass(frozen=True)
class FileSettings:
    """All that the index of data files depends on.

    Args:
        path: of a file or a folder.
        reader: of its format; None for the one that recognises it.
        stated: what each axis and array is.
        values: what stands in place of what the files say.
        only: pattern of the files and blocks that are used.
        leave_out: numbers of trajectories that are not used.
        rule: for splits that files do not say.
        pde: node of the problem that the files solve; None where none is known.
    """

    path: Path
    reader: Reader | None
    stated: StatedFacts
    values: StatedValues
    only: str | None
    leave_out: tuple[int, ...]
    rule: SplitRule
    pde: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """What the dataset is called: the name of the file or folder, made safe as the name of a folder."""
        return safe_name(self.path.name if self.path.is_dir() else self.path.stem)

    def chosen(self) -> dict[str, Any]:
        """The choices of the user but for path and reader, plain JSON data."""
        values = {
            "stated": asdict(self.stated),
            "values": asdict(self.values),
            "only": self.only,
            "leave_out": self.leave_out,
            "split": asdict(self.rule),
        }
        problem = {} if self.pde is None else {"pde": identity(solved_part(self.pde))}
        plain: dict[str, Any] = json.loads(json.dumps(values | problem))
        return plain

    def asked(self) -> dict[str, Any]:
        """``chosen`` with the reader that was named."""
        return self.chosen() | {"reader": None if self.reader is None else path_of(type(self.reader))}


def find_dataset(settings: FileSettings, root: Path) -> Path | None:
    """The dataset that was indexed with these settings, where the files are as they were then; none is opened.

    Args:
        settings: of the index.
        root: folder of all datasets.
    """
    for folder in sorted(root.glob(f"{settings.name}-*")):
        location = FileLocation.read(folder)
        if location is None or location.path != str(settings.path) or location.asked != settings.asked():
            continue
        try:
            manifest = read_manifest(folder)
            if manifest.files is None:
                continue
            reader = settings.reader or reader_named(manifest.files.reader)
            if DataFiles(settings.path, reader, settings.stated).stamps() == location.stamps:
                return folder
        except (DatasetError, OSError, ValueError):
            continue
    return None


def index_dataset(settings: FileSettings, root: Path) -> Path:
    """Reads the files, and makes the folder that holds their index; finds it where only their place has changed.

    Args:
        settings: of the index.
        root: folder of all datasets.

    Raises:
        ConfigError: what the files do not say and nobody else does, all of it.
        DatasetError: a file that cannot be read, or values that are not finite or never change.
        ValueError: files that do not belong together, or settings that do not fit them.
    """
    path = settings.path
    if not path.exists():
        raise ConfigError([f"data.path: expected a file or a folder, got {str(path)!r}, which is not there"])
    require_writable("paths.datasets", root)
    reader = settings.reader or recognised_reader(path)
    data_files = DataFiles(path, reader, settings.stated)
    stamps = data_files.stamps()
    files = data_files.index(settings.only, progress_line(f"indexing {path.name}"))
    num_snapshots = require_one_kind(files, settings.values.num_snapshots)
    _require_said(settings, data_files, files)
    splits, origin = splits_of(files, settings.leave_out, settings.rule)
    used = np.sort(np.concatenate(list(splits.values())))
    facts = gather_facts(settings.name, files, used, settings.values, num_snapshots)
    problem = _problem_of_files(settings, facts)
    samples, report = [], progress_line(f"looking at {path.name}")
    for number in range(len(files)):
        samples.append(data_files.sample(files, number, used, num_snapshots))
        report(number + 1, len(files))
    notes = require_apart(files, samples, splits)
    values = settings.values
    index = FileIndex(
        path_of(type(reader)),
        settings.stated,
        tuple(files),
        splits,
        facts.names,
        {name: float(value) for name, value in values.constants.items()},
        values.dt,
        values.extent,
    )
    description = settings.chosen() | {
        "reader": index.reader,
        "files": [[file.name, file.bytes, file.header, sample] for file, sample in zip(files, samples, strict=True)],
    }
    if settings.pde is not None:
        description["problem"] = adapted_problem(settings.pde, facts)
    folder = dataset_folder(root, settings.name, identity(description))
    manifest = Manifest(
        description=description,
        metadata=facts.metadata,
        counts={split: len(numbers) for split, numbers in splits.items()},
        chunk_size=1,
        chunks={},
        certificate=Certificate((), 0),
        statistics={},
        provenance=provenance() | {"split": origin} | ({"notes": notes} if notes else {}),
        files=index,
    )
    _write(folder, manifest, FileLocation(str(path), settings.asked(), stamps), problem)
    return folder


def _require_said(settings: FileSettings, data_files: DataFiles, files: list[IndexedFile]) -> None:
    """Refuses to guess what the files do not say.

    Raises:
        ConfigError: all of it, with what was found so far.
    """
    values, asked = settings.values, unsaid(files, settings.values)
    if settings.pde is not None:
        there = set(files[0].blocks[0].params)
        named = there if values.params is None else set(values.params)
        asked += lacking_parameters(
            settings.pde, named | set(values.constants), there - set((values.params or {}).values())
        )
    if asked:
        found = f"{name_of(data_files.reader)}: {described(files, data_files.number_type(files[0]))}"
        raise ConfigError([f"data: {settings.path.name} ({found}) does not say: {', '.join(asked)}"])


def _problem_of_files(settings: FileSettings, facts: FileFacts) -> Problem | None:
    """The problem that the files solve, where one was chosen."""
    if settings.pde is None:
        return None
    try:
        problem = bounded_problem(adapted_problem(settings.pde, facts))
    except ValueError as error:
        raise ValueError(
            f"{error}; this is the problem with the points, times and parameters of the data files"
        ) from None
    require_channels(problem, facts)
    return problem


def _write(folder: Path, manifest: Manifest, location: FileLocation, problem: Problem | None) -> None:
    """Writes where the files lie, and the manifest with its certificate where it is not there; the manifest last."""
    index = manifest.files
    if index is None:
        return
    with only_one(lock_path(folder), print, f"which indexes {folder}"):
        if complete := manifest_path(folder).exists():
            _require_values(folder, manifest, index, Path(location.path))
        location.write(folder)
        if complete:
            try:
                if read_manifest(folder).description == json.loads(json.dumps(manifest.description)):
                    return
            except DatasetError:
                # It is made anew.
                pass
        statistics = channel_statistics(_sampled_states(folder, manifest), manifest.metadata)
        manifest.statistics.update(statistics)
        progress = progress_line("seeking what explains the difference")
        certificate = certify_files(folder, manifest, index, problem, progress)
        certificate.require()
        if not (complete and digests_path(folder).exists()):
            storage = FileStorage.of_all(folder, manifest, index, Path(location.path))
            TrajectoryDigests.taken(storage, progress_line(f"reading {folder.name}")).write(folder)
            storage.close()
        replace(manifest, certificate=certificate).write(folder)


def _require_values(folder: Path, manifest: Manifest, index: FileIndex, path: Path) -> None:
    """Refuses files that are those of a dataset by name, size, structure and some values, but not by all values.

    Raises:
        DatasetError: with the number of the first trajectory that was changed.
    """
    storage = FileStorage.of_all(folder, manifest, index, path)
    count, digests = len(storage.numbers), TrajectoryDigests.read(folder)
    changed = digests.first_changed(storage, range(count))
    storage.close()
    if changed is not None:
        raise DatasetError(f"{path} was changed since it was indexed: {changed_values([changed], folder)}")
    if len(digests.known) < count:
        print(
            f"{path} was written to since it was indexed: the values of {len(digests.known)} of {count} trajectories, "
            "and some of the first and last of each file, were compared and are the same; the others were not compared"
        )


def _sampled_states(folder: Path, manifest: Manifest) -> Iterator[Tensor]:
    """States (1, T, C, *N) of training trajectories, evenly spread, of some of their snapshots where they are long."""
    if manifest.files is None:
        return
    metadata, count = manifest.metadata, manifest.counts["train"]
    storage = FileStorage(folder, manifest, manifest.files, "train")
    state = metadata.num_channels * int(np.prod(metadata.geometry.shape))
    rows = range(0, count, -(-count // SAMPLED_TRAJECTORIES))
    step = -(-metadata.num_snapshots * state * len(rows) // SAMPLED_VALUES)
    for row in rows:
        yield storage.states(range(row, row + 1), slice(0, metadata.num_snapshots, step))
    storage.close()
