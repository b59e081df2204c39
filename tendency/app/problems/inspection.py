"""What a dataset or data files are, in a few lines."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tendency.app.problems.data_on_disk import DataOnDisk
from tendency.data.index_files import name_of
from tendency.data.manifest import Manifest
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.data.readers.known_readers import reader_named
from tendency.errors import printable
from tendency.simulation.conditions import Conditions

MOST_LINES = 25
MOST_NAMES = 4
"""Of parameters, each of which has a line; the others share one."""
WIDTH = 14
RANKS = ("scalar", "vector", "tensor")


@dataclass(frozen=True)
class Inspection:
    """What is known without reading values of fields.

    Args:
        lines: a word and what it says, each.
    """

    lines: tuple[str, ...]

    def __str__(self) -> str:
        """The lines, one below the other."""
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        """What Python shows at its prompt."""
        return str(self)


def inspected(data: DataOnDisk) -> Inspection:
    """What a dataset or data files are, in at most ``MOST_LINES`` lines."""
    lines = [f"{word:<{WIDTH}}{text}" for word, text in _entries(data) if text]
    return Inspection(tuple(printable(line) for line in lines[:MOST_LINES]))


def _entries(data: DataOnDisk) -> Iterator[tuple[str, str]]:
    manifest, metadata = data.manifest, data.manifest.metadata
    yield "dataset", f"{metadata.name}, {data.path}"
    yield "made of", _origin(manifest)
    counts = ", ".join(f"{number} {split}".strip() for split, number in manifest.counts.items())
    yield "trajectories", counts
    yield "fields", ", ".join(f"{each.name} ({RANKS[each.rank]})" for each in metadata.fields)
    yield "known fields", ", ".join(f"{each.name} ({RANKS[each.rank]})" for each in metadata.known)
    points = " x ".join(str(number) for number in metadata.geometry.shape)
    yield "points", f"{points}, {type(metadata.geometry).__name__}"
    yield "boundary", repr(metadata.geometry.boundary).removeprefix("Boundary(").removesuffix(")")
    try:
        heads = [storage.heads_without_fields(range(count)) for storage, count in data.splits.values() if count]
    except DatasetError as error:
        yield "damaged", str(error)
    else:
        yield from _of_trajectories(
            metadata, torch.cat([times for times, _ in heads]), Conditions.joined([each for _, each in heads])
        )
    yield "unsaid", _unsaid(data)
    yield "equation", metadata.equation
    yield "u_t", "stored" if metadata.has_time_derivative else ""
    yield "certificate", _certificate(manifest)
    size, number = _size(manifest)
    yield "on the disk", f"{size / 1e6:.3g} MB in {number} {'file' if number == 1 else 'files'}"
    versions = [f"{name} {manifest.provenance[name]}" for name in ("tendency", "torch") if name in manifest.provenance]
    commit = str(manifest.provenance.get("commit") or "")[:10]
    yield "made by", ", ".join([*versions, f"commit {commit}" if commit else ""]).strip(", ")
    yield from (("note", note) for note in _notes(manifest))
    if data.unsaid or not manifest.provenance:
        yield "train on it", shlex.join(["python", "train.py", "data=files", f"data.path={data.path}"])


def _origin(manifest: Manifest) -> str:
    if manifest.files is not None:
        return f"data files in the format {name_of(reader_named(manifest.files.reader))}, read in place"
    return str(manifest.provenance.get("origin", "solutions of this program"))


def _of_trajectories(metadata: TrajectoryMetadata, times: Tensor, conditions: Conditions) -> Iterator[tuple[str, str]]:
    """Times, side lengths and parameters, each with its range."""
    steps = times.diff(dim=1)
    dt = f"dt = {metadata.dt:g}" if metadata.dt is not None else f"dt {_range(steps)}"
    yield "times", f"{metadata.num_snapshots} snapshots, {dt}, from {float(times.min()):g} to {float(times.max()):g}"
    yield "extent", ", ".join(_range(side) for side in conditions.extent.T)
    named = [(name, conditions.parameter(name), "") for name in metadata.param_names]
    named += [(name, conditions.parameter(name), ", hidden") for name in metadata.hidden_names]
    for name, values, hidden in named[:MOST_NAMES]:
        yield "parameter", f"{name} {_range(values)}{hidden}"
    yield "parameters", ", ".join(name for name, _, _ in named[MOST_NAMES:])


def _range(values: Tensor) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _unsaid(data: DataOnDisk) -> str:
    """What data files do not say, which a training asks for."""
    if not data.unsaid:
        return ""
    keys = ", ".join(f"data.{name}" for name in data.unsaid)
    return f"{keys}: taken as dt = 1, points 1 apart, open boundaries above; a training asks for them"


def _certificate(manifest: Manifest) -> str:
    certificate = manifest.certificate
    if not certificate.certified:
        return "never certified; no error of these data was ever measured"
    failing = [figure.name for figure in certificate.figures if not figure.holds]
    verdict = f"beyond tolerance: {', '.join(failing)}" if failing else "all within tolerance"
    measured = f"{len(certificate.figures)} figures on {certificate.trajectories} trajectories, {verdict}"
    return "; ".join([*certificate.notes[:1], measured])


def _size(manifest: Manifest) -> tuple[int, int]:
    """Bytes and number of files."""
    if manifest.files is not None:
        return sum(file.bytes for file in manifest.files.files), len(manifest.files.files)
    return sum(entry["bytes"] for entry in manifest.chunks.values()), len(manifest.chunks)


def _notes(manifest: Manifest) -> list[str]:
    """What readers found odd, and which trajectories come to rest."""
    rests = {split: len(found) for split, found in manifest.settled().items()}
    notes = [f"{number} {split} trajectories come to rest" for split, number in rests.items()]
    files = manifest.files.files if manifest.files is not None else ()
    return notes + list(dict.fromkeys(note for file in files for block in file.blocks for note in block.notes))
