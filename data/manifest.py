"""The manifest of a dataset: written last, so that a dataset without one is not complete."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tendency.data.certificate import Certificate
from tendency.data.dataset_layout import chunks_of, manifest_path, stored_chunk_paths
from tendency.data.metadata import CHUNK_REMEDY, DatasetError, TrajectoryMetadata
from tendency.data.whole_file import write_whole

SCHEMA = 1


@dataclass(frozen=True)
class Manifest:
    """What a dataset's folder holds.

    Args:
        description: what the dataset is made of; the folder's name is a hash of it.
        metadata: what its trajectories share.
        counts: trajectories asked for in each split.
        chunk_size: trajectories in each chunk.
        chunks: {"train/chunk-00000.hdf5": {"sha256": ..., "bytes": ...}}.
        certificate: its figures.
        statistics: of the training split's u, as ``tendency.data.statistics`` makes them; older manifests have more.
        provenance: versions and commit, recorded and never hashed.
    """

    description: dict[str, Any]
    metadata: TrajectoryMetadata
    counts: dict[str, int]
    chunk_size: int
    chunks: dict[str, dict[str, Any]]
    certificate: Certificate
    statistics: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What is there, not each file."""
        counts = ", ".join(f"{count} {split}" for split, count in self.counts.items())
        return f"Manifest({self.metadata}; {counts} trajectories in {len(self.chunks)} chunks)"

    def checksums(self, counts: Mapping[str, int]) -> dict[str, str]:
        """The checksum, by name, of each chunk that holds some of the first ``counts`` trajectories of the splits."""
        return {chunk.name: str(self.chunks[chunk.name]["sha256"]) for chunk in chunks_of(counts, self.chunk_size)}

    def write(self, folder: Path) -> None:
        """Writes manifest.json, whole or not at all."""
        content = {
            "schema": SCHEMA,
            "description": self.description,
            "metadata": self.metadata.to_dict(),
            "counts": self.counts,
            "chunk_size": self.chunk_size,
            "chunks": self.chunks,
            "certificate": self.certificate.to_dict(),
            "statistics": self.statistics,
            "provenance": self.provenance,
        }
        write_whole(manifest_path(folder), json.dumps(content, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Reads a dataset's manifest.

    Raises:
        DatasetError: there is none, it is damaged, or it was written by a newer version of this program.
    """
    path = manifest_path(folder)
    if not path.exists():
        if not folder.is_dir():
            raise DatasetError(f"no dataset at {folder.resolve()} (working directory {Path.cwd()})")
        chunks = len(stored_chunk_paths(folder))
        raise DatasetError(f"dataset {folder} is incomplete ({chunks} chunks, no manifest); run generate.py again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] > SCHEMA:
            raise DatasetError(f"{path}: schema {content['schema']} is newer than this program's {SCHEMA}; upgrade it")
        return Manifest(
            description=content["description"],
            metadata=TrajectoryMetadata.from_dict(content["metadata"]),
            counts=content["counts"],
            chunk_size=content["chunk_size"],
            chunks=content["chunks"],
            certificate=Certificate.from_dict(content["certificate"]),
            statistics=content["statistics"],
            provenance=content["provenance"],
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} is damaged ({type(error).__name__}: {error}); delete it and generate again"
        ) from None


def file_entry(path: Path) -> dict[str, Any]:
    """Checksum and size of a chunk."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": os.path.getsize(path)}


def verify(folder: Path) -> None:
    """Compares every chunk with its checksum.

    Raises:
        DatasetError: naming the first that is missing or differs.
    """
    for name, entry in read_manifest(folder).chunks.items():
        path = folder / name
        if not path.exists():
            raise DatasetError(f"chunk {path} is missing; run generate.py again: it alone is made anew")
        found = file_entry(path)
        if found != entry:
            raise DatasetError(
                f"chunk {path}: expected sha256 {entry['sha256'][:16]}..., "
                f"got {found['sha256'][:16]}...; {CHUNK_REMEDY}"
            )
