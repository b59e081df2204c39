"""netCDF4 files of Poseidon, which its own loaders read with h5py. No coordinates, no times, no attributes, no splits.

The last trajectories of a file are those of its test split, which a user says. Names of dimensions are not known from
public text; here those that xarray gives when no name is set. ``u`` holds all channels as stored, although loaders use
the first four of them.
"""

from dataclasses import replace
from pathlib import Path

import h5py
import netCDF4
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import still, waves
from tests.support.published.published import Published

UNIT_SQUARE = {"extent": (1.0, 1.0)}
PERIODIC = {"boundary": ("periodic", "periodic")}


def nc_file(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A netCDF4 file with a dimension for each size.

    Args:
        path: of the file.
        arrays: its variables.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        for name, values in arrays.items():
            dims = tuple(f"dim_{axis}_{size}" for axis, size in enumerate(values.shape))
            for dim, size in zip(dims, values.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
            file.createVariable(name, values.dtype, dims)[...] = values


def fluid(path: Path, key: str, fields: dict[str, int], count: int = 5) -> Published:
    """One array (n, t, c, x, y) of several fields in the order of channels; names and dt are a user's.

    Args:
        path: of the file.
        key: of the array.
        fields: channels by name.
        count: n.
    """
    values = waves(count, np.arange(5.0), (8, 12), sum(fields.values())).astype(np.float32)
    nc_file(path, {key: values})
    return Published(
        path=path,
        u={"all": values},
        times=None,
        fields=(key,),
        channels=(sum(fields.values()),),
        params={"all": {}},
        options={**UNIT_SQUARE, **PERIODIC, "dt": 0.05, "fields": fields},
    )


def write_poseidon_richtmyer_meshkov(folder: Path) -> Published:
    """CE-RM: ``solution`` with density, velocity, pressure, and a fifth channel that loaders leave out."""
    return fluid(folder / "CE-RM.nc", "solution", {"rho": 1, "velocity": 2, "p": 1, "tracer": 1})


def write_poseidon_gravity(folder: Path) -> Published:
    """GCE-RT: ``solution`` with six channels, of which the last is the gravitational potential."""
    return fluid(folder / "GCE-RT.nc", "solution", {"rho": 1, "velocity": 2, "p": 1, "tracer": 1, "g": 1})


def write_poseidon_riemann(folder: Path) -> Published:
    """CE-RP: ``data`` with density, velocity, pressure and a tracer."""
    return fluid(folder / "CE-RP.nc", "data", {"rho": 1, "velocity": 2, "p": 1, "tracer": 1})


def write_poseidon_sines(folder: Path) -> Published:
    """NS-Sines: ``velocity`` with two components and a tracer as third channel."""
    return fluid(folder / "NS-Sines.nc", "velocity", {"velocity": 2, "tracer": 1})


def write_poseidon_vortex_sheet(folder: Path) -> Published:
    """NS-SVS: ``velocity`` without a tracer."""
    return fluid(folder / "NS-SVS.nc", "velocity", {"velocity": 2})


def write_poseidon_shear_layer(folder: Path) -> Published:
    """NS-SL: the one file whose loader exchanges the spatial axes: they are y, x."""
    return replace(fluid(folder / "NS-SL.nc", "velocity", {"velocity": 2, "tracer": 1}), axes=("y", "x"))


def write_poseidon_allen_cahn(folder: Path) -> Published:
    """ACE: ``solution`` (n, t, x, y), without an axis of channels."""
    values = waves(4, np.arange(6.0), (8, 12)).astype(np.float32)
    nc_file(folder / "ACE.nc", {"solution": values[:, :, 0]})
    return Published(
        path=folder / "ACE.nc",
        u={"all": values},
        times=None,
        fields=("solution",),
        channels=(1,),
        params={"all": {}},
        options={**UNIT_SQUARE, **PERIODIC, "dt": 0.05},
    )


def write_poseidon_wave(folder: Path) -> Published:
    """Wave-Layer: ``solution`` (n, t, x, y) and the speed ``c`` (n, x, y)."""
    values, speed = waves(4, np.arange(6.0), (8, 12)).astype(np.float32), still(4, (8, 12)).astype(np.float32)
    nc_file(folder / "Wave-Layer.nc", {"solution": values[:, :, 0], "c": speed[:, 0]})
    return Published(
        path=folder / "Wave-Layer.nc",
        u={"all": values},
        times=None,
        fields=("solution",),
        channels=(1,),
        params={"all": {}},
        given={"c": speed},
        options={**UNIT_SQUARE, "boundary": ("open", "open"), "dt": 0.05},
    )


def write_poseidon_poisson(folder: Path) -> Published:
    """Poisson-Gauss, steady: ``source`` and ``solution`` (n, x, y)."""
    values, source = waves(4, np.zeros(1), (8, 12)).astype(np.float32), still(4, (8, 12)).astype(np.float32)
    nc_file(folder / "Poisson-Gauss.nc", {"source": source[:, 0], "solution": values[:, 0, 0]})
    return Published(
        path=folder / "Poisson-Gauss.nc",
        u={"all": values},
        times=None,
        fields=("solution",),
        channels=(1,),
        params={"all": {}},
        given={"source": source},
        options={**UNIT_SQUARE, "boundary": ("wall", "wall")},
    )


def write_poseidon_helmholtz(folder: Path) -> Published:
    """Helmholtz.h5, steady: groups ``Sample_0``, ... with ``a``, ``u`` (x, y) and the number ``bc``.

    With 12 groups, so that Sample_10 stands before Sample_2 in the order of names: ``u`` is in the order of their
    numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values, coefficient = waves(12, np.zeros(1), (8, 9)), still(12, (8, 9))
    with h5py.File(folder / "Helmholtz.h5", "w") as file:
        for number in range(12):
            group = file.create_group(f"Sample_{number}")
            group["a"], group["u"], group["bc"] = coefficient[number, 0], values[number, 0, 0], 0.1 * number
    return Published(
        path=folder / "Helmholtz.h5",
        u={"all": values},
        times=None,
        fields=("u",),
        channels=(1,),
        params={"all": {"bc": 0.1 * np.arange(12)}},
        given={"a": coefficient},
        options={**UNIT_SQUARE, "boundary": ("wall", "wall")},
    )


def damage_poseidon_missing_solution(folder: Path) -> tuple[Path, list[str]]:
    """Only the coefficient of the wave equation."""
    path = folder / "Wave-Layer.nc"
    nc_file(path, {"c": still(4, (8, 12))[:, 0]})
    return path, [path.name, "solution"]


def damage_poseidon_coefficient_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """``c`` has its axes exchanged."""
    path = folder / "Wave-Layer.nc"
    nc_file(path, {"solution": waves(4, np.arange(6.0), (8, 12))[:, :, 0], "c": still(4, (12, 8))[:, 0]})
    return path, [path.name, "c", "8", "12"]


def damage_poseidon_nan(folder: Path) -> tuple[Path, list[str]]:
    """NaN in ``solution``: the fill value of netCDF in a hole would look the same to xarray."""
    path = folder / "ACE.nc"
    nc_file(path, {"solution": damaged_files.not_a_number(waves(4, np.arange(6.0), (8, 12))[:, :, 0])})
    return path, [path.name, "solution"]


def damage_poseidon_never_written(folder: Path) -> tuple[Path, list[str]]:
    """The last trajectory was never written: 9.97e36, the fill value of netCDF, which h5py shows as a number."""
    path = folder / "ACE.nc"
    values = waves(4, np.arange(6.0), (8, 12))[:, :, 0].astype(np.float32)
    values[-1] = netCDF4.default_fillvals["f4"]
    nc_file(path, {"solution": values})
    return path, [path.name, "solution"]


def damage_poseidon_sample_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """One sample of Helmholtz is smaller than the others."""
    path = write_poseidon_helmholtz(folder).path
    damaged_files.change(path, "Sample_10/u", lambda values: values[:7])
    return path, [path.name, "Sample_10", "8", "7"]


def damage_poseidon_cut(folder: Path) -> tuple[Path, list[str]]:
    """A file that broke off."""
    path = write_poseidon_sines(folder).path
    damaged_files.cut(path)
    return path, [path.name]
