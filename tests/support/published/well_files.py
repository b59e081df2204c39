"""HDF5 files of The Well: ``<dataset>/data/{train,valid,test}/*.hdf5`` beside ``stats.yaml``.

The reader of the package and the text of its specification differ in two places. A tensor field has the last axes (D,
D) in the reader, and in files such as those of active_matter; the specification says D²: ``write_well_flat_tensors``.
An axis along which a field does not vary has size 1 in the reader, and is missing in one example of the specification:
here it has size 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tests.support.published.known_waves import cells, centres, still, waves
from tests.support.published.published import Published

TIMES = np.linspace(0.0, 2.0, 5, dtype=np.float32)
XY = {"x": cells(8, 2.0, -1.0), "y": cells(12, 3.0)}


@dataclass(frozen=True)
class WellField:
    """A dataset of ``t0_fields``, ``t1_fields`` or ``t2_fields``; leading axes as the flags say."""

    values: np.ndarray
    rank: int = 0
    sample_varying: bool = True
    time_varying: bool = True
    dim_varying: tuple[bool, ...] = (True, True)


@dataclass(frozen=True)
class WellBoundary:
    """A group of ``boundary_conditions``."""

    kind: str
    dims: Sequence[str] | str
    mask: np.ndarray
    values: np.ndarray | None = None
    fields: Sequence[str] = ()


def ends(count: int) -> np.ndarray:
    """(count,) true at both ends of an axis."""
    mask = np.zeros(count, dtype=bool)
    mask[[0, -1]] = True
    return mask


def well_file(
    path: Path,
    trajectories: int,
    fields: Mapping[str, WellField],
    boundaries: Mapping[str, WellBoundary],
    coordinates: Mapping[str, np.ndarray] = XY,
    scalars: Mapping[str, np.ndarray] | None = None,
    times: np.ndarray = TIMES,
) -> Path:
    """One file; not a whole dataset. A scalar of shape () or (1,) is constant, one of shape (trajectories,) is of each
    trajectory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scalars = scalars or {}
    with h5py.File(path, "w") as file:
        constant = [name for name, value in scalars.items() if np.shape(value) in ((), (1,))]
        file.attrs.update(dataset_name=path.parents[2].name, grid_type="cartesian", n_spatial_dims=len(coordinates))
        file.attrs.update(n_trajectories=trajectories, simulation_parameters=constant)
        file.attrs.update({name: float(np.ravel(scalars[name])[0]) for name in constant})
        group = file.create_group("dimensions")
        group.attrs["spatial_dims"] = list(coordinates)
        group.create_dataset("time", data=np.asarray(times, np.float32)).attrs["sample_varying"] = np.ndim(times) > 1
        for name, values in coordinates.items():
            group.create_dataset(name, data=values.astype(np.float32)).attrs.update(
                sample_varying=False, time_varying=False
            )
        _write_boundaries(file.create_group("boundary_conditions"), boundaries)
        group = file.create_group("scalars")
        group.attrs["field_names"] = list(scalars)
        for name, value in scalars.items():
            each = np.shape(value) == (trajectories,) and name not in constant
            value = np.asarray(value, np.float32)
            group.create_dataset(name, data=value).attrs.update(sample_varying=each, time_varying=False)
        for rank in range(3):
            _write_fields(file.create_group(f"t{rank}_fields"), rank, fields)
    return path


def _write_boundaries(group: h5py.Group, boundaries: Mapping[str, WellBoundary]) -> None:
    for name, boundary in boundaries.items():
        inner = group.create_group(name)
        dims = boundary.dims if isinstance(boundary.dims, str) else list(boundary.dims)
        inner.attrs.update(associated_dims=dims, associated_fields=list(boundary.fields), bc_type=boundary.kind)
        inner.attrs.update(sample_varying=False, time_varying=False)
        inner.create_dataset("mask", data=boundary.mask)
        if boundary.values is not None:
            inner.create_dataset("values", data=boundary.values.astype(np.float32))


