"""The manifest of a dataset: written last, so that a dataset without one is not complete."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tendency.data.certificate import Certificate
from tendency.data.dataset_layout import (
    SPLITS,
    chunks_of,
    location_path,
    lock_path,
    manifest_path,
    seconds_path,
    stored_chunk_paths,
)
from tendency.data.file_index import FileIndex
from tendency.data.file_kind import in_place_of_file, require_file
from tendency.data.manifest_of_files import require_files
from tendency.data.manifest_schema import (
    SCHEMA,
    SCHEMA_OF_FILES,
    NewerSchemaError,
    content_digest,
    require_chunks,
    require_schema,
    require_statistics,
)
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.trajectory_reader import digest_of_header, open_chunk, stated_rests
from tendency.data.whole_file import write_whole

MANIFEST_REMEDY = "delete it and run the same generate.py again: chunks that are whole are kept"
"""Ends every message about a manifest that is damaged."""

FILES_REMEDY = "delete it and run the same train.py or generate.py data.path=... again: the files are indexed anew"
"""The same of data files."""

SOLVED_ANEW = "solved_anew"
"""The entry of a manifest's provenance that lists the chunks which a repair made with other bytes than at first."""


@dataclass(frozen=True)
class Manifest:
    """What a dataset's folder holds.

    Args:
        description: what the dataset is made of; the folder's name is a hash of it.
        metadata: what its trajectories share.
        counts: trajectories asked for in each split.
        chunk_size: trajectories in each chunk.
        chunks: {"train/chunk-00000.hdf5": {"sha256": ..., "bytes": ..., "header": ...}}, ``settled`` with it where
            trajectories come to rest; see ``file_entry``.
        certificate: its figures.
        statistics: of the training split's u, as ``tendency.data.statistics`` makes them; older manifests have more.
        provenance: versions and commit, recorded and never hashed.
        files: the index of a dataset that lies in files of others; it has no chunks.
    """

    description: dict[str, Any]
    metadata: TrajectoryMetadata
    counts: dict[str, int]
    chunk_size: int
    chunks: dict[str, dict[str, Any]]
    certificate: Certificate
    statistics: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    files: FileIndex | None = None

    def __repr__(self) -> str:
        """What is there, not each file."""
        counts = ", ".join(f"{count} {split}" for split, count in self.counts.items())
        if self.files is not None:
            return f"Manifest({self.metadata}; {counts} trajectories in {len(self.files.files)} files of others)"
        return f"Manifest({self.metadata}; {counts} trajectories in {len(self.chunks)} chunks)"

    def checksums(self, counts: Mapping[str, int]) -> dict[str, str]:
        """The checksum, by name, of each chunk that holds some of the first ``counts`` trajectories of the splits.

        Of files of others it is the checksum of what their reader says of them, and all of them count.
        """
        if self.files is not None:
            return {f"files/{file.name}": file.header for file in self.files.files}
        return {chunk.name: str(self.chunks[chunk.name]["sha256"]) for chunk in chunks_of(counts, self.chunk_size)}

    def settled(self) -> dict[str, dict[int, int]]:
        """For each split its trajectories that come to rest, and the snapshot from which on nothing changes."""
        found: dict[str, dict[int, int]] = {}
        if self.files is not None:
            return found
        for chunk in chunks_of(self.counts, self.chunk_size):
            first = chunk.trajectories(self.chunk_size).start
            for row, snapshot in self.chunks[chunk.name].get("settled", {}).items():
                if first + int(row) < self.counts[chunk.split]:
                    found.setdefault(chunk.split, {})[first + int(row)] = snapshot
        return found

    def write(self, folder: Path) -> None:
        """Writes manifest.json, whole or not at all."""
        content: dict[str, Any] = {
            # Programs that know no files of others refuse such a manifest as newer.
            "schema": SCHEMA if self.files is None else SCHEMA_OF_FILES,
            "description": self.description,
            "metadata": self.metadata.to_dict(),
            "counts": self.counts,
            "chunk_size": self.chunk_size,
            "chunks": self.chunks,
            "certificate": self.certificate.to_dict(),
            "statistics": self.statistics,
            "provenance": self.provenance,
        }
        if self.files is not None:
            content["files"] = self.files.to_dict()
        content["sha256"] = content_digest(content)
        write_whole(manifest_path(folder), json.dumps(content, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Reads a dataset's manifest.

    Raises:
        DatasetError: there is none, it is damaged, or it was written by a newer version of this program.
    """
    path = manifest_path(folder)
    if (found := in_place_of_file(path)) is not None:
        raise DatasetError(f"{path} is {found}, in the place of a file: move it away, or put the manifest itself there")
    if not path.exists():
        if not folder.is_dir():
            raise DatasetError(f"no dataset at {folder.resolve()} (working directory {Path.cwd()})")
        chunks = len(stored_chunk_paths(folder))
        if not chunks and not seconds_path(folder).exists():
            raise DatasetError(
                f"{folder} holds no dataset: neither a manifest nor chunks (looked in {folder.resolve()})"
            )
        raise DatasetError(f"dataset {folder} is incomplete ({chunks} chunks, no manifest); run generate.py again")
    remedy = FILES_REMEDY if location_path(folder).exists() else MANIFEST_REMEDY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        require_schema(content)
        metadata = TrajectoryMetadata.from_dict(content["metadata"])
        files = FileIndex.from_dict(content["files"]) if "files" in content else None
        require_statistics(content, metadata)
        require_chunks(content, metadata) if files is None else require_files(content, metadata, files)
    except NewerSchemaError as error:
        raise DatasetError(f"{path}: {error}") from None
    except DatasetError as error:
        raise DatasetError(f"{path} is damaged: {error}; {remedy}") from None
    except (ValueError, KeyError, TypeError, ArithmeticError, RuntimeError) as error:
        no_text = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError)
        what = "it is no JSON text" if no_text else str(error).splitlines()[0]
        raise DatasetError(f"{path} is damaged ({what}); {remedy}") from None
    return Manifest(
        description=content["description"],
        metadata=metadata,
        counts=content["counts"],
        chunk_size=content["chunk_size"],
        chunks=content["chunks"],
        certificate=Certificate.from_dict(content["certificate"]),
        statistics=content["statistics"],
        provenance=content["provenance"],
        files=files,
    )


def solved_anew(manifest: Manifest) -> list[str]:
    """The names of the chunks that a repair made with other bytes than those that were on record."""
    names = manifest.provenance.get(SOLVED_ANEW, [])
    return [str(name) for name in names if name in manifest.chunks] if isinstance(names, list) else []


def require_own_files(folder: Path) -> None:
    """Refuses to write into a dataset whose parts are no files, or are symbolic links: files elsewhere would change.

    A folder of a split may be a link to another in the dataset's folder, which itself may be a link.

    Raises:
        DatasetError: names the link and where it leads, or what is in the place of a file.
    """
    home = folder.resolve()
    for path in (lock_path(folder), seconds_path(folder), *stored_chunk_paths(folder)):
        if (found := in_place_of_file(path)) is not None:
            raise DatasetError(f"{path} is {found}; expected a file of its own: move it away")
    for path in (lock_path(folder), seconds_path(folder)):
        if path.is_symlink():
            raise DatasetError(f"{path} is a symbolic link to {path.readlink()}; expected a file of its own: remove it")
    for split in SPLITS:
        if not (where := (folder / split).resolve()).is_relative_to(home):
            raise DatasetError(
                f"{folder / split} leads to {where}, outside of the dataset's folder {home}, and no chunks are written "
                "there; make it a folder of its own (the dataset's folder itself may be a link)"
            )


def file_entry(path: Path, metadata: TrajectoryMetadata) -> dict[str, Any]:
    """What a manifest says of a chunk: its size, its checksum, that of its header, and which rows come to rest when.

    Args:
        path: of the chunk.
        metadata: of the dataset.

    Raises:
        DatasetError: it is missing or damaged.
    """
    with open_chunk(path) as chunk:
        header = digest_of_header(chunk, path, metadata)
        rests = stated_rests(chunk, path)
    settled = {str(row): snapshot for row, snapshot in enumerate(rests) if snapshot < metadata.num_snapshots - 1}
    entry = {"sha256": file_digest(path), "bytes": os.path.getsize(path), "header": header}
    return entry | ({"settled": settled} if settled else {})


def file_digest(path: Path) -> str:
    """The SHA-256 of a file."""
    require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def has_size(path: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a chunk's file is there with the size of its manifest entry."""
    return path.is_file() and path.stat().st_size == entry["bytes"]


def same_file(path: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a chunk's file is there with the size and the checksum of its manifest entry."""
    return has_size(path, entry) and file_digest(path) == entry["sha256"]
