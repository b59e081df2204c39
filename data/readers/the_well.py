"""The Well's HDF5 files, and those of programs that write its layout, this one among them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tendency.data.readers.array_file import ArrayFile, StoredBlock
from tendency.data.readers.axis_lengths import LETTERS, axis_lengths, named
from tendency.data.readers.block import Block
from tendency.data.readers.file_coordinates import increasing_times, joined_sides, numbers_of, side_length_by_index
from tendency.data.readers.hdf5_file import Hdf5File
from tendency.data.readers.hdf5_structure import has_structure, number, text, texts
from tendency.data.readers.reader import OpenedFile, Reader, StatedFacts, unreadable_file
from tendency.data.readers.stored_array import StoredArray
from tendency.data.readers.well_boundary import obstacles, sides
from tendency.simulation.fields import Field

GROUPS = ("t0_fields", "t1_fields", "t2_fields")
SPLITS = ("train", "valid", "test")


class TheWell(Reader):
    """The Well's ``.hdf5`` files: single ones, or folders ``data/{train,valid,test}/``, which say the split.

    Fields that vary in time are the state: scalars, then vectors, then tensors, in the order of ``field_names``. Fields
    that do not are given, as are the masks of boundaries inside the domain (``<name>_mask``, 1 where the boundary is).
    An axis on which a field does not vary is missing or has length 1. Scalars that do not vary in time are parameters,
    with the attributes that ``simulation_parameters`` lists.

    Walls are ``dirichlet``; an axis of which nothing is said is ``open``, as in The Well's own program.

    References:
        Ohana et al.: The Well: a Large-Scale Collection of Diverse Physics Simulations for Machine Learning. NeurIPS
        2024, arXiv:2412.00568.
    """

    suffixes = (".hdf5", ".h5")

    def recognises(self, file: Path) -> bool:
        """As of ``Reader``."""
        return has_structure(file, lambda opened: opened.has("dimensions") and any(map(opened.has, GROUPS)))

    def open(self, file: Path, stated: StatedFacts) -> OpenedFile:
        """As of ``Reader``."""
        source = Hdf5File(file)
        return ArrayFile(file, partial(_stored, source), source.close)


@dataclass(frozen=True)
class _FieldArray:
    """A field of the file: what it is, its name there, letters of its axes, what is read of it."""

    field: Field
    name: str
    axes: str
    values: Any


def _stored(file: Hdf5File) -> list[StoredBlock]:
    """The one block of a file."""
    grid = text(file.attribute("grid_type")) or "cartesian"
    if not file.has("dimensions"):
        raise unreadable_file(file.path, f"expected a group dimensions, got {', '.join(file.names()[:12])}")
    dims = texts(file.attribute("spatial_dims", "dimensions", ()))
    if not 1 <= len(dims) <= 3 or not all(file.has(f"dimensions/{name}") for name in (*dims, "time")):
        raise unreadable_file(
            file.path,
            f"dimensions: expected time and the one to three axes in its attribute spatial_dims, got spatial_dims = "
            f"{dims} and {', '.join(file.names('dimensions'))}",
        )
    shape = tuple(int(file.array(f"dimensions/{name}").shape[-1]) for name in dims)
    stored = [
        each for rank, group in enumerate(GROUPS) if file.has(group) for each in _fields(file, group, rank, shape)
    ]
    state = [each for each in stored if "t" in each.axes]
    if not state:
        raise unreadable_file(file.path, "holds no field that varies in time")
    given = [each for each in stored if "t" not in each.axes]
    given += [_FieldArray(Field(f"{name}_mask"), name, axes, mask) for name, axes, mask in obstacles(file, dims, shape)]
    lengths = _lengths(file, [*state, *given], shape)
    said = number(file.attribute("n_trajectories"))
    rows = lengths.get("n", int(said or 1))
    if said is not None and said != rows:
        raise unreadable_file(file.path, f"n_trajectories: expected {rows}, as fields have trajectories, got {said:g}")
    params, notes = _parameters(file, rows)
    places = [f"dimensions/{name}" for name in dims]
    extent, uneven = joined_sides(
        [
            side_length_by_index(file.path, place, numbers_of(file, place), n)
            for place, n in zip(places, shape, strict=True)
        ]
    )
    odd = () if grid == "cartesian" else (f"grid_type {grid}: its points are read as those of a cartesian grid",)
    block = Block(
        key="",
        num_trajectories=rows,
        num_snapshots=lengths["t"],
        fields=tuple(each.field for each in state),
        shape=shape,
        times=increasing_times(file.path, "dimensions/time", numbers_of(file, "dimensions/time"), lengths["t"]),
        extent=extent,
        boundary=sides(file, dims, shape),
        params=params,
        given=tuple(each.field for each in given),
        split=file.path.parent.name if file.path.parent.name in SPLITS else None,
        equation=text(file.attribute("dataset_name")),
        notes=odd + uneven + notes,
    )
    arrays, constant = (
        [StoredArray(each.values, named(each.axes), grid=shape) for each in fields] for fields in (state, given)
    )
    return [StoredBlock(block, arrays, constant)]


def _fields(file: Hdf5File, group: str, rank: int, shape: tuple[int, ...]) -> list[_FieldArray]:
    """The fields of one rank, in the file's order."""
    listed = file.attribute("field_names", group)
    return [
        _field(file, f"{group}/{name}", rank, shape)
        for name in (file.names(group) if listed is None else texts(listed))
    ]