def _write_fields(group: h5py.Group, rank: int, fields: Mapping[str, WellField]) -> None:
    chosen = {name: field for name, field in fields.items() if field.rank == rank}
    group.attrs["field_names"] = list(chosen)
    for name, field in chosen.items():
        stored = group.create_dataset(name, data=field.values.astype(np.float32))
        stored.attrs.update(sample_varying=field.sample_varying, time_varying=field.time_varying)
        stored.attrs["dim_varying"] = list(field.dim_varying)
        if rank == 2:
            stored.attrs.update(symmetric=False, antisymmetric=False)


def statistics_file(folder: Path, names: Sequence[str]) -> None:
    """``stats.yaml`` of a dataset: one number for each field."""
    kinds = ("mean", "std", "rms", "mean_delta", "std_delta", "rms_delta")
    lines = [line for kind in kinds for line in (f"{kind}:", *(f"  {name}: 1.0" for name in names))]
    (folder / "stats.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def periodic(coordinates: Mapping[str, np.ndarray] = XY) -> dict[str, WellBoundary]:
    """Each axis periodic."""
    return {f"{name}_periodic": WellBoundary("PERIODIC", [name], ends(len(x)), None) for name, x in coordinates.items()}


def channels_last(values: np.ndarray, rank: int, dims: int) -> np.ndarray:
    """(n, T, C, *N) as The Well stores a vector or tensor field: (n, T, *N, D) or (n, T, *N, D, D)."""
    moved = np.moveaxis(values, 2, -1)
    return moved[..., 0] if rank == 0 else moved.reshape(*moved.shape[:-1], *[dims] * rank)


def write_well_2d(folder: Path) -> Published:
    """Two scalar fields and a vector, periodic; three splits; two files of other parameters in the training split, as
    gray_scott.
    """
    dataset = folder / "gray_scott_reaction_diffusion"
    u: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    params: dict[str, dict[str, list[float]]] = {split: {"F": [], "k": []} for split in u}
    files = [("train", 0.014, 0.054), ("train", 0.098, 0.057), ("valid", 0.014, 0.054), ("test", 0.014, 0.054)]
    for number, (split, feed, kill) in enumerate(files):
        values = waves(2, TIMES, (8, 12), 4, first=2 * number).astype(np.float32)
        fields = {
            "A": WellField(values[:, :, 0]),
            "B": WellField(values[:, :, 1]),
            "velocity": WellField(channels_last(values[:, :, 2:], 1, 2), rank=1),
        }
        scalars = {"F": np.float32(feed), "k": np.float32(kill)}
        path = dataset / "data" / split / f"{dataset.name}_F_{feed}_k_{kill}.hdf5"
        well_file(path, 2, fields, periodic(), scalars=scalars)
        u[split].append(values)
        params[split]["F"] += [feed] * 2
        params[split]["k"] += [kill] * 2
    statistics_file(dataset, ["A", "B", "velocity"])
    return Published(
        path=dataset,
        u={split: np.concatenate(parts) for split, parts in u.items()},
        times=TIMES,
        fields=("A", "B", "velocity"),
        channels=(1, 1, 2),
        params={split: {name: np.float32(value) for name, value in both.items()} for split, both in params.items()},
        extent=(2.0, 3.0),
        boundary=("periodic", "periodic"),
    )


def _tensors(folder: Path, flat: bool) -> Published:
    dataset, u, params = folder / "active_matter", {}, {}
    for number, split in enumerate(("train", "valid")):
        values = waves(3, TIMES, (8, 12), 7, first=3 * number).astype(np.float32)
        tensor = channels_last(values[:, :, 3:], 2, 2)
        fields = {
            "concentration": WellField(values[:, :, 0]),
            "velocity": WellField(channels_last(values[:, :, 1:3], 1, 2), rank=1),
            "D": WellField(tensor.reshape(*tensor.shape[:-2], 4) if flat else tensor, rank=2),
        }
        alpha = np.float32([-1.0, -2.0, -3.0]) - number
        scalars = {"L": np.float32([10.0]), "alpha": alpha}
        well_file(dataset / "data" / split / "part_0.hdf5", 3, fields, periodic(), scalars=scalars)
        u[split], params[split] = values, {"L": np.full(3, 10.0, np.float32), "alpha": alpha}
    statistics_file(dataset, ["concentration", "velocity", "D"])
    return Published(
        path=dataset,
        u=u,
        times=TIMES,
        fields=("concentration", "velocity", "D"),
        channels=(1, 2, 4),
        params=params,
        extent=(2.0, 3.0),
        boundary=("periodic", "periodic"),
    )


def write_well_tensors(folder: Path) -> Published:
    """A scalar, a vector and a tensor field with last axes (D, D); a scalar of each trajectory and a constant one of
    shape (1,).
    """
    return _tensors(folder, flat=False)


def write_well_flat_tensors(folder: Path) -> Published:
    """The same, but the tensor has one last axis D², row by row, as the specification says."""
    return _tensors(folder, flat=True)


def write_well_3d(folder: Path) -> Published:
    """Three axes of three lengths: open, wall, periodic; cell centres; density and pressure, then velocity."""
    dataset, shape = folder / "turbulent_radiative_layer_3D", (8, 10, 12)
    lengths = (1.0, 2.0, 3.0)
    coordinates = {axis: centres(n, length) for axis, n, length in zip("xyz", shape, lengths, strict=True)}
    values = waves(2, TIMES[:4], shape, 5).astype(np.float32)
    every = (True, True, True)
    fields = {
        "density": WellField(values[:, :, 0], dim_varying=every),
        "pressure": WellField(values[:, :, 1], dim_varying=every),
        "velocity": WellField(channels_last(values[:, :, 2:], 1, 3), rank=1, dim_varying=every),
    }
    boundaries = {
        f"{axis}_{kind}": WellBoundary(kind, [axis], ends(n))
        for axis, n, kind in zip("xyz", shape, ("open", "wall", "periodic"), strict=True)
    }
    path = dataset / "data" / "train" / "tcool_0.03.hdf5"
    well_file(path, 2, fields, boundaries, coordinates, {"tcool": np.float32(0.03)}, TIMES[:4])
    statistics_file(dataset, list(fields))
    return Published(
        path=dataset,
        u={"train": values},
        times=TIMES[:4],
        fields=("density", "pressure", "velocity"),
        channels=(1, 1, 3),
        params={"train": {"tcool": np.full(2, 0.03, np.float32)}},
        extent=lengths,
        boundary=("open", "wall", "periodic"),
    )


def write_well_constant_fields(folder: Path) -> Published:
    """Fields that time does not change: of each trajectory, of all, along one axis only, and a vector; open, ``values``
    omitted.
    """
    dataset = folder / "acoustic_scattering_discontinuous"
    values = waves(3, TIMES, (8, 12)).astype(np.float32)
    density, sound = still(3, (8, 12)).astype(np.float32), still(1, (8, 12), first=60).astype(np.float32)
    layers, wind = still(1, (8, 1), first=70).astype(np.float32), still(3, (8, 12), 2, first=80).astype(np.float32)
    fields = {
        "pressure": WellField(values[:, :, 0]),
        "density": WellField(density[:, 0], time_varying=False),
        "speed_of_sound": WellField(sound[0, 0], sample_varying=False, time_varying=False),
        "layers": WellField(layers[0, 0], sample_varying=False, time_varying=False, dim_varying=(True, False)),
        "wind": WellField(np.moveaxis(wind, 1, -1), rank=1, time_varying=False),
    }
    boundaries = {f"{name}_open": WellBoundary("OPEN", [name], ends(len(x))) for name, x in XY.items()}
    well_file(dataset / "data" / "train" / "chunk_0.hdf5", 3, fields, boundaries)
    statistics_file(dataset, list(fields))
    return Published(
        path=dataset,
        u={"train": values},
        times=TIMES,
        fields=("pressure",),
        channels=(1,),
        params={"train": {}},
        given={
            "density": density,
            "speed_of_sound": sound,
            "layers": np.broadcast_to(layers, (1, 1, 8, 12)),
            "wind": wind,
        },
        extent=(2.0, 3.0),
        boundary=("open", "open"),
    )
