"""Arrays without a published layout, as someone writes them who has a solver: npy, npz, HDF5, netCDF and zarr.

``options["dims"]`` names the axes of arrays whose files do not: "trajectory", "time", "channel", "x", "y".
"""

from pathlib import Path

import h5py
import netCDF4
import numpy as np

from tests.support.published.known_waves import cells, still, waves
from tests.support.published.published import Published
from tests.support.published.zarr_folders import ZarrFolder, zarr_3

TIMES = 0.25 * np.arange(6)
X, Y = cells(8, 2.0), cells(12, 3.0)
BOUNDARY = {"boundary": ("periodic", "periodic")}
DIMS_1D = ("trajectory", "time", "x")


def plain(path: Path, fields: tuple[str, ...], values: np.ndarray, **more: object) -> Published:
    """What all files here with coordinates have in common."""
    channels = (1,) * len(fields) if len(fields) == values.shape[2] else (values.shape[2],)
    shared = {"times": TIMES, "params": {"all": {}}, "extent": (2.0, 3.0), "options": dict(BOUNDARY)}
    return Published(path=path, u={"all": values}, fields=fields, channels=channels, **{**shared, **more})


def write_plain_npy(folder: Path) -> Published:
    """One array (n, T, x), and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    values = waves(4, TIMES, (16,)).astype(np.float32)
    np.save(folder / "solutions.npy", values[:, :, 0])
    options = {"dims": DIMS_1D, "dt": 0.25, "extent": (2.0,), "boundary": ("periodic",)}
    return plain(folder / "solutions.npy", ("u",), values, times=None, extent=None, options=options)


def write_plain_npy_splits(folder: Path) -> Published:
    """train.npy, valid.npy and test.npy in a folder, (n, T, C, x, y) in the order of Fortran, big-endian in the test
    split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    u, first = {}, 0
    for split, count in (("train", 4), ("valid", 2), ("test", 3)):
        u[split] = waves(count, TIMES, (8, 12), 2, first=first)
        np.save(folder / f"{split}.npy", np.asfortranarray(u[split]).astype(">f8" if split == "test" else "<f8"))
        first += count
    return Published(
        path=folder,
        u=u,
        times=None,
        fields=("u",),
        channels=(2,),
        params={split: {} for split in u},
        options={"dims": ("trajectory", "time", "channel", "x", "y"), "dt": 0.25, "extent": (2.0, 3.0), **BOUNDARY},
    )


def write_plain_npz(folder: Path) -> Published:
    """``u`` (n, T, x, y, C), channels last; ``t``, ``x``, ``y``; ``viscosity`` (n,); ``mask`` (x, y)."""
    folder.mkdir(parents=True, exist_ok=True)
    values, mask, viscosity = waves(4, TIMES, (8, 12), 2), still(1, (8, 12)) > 1, np.linspace(0.01, 0.04, 4)
    arrays = {"u": np.moveaxis(values, 2, -1), "t": TIMES, "x": X, "y": Y, "viscosity": viscosity, "mask": mask[0, 0]}
    np.savez(folder / "solutions.npz", **arrays)
    options = {"dims": ("trajectory", "time", "x", "y", "channel"), **BOUNDARY}
    given, params = {"mask": mask.astype(np.float64)}, {"all": {"viscosity": viscosity}}
    return plain(folder / "solutions.npz", ("u",), values, params=params, given=given, options=options)


def write_plain_hdf5_root(folder: Path) -> Published:
    """``u`` (n, T, C, x, y), ``t``, ``x``, ``y`` in the root, no labels; ``nu`` is an attribute."""
    folder.mkdir(parents=True, exist_ok=True)
    values = waves(4, TIMES, (8, 12), 2)
    with h5py.File(folder / "root.hdf5", "w") as file:
        for name, array in (("u", values), ("t", TIMES), ("x", X), ("y", Y)):
            file[name] = array
        file.attrs["nu"] = 0.02
    options = {"dims": ("trajectory", "time", "channel", "x", "y"), **BOUNDARY}
    return plain(folder / "root.hdf5", ("u",), values, params={"all": {"nu": np.full(4, 0.02)}}, options=options)


