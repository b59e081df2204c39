"""Arrays without a published layout that a reader has to refuse."""

from pathlib import Path

import netCDF4
import numpy as np

from tests.support.published import damaged_files
from tests.support.published.known_waves import waves
from tests.support.published.plain_files import (
    TIMES,
    write_plain_hdf5,
    write_plain_netcdf,
    write_plain_npy_splits,
    write_plain_npz,
    write_plain_zarr_2,
)


def _npy(folder: Path, values: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "solutions.npy", values, allow_pickle=True)
    return folder / "solutions.npy"


def _npz(folder: Path, **changes: np.ndarray | None) -> Path:
    path = write_plain_npz(folder).path
    with np.load(path) as stored:
        arrays = {**stored, **changes}
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


def damage_plain_objects(folder: Path) -> tuple[Path, list[str]]:
    """A pickled array of objects: to be refused, not loaded."""
    values = np.array([np.zeros((4, 8)), np.zeros((5, 8))], dtype=object)
    return _npy(folder, values), ["solutions.npy", "object"]


def damage_plain_text(folder: Path) -> tuple[Path, list[str]]:
    """An array of strings."""
    return _npy(folder, damaged_files.text(np.ones((4, 6, 16)))), ["solutions.npy"]


def damage_plain_complex(folder: Path) -> tuple[Path, list[str]]:
    """Complex numbers, such as Fourier coefficients."""
    return _npy(folder, waves(4, TIMES, (16,))[:, :, 0] + 1j), ["solutions.npy", "complex"]


def damage_plain_without_time(folder: Path) -> tuple[Path, list[str]]:
    """(n, x): no axis of times, although a user says that there are trajectory, time and x."""
    return _npy(folder, waves(4, TIMES, (16,))[:, 0, 0]), ["solutions.npy", "2", "3"]


def damage_plain_without_trajectories(folder: Path) -> tuple[Path, list[str]]:
    """(0, T, x)."""
    return _npy(folder, np.zeros((0, 6, 16))), ["solutions.npy", "0"]


def damage_plain_infinite(folder: Path) -> tuple[Path, list[str]]:
    """Infinity in one place, as a solution that grew without bound leaves."""
    values = waves(4, TIMES, (16,))[:, :, 0]
    values[2, 5, 3] = np.inf
    return _npy(folder, values), ["solutions.npy"]


def damage_plain_cut(folder: Path) -> tuple[Path, list[str]]:
    """An npz that broke off."""
    path = write_plain_npz(folder).path
    damaged_files.cut(path)
    return path, ["solutions.npz"]


def damage_plain_missing_array(folder: Path) -> tuple[Path, list[str]]:
    """An npz without ``u``."""
    return _npz(folder, u=None), ["solutions.npz", "u"]


def damage_plain_times_of_other_length(folder: Path) -> tuple[Path, list[str]]:
    """Five times for six snapshots."""
    return _npz(folder, t=TIMES[:5]), ["solutions.npz", "t", "5", "6"]


def damage_plain_times_backwards(folder: Path) -> tuple[Path, list[str]]:
    """Times that decrease."""
    return _npz(folder, t=TIMES[::-1]), ["solutions.npz", "t", "increas"]


def damage_plain_coordinates_exchanged(folder: Path) -> tuple[Path, list[str]]:
    """``x`` has as many points as the array along y, and ``y`` as along x."""
    return _npz(folder, x=np.linspace(0, 3, 12), y=np.linspace(0, 2, 8)), ["solutions.npz", "x", "8", "12"]


def damage_plain_parameter_of_other_length(folder: Path) -> tuple[Path, list[str]]:
    """Three values of the viscosity for four trajectories."""
    return _npz(folder, viscosity=np.ones(3)), ["solutions.npz", "viscosity", "3", "4"]


def damage_plain_test_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """test.npy has 10 cells along y, train.npy 12."""
    published = write_plain_npy_splits(folder)
    np.save(published.path / "test.npy", published.u["test"][..., :10])
    return published.path, ["test.npy", "10", "12"]


def damage_plain_hdf5_field_of_other_shape(folder: Path) -> tuple[Path, list[str]]:
    """``pressure`` has its axes exchanged."""
    path = write_plain_hdf5(folder).path
    damaged_files.change(path, "run/fields/pressure", damaged_files.turned)
    return path, ["solutions.h5", "pressure", "8", "12"]


def damage_plain_hdf5_missing_field(folder: Path) -> tuple[Path, list[str]]:
    """``pressure``, which a user names, is not there."""
    path = write_plain_hdf5(folder).path
    damaged_files.remove(path, "run/fields/pressure")
    return path, ["solutions.h5", "pressure"]


def damage_plain_netcdf_unknown_axes(folder: Path) -> tuple[Path, list[str]]:
    """Axes called dim_0, ...: nothing says which of them is time."""
    folder.mkdir(parents=True, exist_ok=True)
    values = waves(4, TIMES, (8, 12))[:, :, 0]
    with netCDF4.Dataset(folder / "solutions.nc", "w") as file:
        dims = tuple(f"dim_{axis}" for axis in range(values.ndim))
        for dim, size in zip(dims, values.shape, strict=True):
            file.createDimension(dim, size)
        file.createVariable("u", "f8", dims)[...] = values
    return folder / "solutions.nc", ["solutions.nc", "dim_0", "time"]


def damage_plain_netcdf_never_written(folder: Path) -> tuple[Path, list[str]]:
    """A trajectory of ``p`` was never written: netCDF shows a hole."""
    path = write_plain_netcdf(folder).path
    with netCDF4.Dataset(path, "r+") as file:
        file["p"][:, 2] = np.ma.masked
    return path, ["solutions.nc", "p"]


def damage_plain_netcdf_cut(folder: Path) -> tuple[Path, list[str]]:
    """A netCDF file that broke off."""
    path = write_plain_netcdf(folder).path
    damaged_files.cut(path)
    return path, ["solutions.nc"]


def damage_plain_zarr_missing_chunk(folder: Path) -> tuple[Path, list[str]]:
    """A chunk of ``p`` is not there: zarr shows its fill value, NaN, without a word."""
    path = write_plain_zarr_2(folder).path
    (path / "p" / "1.0.0.0").unlink()
    return path, ["solutions.zarr", "p"]


def damage_plain_zarr_without_metadata(folder: Path) -> tuple[Path, list[str]]:
    """Chunks alone: neither .zgroup nor .zmetadata nor .zarray."""
    path = write_plain_zarr_2(folder).path
    for file in path.rglob(".z*"):
        file.unlink()
    return path, ["solutions.zarr"]


def damage_plain_not_hdf5(folder: Path) -> tuple[Path, list[str]]:
    """The page that a server shows in place of a file, under the file's name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "solutions.h5").write_text("<html><body>404 Not Found</body></html>", encoding="utf-8")
    return folder / "solutions.h5", ["solutions.h5"]


def damage_plain_empty_file(folder: Path) -> tuple[Path, list[str]]:
    """A file of no bytes, as a full disk leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "solutions.npy").write_bytes(b"")
    return folder / "solutions.npy", ["solutions.npy"]


def damage_plain_empty_folder(folder: Path) -> tuple[Path, list[str]]:
    """A folder without a file."""
    (folder / "dataset").mkdir(parents=True)
    return folder / "dataset", ["dataset"]


def damage_plain_missing_file(folder: Path) -> tuple[Path, list[str]]:
    """A path where nothing is."""
    return folder / "nowhere.npy", ["nowhere.npy"]
