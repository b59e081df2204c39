"""Data files of which nothing was said and no index was made: what they hold, as far as they say it themselves."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tendency.app.problems.known_formats import recognised_reader
from tendency.data.certificate import Certificate
from tendency.data.dataset_layout import SPLITS, safe_name
from tendency.data.file_facts import StatedValues, gather_facts, require_one_kind
from tendency.data.file_index import FileIndex, IndexedFile
from tendency.data.index_files import DataFiles
from tendency.data.manifest import Manifest
from tendency.data.readers.known_readers import path_of
from tendency.data.readers.reader import Reader, StatedFacts


@dataclass(frozen=True)
class FoundFiles:
    """Data files that were looked at.

    Args:
        manifest: as of a dataset of them; its one split is "" where they name none.
        unsaid: which of ``dt``, ``extent`` and ``boundary`` they do not say: dt is 1 then, the distance of neighbouring
            points too, and boundaries are open.
    """

    manifest: Manifest
    unsaid: tuple[str, ...]


def look_at_files(
    path: Path,
    reader: Reader | None = None,
    stated: StatedFacts | None = None,
    said: StatedValues | None = None,
    only: str | None = None,
) -> FoundFiles:
    """Reads the structure of data files, and writes nothing.

    Args:
        path: of a file or a folder.
        reader: of their format; None for the one that recognises them.
        stated: what each axis and array is.
        said: by the user, in place of what the files say.
        only: pattern of the names of files, or of blocks in them; None for all.

    Raises:
        ConfigError: no reader, or several, recognise them.
        DatasetError: a file that cannot be read.
        ValueError: files that do not belong together.
    """
    reader, stated, said = reader or recognised_reader(path), stated or StatedFacts(), said or StatedValues()
    files = DataFiles(path, reader, stated).index(only, lambda done, total: None)
    blocks = [block for file in files for block in file.blocks]
    shortest = min(block.num_snapshots for block in blocks)
    snapshots = require_one_kind(files, said.num_snapshots or (shortest if shortest > 1 else None))
    names = {"dt": "times", "extent": "extent", "boundary": "boundary"}
    lacking = {
        name
        for name, inside in names.items()
        if getattr(said, name) is None and any(getattr(block, inside) is None for block in blocks)
    }
    values = replace(
        said,
        dt=1.0 if "dt" in lacking else said.dt,
        extent=tuple(float(n) for n in blocks[0].shape) if "extent" in lacking else said.extent,
        boundary="open" if "boundary" in lacking else said.boundary,
    )
    splits = _splits(files)
    used = np.sort(np.concatenate(list(splits.values())))
    facts = gather_facts(safe_name(path.name if path.is_dir() else path.stem), files, used, values, snapshots)
    index = FileIndex(
        path_of(type(reader)),
        stated,
        tuple(files),
        splits,
        facts.names,
        dict(values.constants),
        values.dt,
        values.extent,
    )
    manifest = Manifest(
        description={},
        metadata=facts.metadata,
        counts={split: len(numbers) for split, numbers in splits.items()},
        chunk_size=1,
        chunks={},
        certificate=Certificate((), 0),
        statistics={},
        files=index,
    )
    return FoundFiles(manifest, tuple(sorted(lacking)))


def _splits(files: list[IndexedFile]) -> dict[str, np.ndarray]:
    """The numbers of the trajectories of the splits that the files name, or of all where they do not."""
    blocks = [block for file in files for block in file.blocks]
    ends = np.cumsum([block.num_trajectories for block in blocks])
    stated: dict[str, list[np.ndarray]] = {}
    for block, end in zip(blocks, ends, strict=True):
        stated.setdefault(block.split or "", []).append(np.arange(end - block.num_trajectories, end))
    if "" in stated:
        return {"": np.arange(ends[-1])}
    return {split: np.concatenate(stated[split]) for split in SPLITS if split in stated}
