"""What a manifest must look like before anything in it is believed: kinds of values, names of chunks, sizes."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Le, Len
from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from tendency.data.dataset_layout import chunks_of
from tendency.data.metadata import DatasetError, TrajectoryMetadata
from tendency.simulation.annotations import FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

SCHEMA = 2
"""Of the manifests that are written: from 2 on with a checksum of their own, and one for the header of each chunk."""

SCHEMA_OF_FILES = 3
"""Of the manifests of datasets that lie in files of others."""

Checksum = Annotated[str, Len(64, 64)]
Row = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})$")]
_strict = with_config(ConfigDict(strict=True, extra="forbid"))
_open = with_config(ConfigDict(strict=True))


@_strict
class _Chunk(TypedDict):
    sha256: Checksum
    bytes: PositiveInt
    header: NotRequired[Checksum]
    settled: NotRequired[dict[Row, NonNegativeInt]]


@_strict
class _Field(TypedDict):
    name: str
    rank: Annotated[int, Ge(0), Le(2)]
    unit: str


@_strict
class _Time(TypedDict):
    name: str
    value: PositiveFloat


@_strict
class _Metadata(TypedDict):
    name: str
    equation: str
    equation_version: int
    fields: Annotated[list[_Field], Len(1)]
    param_names: list[str]
    hidden_names: list[str]
    geometry: dict[str, Any]
    num_snapshots: Annotated[int, Ge(2)]
    dt: PositiveFloat | None
    resolution: Literal["resolved", "as_published", "unknown"]
    has_time_derivative: bool
    characteristic_time: NotRequired[_Time | None]
    given: NotRequired[list[_Field]]
    forcing: NotRequired[list[_Field]]


@_strict
class _Figure(TypedDict):
    name: str
    value: float
    tolerance: float
    remedy: str
    binding: bool
    otherwise: NotRequired[str]


@_strict
class _Certificate(TypedDict):
    trajectories: NonNegativeInt
    passed: bool
    figures: list[_Figure]
    notes: NotRequired[list[str]]


@_open
class _Moments(TypedDict):
    mean: list[FiniteFloat]
    std: list[NonNegativeFloat]


@_open
class _Statistics(TypedDict):
    channels: NotRequired[list[str]]
    u: NotRequired[_Moments]


@_strict
class _Block(TypedDict):
    key: str
    num_trajectories: PositiveInt
    num_snapshots: PositiveInt
    fields: Annotated[list[_Field], Len(1)]
    shape: Annotated[list[PositiveInt], Len(1, 3)]
    times: list[Any] | None
    extent: list[Any] | None
    boundary: list[Annotated[list[str], Len(2, 2)]] | None
    params: dict[str, list[float]]
    given: list[_Field]
    split: str | None
    equation: str
    notes: list[str]


@_strict
class _File(TypedDict):
    name: str
    bytes: NonNegativeInt
    header: Checksum
    blocks: list[_Block]


@_strict
class _Stated(TypedDict):
    axes: list[str] | None
    arrays: list[str] | None
    given: list[str]


@_strict
class _Files(TypedDict):
    reader: str
    stated: _Stated
    files: Annotated[list[_File], Len(1)]
    splits: dict[Literal["train", "valid", "test"], list[NonNegativeInt]]
    params: dict[str, str]
    constants: dict[str, FiniteFloat]
    dt: PositiveFloat | None
    extent: list[PositiveFloat] | None


@_strict
class _Content(TypedDict):
    schema: PositiveInt
    description: dict[str, Any]
    metadata: _Metadata
    counts: Annotated[dict[Literal["train", "valid", "test"], NonNegativeInt], Len(1)]
    chunk_size: PositiveInt
    chunks: dict[str, _Chunk]
    certificate: _Certificate
    statistics: _Statistics
    provenance: dict[str, Any]
    files: NotRequired[_Files]
    sha256: NotRequired[Checksum]


_ADAPTER = TypeAdapter(_Content)


class NewerSchemaError(DatasetError):
    """A manifest that only a newer version of this program can read."""


def content_digest(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a manifest's content, its own checksum apart; spaces and the order of keys do not matter."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def require_schema(content: Any) -> None:
    """Refuses what is no manifest of this or an older version, or was changed after it was written.

    Args:
        content: plain JSON data.

    Raises:
        NewerSchemaError: a newer version of this program wrote it.
        DatasetError: with the key, the value and what was expected.
    """
    schema = content.get("schema") if isinstance(content, dict) else None
    newest = SCHEMA_OF_FILES
    if isinstance(schema, int) and schema > newest:
        raise NewerSchemaError(f"schema {schema} is newer than this program's {newest}; upgrade it")
    try:
        _ADAPTER.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise DatasetError(f"{key}: {first['msg']}, got {repr(first['input'])[:60]}") from None
    if (schema == SCHEMA_OF_FILES) != ("files" in content):
        raise DatasetError(f"schema {schema} and files of others do not go together")
    if (int(content["schema"]) >= SCHEMA) != ("sha256" in content):
        raise DatasetError(f"schema {schema} and a checksum do not go together")
    if "sha256" in content and content["sha256"] != content_digest(content):
        raise DatasetError("its content is not what its checksum was made of")


def require_statistics(content: Mapping[str, Any], metadata: TrajectoryMetadata) -> None:
    """Refuses statistics that are not those of the channels.

    Args:
        content: plain JSON data that ``require_schema`` let pass.
        metadata: of the dataset.

    Raises:
        DatasetError: with both sides.
    """
    for name, values in content["statistics"].get("u", {}).items():
        if name in ("mean", "std") and len(values) != metadata.num_channels:
            raise DatasetError(
                f"statistics.u.{name}: expected one for each of {list(metadata.channel_names)}, got {values}"
            )


def require_chunks(content: Mapping[str, Any], metadata: TrajectoryMetadata) -> None:
    """Refuses a manifest whose chunks are not those of its counts, or are smaller than what they are to hold.

    Args:
        content: plain JSON data that ``require_schema`` let pass.
        metadata: of the dataset.

    Raises:
        DatasetError: with both sides.
    """
    counts, size, chunks = content["counts"], content["chunk_size"], content["chunks"]
    number = sum(-(-count // size) for count in counts.values())
    # Counted before they are listed: a count may be anything.
    if number != len(chunks) or {chunk.name for chunk in chunks_of(counts, size)} != set(chunks):
        raise DatasetError(
            f"counts {counts} in chunks of {size} are {number} chunks, others are listed ({len(chunks)})"
        )
    values = metadata.num_snapshots * metadata.num_channels * math.prod(metadata.geometry.shape)
    constant = len(metadata.given_names) * math.prod(metadata.geometry.shape)
    trajectory = 4 * (values * (2 if metadata.has_time_derivative else 1) + constant)
    for chunk in chunks_of(counts, size):
        name, entry = chunk.name, chunks[chunk.name]
        # The last chunk of a split may hold those alone that count.
        least = trajectory * min(size, counts[chunk.split] - chunk.number * size)
        if entry["bytes"] < least:
            raise DatasetError(
                f"{name} has {entry['bytes']} bytes, and the values of its trajectories alone take {least}"
            )
        for row, snapshot in entry.get("settled", {}).items():
            if int(row) >= size or snapshot >= metadata.num_snapshots:
                raise DatasetError(
                    f"chunks.{name}.settled: expected rows below {size} and snapshots below "
                    f"{metadata.num_snapshots}, got row {row} from snapshot {snapshot} on"
                )
