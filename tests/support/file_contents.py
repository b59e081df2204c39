"""Small files of published formats, and what a reader makes of a whole file."""

import h5py
import numpy as np

from tendency.data.readers.reader import StatedFacts


def random_values(*shape, seed=0, kind="f4"):
    """Values that differ everywhere."""
    return np.random.default_rng(seed).standard_normal(shape).astype(kind)


def write_hdf5(path, arrays, attributes=None):
    """Writes arrays by name, and attributes by "name" of the file or (object, name)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
        for name, value in (attributes or {}).items():
            of, key = name if isinstance(name, tuple) else ("/", name)
            (file[of] if of in file else file.create_group(of)).attrs[key] = value
    return path


def read_whole(reader, path, **stated):
    """Each block of a file with all of its states and constant fields; parts of it are read to the same values."""
    found = []
    with reader.open(path, StatedFacts(**stated)) as file:
        for block in file.blocks():
            u = file.read(block, slice(0, block.num_trajectories), slice(0, block.num_snapshots))
            given = file.read_given(block, slice(0, block.num_trajectories))
            assert u.shape == (block.num_trajectories, block.num_snapshots, block.num_channels, *block.shape)
            assert given.shape == (block.num_trajectories, block.num_given, *block.shape)
            assert u.flags.writeable
            assert given.flags.writeable
            rows, snapshots = (
                slice(block.num_trajectories - 1, block.num_trajectories),
                slice(0, block.num_snapshots, 2),
            )
            np.testing.assert_array_equal(file.read(block, rows, snapshots), u[rows, snapshots])
            np.testing.assert_array_equal(file.read_given(block, rows), given[rows])
            assert type(block).from_dict(block.to_dict()).to_dict() == block.to_dict()
            found.append((block, u, given))
    return found