def _field(file: Hdf5File, name: str, rank: int, shape: tuple[int, ...]) -> _FieldArray:
    """One field, its axes from its attributes, and from its shape where it has none."""
    array = file.array(name)
    stored = tuple(array.shape)
    per_sample, in_time = (file.attribute(word, name) for word in ("sample_varying", "time_varying"))
    varying = np.atleast_1d(file.attribute("dim_varying", name, [True] * len(shape))).astype(bool)
    leads = [
        ("n" if sample else "") + ("t" if time else "")
        for time in ((True, False) if in_time is None else (bool(in_time),))
        for sample in ((True, False) if per_sample is None else (bool(per_sample),))
    ]
    space = "xyz"[: len(shape)]
    kept = "".join(axis for axis, varies in zip(space, varying, strict=False) if varies)
    # The components of a tensor are two axes in The Well's files, and one of D² in its documentation.
    tails = {0: ("",), 1: ("c",), 2: ("cd", "c")}[rank]
    choices = [lead + along + tail for lead in leads for along in (space, kept) for tail in tails]
    axes = next((axes for axes in choices if len(axes) == len(stored)), choices[0])
    field = Field(name.partition("/")[2], rank)
    count = int(np.prod([length for axis, length in zip(axes, stored, strict=False) if axis in "cd"]))
    if len(axes) != len(stored) or count != field.channels(len(shape)):
        words = ", ".join(LETTERS[axis] for axis in axes)
        raise unreadable_file(
            file.path,
            f"{name}: expected axes ({words}) with {field.channels(len(shape))} components in all, got shape {stored}",
        )
    return _FieldArray(field, name, axes, array)


def _lengths(file: Hdf5File, fields: list[_FieldArray], shape: tuple[int, ...]) -> dict[str, int]:
    """How many trajectories and snapshots there are; all arrays fit these and the grid."""
    expected = {"dimensions": (shape, "xyz"[: len(shape)])}
    found = {}
    for each in fields:
        # An axis on which a field does not vary may have length 1: a capital allows it. Components come last.
        axes = "".join(axis.upper() if axis in "xyz" else axis for axis in each.axes if axis not in "cd")
        found[each.name] = (tuple(each.values.shape)[: len(axes)], axes)
    return axis_lengths(file.path, expected | found)


def _parameters(file: Hdf5File, rows: int) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Parameters, each (R,), and notes on scalars that are none."""
    listed = texts(file.attribute("simulation_parameters", default=()))
    attributes = {name: number(file.attribute(name)) for name in listed}
    values = {name: np.full(rows, value) for name, value in attributes.items() if value is not None}
    if not file.has("scalars"):
        return values, ()
    notes: tuple[str, ...] = ()
    names = file.attribute("field_names", "scalars")
    for name in file.names("scalars") if names is None else texts(names):
        place = f"scalars/{name}"
        if file.has(place) and file.attribute("time_varying", place, False):
            notes += (f"the scalar {name} varies in time and is left out",)
            continue
        found = numbers_of(file, place).astype(np.float64).ravel()
        expected = rows if file.attribute("sample_varying", place, False) else 1
        if len(found) != expected:
            raise unreadable_file(file.path, f"{place}: expected {expected} values, got {len(found)}")
        values[name] = np.array(np.broadcast_to(found, (rows,)))
    return values, notes
