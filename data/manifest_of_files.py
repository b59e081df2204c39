"""What the manifest of data files says in two places must be the same: its index, its metadata and its description."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from tendency.data.file_facts import StatedValues, gather_facts, require_one_kind
from tendency.data.file_index import FileIndex, IndexedFile, header_of
from tendency.data.metadata import DatasetError, TrajectoryMetadata


def require_files(content: Mapping[str, Any], metadata: TrajectoryMetadata, files: FileIndex) -> None:
    """Refuses a manifest of files of others that contradicts itself.

    Args:
        content: plain JSON data that ``require_schema`` let pass.
        metadata: in it.
        files: the index in it.

    Raises:
        DatasetError: with both sides.
        ValueError: files that do not belong together, or are not what the manifest says of them.
    """
    counts = {split: len(numbers) for split, numbers in files.splits.items()}
    if content["counts"] != counts or content["chunks"]:
        raise DatasetError(f"counts: expected those of the index, {counts}, and no chunks, got {content['counts']}")
    names = {*metadata.param_names, *metadata.hidden_names}
    if names != {*files.params, *files.constants}:
        raise DatasetError(f"files.params: expected {sorted(names)}, got {sorted({*files.params, *files.constants})}")
    _require_splits(files)
    listed: set[str] = set()
    for file in files.files:
        if file.name in listed:
            raise DatasetError(f"files.files: expected each file once, got {file.name!r} again")
        listed.add(file.name)
        _require_file(file, files, metadata)
    _require_description(content["description"], files)
    _require_metadata(content["description"].get("values") or {}, metadata, files)


def _require_splits(files: FileIndex) -> None:
    """Refuses a trajectory that stands in two splits, or twice in one."""
    seen: dict[int, str] = {}
    for split, numbers in files.splits.items():
        for number in numbers.tolist():
            if number in seen:
                raise DatasetError(
                    f"files.splits.{split}: expected each trajectory once in all splits, got {number}, which is in "
                    f"{seen[number]} already"
                )
            seen[number] = split


def _require_file(file: IndexedFile, files: FileIndex, metadata: TrajectoryMetadata) -> None:
    """Refuses an entry of a file that leads out of the folder, or whose blocks are not those of the dataset."""
    if PurePosixPath(file.name).is_absolute() or ".." in PurePosixPath(file.name).parts:
        raise DatasetError(f"files: expected names that stay in the dataset's folder, got {file.name!r}")
    for block in file.blocks:
        if missing := {*files.params.values()} - {*block.params}:
            raise DatasetError(f"files.{file.name}: its blocks lack the parameters {sorted(missing)}")
        if block.num_snapshots < metadata.num_snapshots:
            raise DatasetError(
                f"files.{file.name}: expected at least {metadata.num_snapshots} snapshots, got {block.num_snapshots}"
            )
        columns = {"extent": block.extent, "times": block.times}
        for name, array in columns.items():
            if array is not None and (array.ndim > 2 or (array.ndim == 2 and len(array) != block.num_trajectories)):
                raise DatasetError(
                    f"files.{file.name}.{name}: expected one for all or each of {block.num_trajectories} trajectories, "
                    f"got {array.shape}"
                )
    if header_of(file.blocks) != file.header:
        raise DatasetError(f"files.{file.name}: its blocks are not what its header was made of")


def _require_description(description: Mapping[str, Any], files: FileIndex) -> None:
    """Refuses an index that was made with other settings than the description says, as far as it says them."""
    plain = files.to_dict()
    values = description.get("values", {})
    if not isinstance(values, dict):
        raise DatasetError(f"description.values: expected the settings of the index, got {values!r}")
    pairs = [(f"description.{key}", description.get(key, plain[key]), plain[key]) for key in ("reader", "stated")]
    pairs += [(f"description.values.{key}", values.get(key, plain[key]), plain[key]) for key in ("dt", "extent")]
    pairs.append(("description.values.constants", values.get("constants", plain["constants"]), plain["constants"]))
    if (params := values.get("params")) is not None:
        pairs.append(("description.values.params", params, plain["params"]))
    for key, said, found in pairs:
        if said != found:
            raise DatasetError(f"{key}: expected what the index has, {repr(found)[:60]}, got {repr(said)[:60]}")
    if (rows := description.get("files")) is not None:
        expected = [[file.name, file.bytes, file.header] for file in files.files]
        whole = isinstance(rows, list) and all(isinstance(row, list) and len(row) == 4 for row in rows)
        if not whole or [row[:3] for row in rows] != expected:
            raise DatasetError(
                "description.files: expected name, size, header and a digest of values of each file of the index, got "
                f"{repr(rows)[:60]}"
            )
    left_out = description.get("leave_out", [])
    if not isinstance(left_out, list):
        raise DatasetError(f"description.leave_out: expected numbers of trajectories, got {left_out!r}")
    for split, numbers in files.splits.items():
        if both := {*left_out} & {*numbers.tolist()}:
            raise DatasetError(f"files.splits.{split}: expected no trajectory that is left out, got {min(both)}")


def _require_metadata(values: Mapping[str, Any], metadata: TrajectoryMetadata, files: FileIndex) -> None:
    """Refuses metadata that are not what the blocks and the stated values make."""
    require_one_kind(files.files, metadata.num_snapshots)
    stated = StatedValues(
        files.dt, files.extent, values.get("boundary"), files.params, files.constants, metadata.num_snapshots
    )
    used = np.sort(np.concatenate(list(files.splits.values())))
    made = gather_facts(metadata.name, files.files, used, stated, metadata.num_snapshots).metadata
    expected, found = made.to_dict(), metadata.to_dict()
    for key in sorted({*expected, *found}):
        if expected.get(key) != found.get(key):
            raise DatasetError(
                f"metadata.{key}: expected what the index makes, {repr(expected.get(key))[:80]}, got "
                f"{repr(found.get(key))[:80]}"
            )