def write_plain_hdf5(folder: Path) -> Published:
    """``velocity_x`` and ``pressure`` (n, T, x, y) in groups of groups, labels of axes as HDF5 has them, ``nu`` of each
    trajectory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = waves(4, TIMES, (8, 12), 2).astype(np.float32)
    with h5py.File(folder / "solutions.h5", "w") as file:
        group = file.create_group("run/fields")
        for channel, name in enumerate(("velocity_x", "pressure")):
            stored = group.create_dataset(name, data=values[:, :, channel], chunks=(1, 2, 8, 12), compression="gzip")
            for axis, label in enumerate(("trajectory", "time", "x", "y")):
                stored.dims[axis].label = label
        for name, points in (("time", TIMES), ("x", X), ("y", Y), ("nu", np.linspace(0.01, 0.04, 4))):
            file[f"run/{name}"] = points
    names = ("velocity_x", "pressure")
    options = {"keys": tuple(f"run/fields/{name}" for name in names), **BOUNDARY}
    params = {"all": {"nu": np.linspace(0.01, 0.04, 4)}}
    return plain(folder / "solutions.h5", names, values, params=params, options=options)


def write_plain_netcdf(folder: Path) -> Published:
    """Axes by name in the order (time, sample, y, x), variables ``u`` and ``p``, coordinates with units, ``nu``
    (sample,).
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = waves(4, TIMES, (8, 12), 2)
    viscosity = np.linspace(0.01, 0.04, 4)
    with netCDF4.Dataset(folder / "solutions.nc", "w") as file:
        for name, points in (("time", TIMES), ("sample", np.arange(4)), ("y", Y), ("x", X)):
            file.createDimension(name, len(points))
            file.createVariable(name, points.dtype, (name,))[:] = points
        file["x"].units, file["time"].long_name = "m", "time after the start"
        for channel, name in enumerate(("u", "p")):
            variable = file.createVariable(name, "f8", ("time", "sample", "y", "x"))
            variable[...] = np.transpose(values[:, :, channel], (1, 0, 3, 2))
        file.createVariable("nu", "f8", ("sample",))[:] = viscosity
    return plain(folder / "solutions.nc", ("u", "p"), values, params={"all": {"nu": viscosity}})


def write_plain_packed_netcdf(folder: Path) -> Published:
    """``u`` in 16 bits with ``scale_factor`` and ``add_offset``, as weather archives store it."""
    folder.mkdir(parents=True, exist_ok=True)
    scale, offset = 1e-4, 1.0
    packed = np.round((waves(3, TIMES, (8, 12)) - offset) / scale).astype(np.int16)
    with netCDF4.Dataset(folder / "packed.nc", "w") as file:
        for name, points in (("sample", np.arange(3)), ("time", TIMES), ("x", X), ("y", Y)):
            file.createDimension(name, len(points))
            file.createVariable(name, points.dtype, (name,))[:] = points
        variable = file.createVariable("u", "i2", ("sample", "time", "x", "y"))
        variable.scale_factor, variable.add_offset = scale, offset
        variable.set_auto_maskandscale(False)
        variable[...] = packed[:, :, 0]
    return plain(folder / "packed.nc", ("u",), packed * scale + offset)


def write_plain_zarr_2(folder: Path) -> Published:
    """zarr 2 as xarray writes it: ``u`` and ``p`` (sample, time, x, y) in a chunk for each sample."""
    values = waves(3, TIMES, (8, 12), 2).astype(np.float32)
    group = ZarrFolder(folder / "solutions.zarr")
    for name, points in (("time", TIMES), ("x", X), ("y", Y)):
        group.add(name, points, (name,))
    for channel, name in enumerate(("u", "p")):
        group.add(name, values[:, :, channel], ("sample", "time", "x", "y"))
    group.close()
    return plain(folder / "solutions.zarr", ("u", "p"), values)


def write_plain_zarr_3(folder: Path) -> Published:
    """zarr 3 with names of axes in another order: ``u`` (time, sample, x, y)."""
    values = waves(3, TIMES, (8, 12)).astype(np.float32)
    arrays = {"time": (TIMES, ("time",)), "x": (X, ("x",)), "y": (Y, ("y",))}
    arrays["u"] = (np.swapaxes(values[:, :, 0], 0, 1), ("time", "sample", "x", "y"))
    zarr_3(folder / "solutions.zarr", arrays)
    return plain(folder / "solutions.zarr", ("u",), values)
