"""How much of a field lies in the highest wavenumbers of its grid, which says whether the grid resolves it."""

from collections.abc import Sequence

import numpy as np

HIGHEST = 2 / 3
"""Of the largest wavenumber of an axis: what lies above is its highest third."""


def tail_energy(u: np.ndarray, periodic: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """The energy of fields in the highest third of wavenumbers of any axis, and in all of them.

    A field is continued by its mirror image on an axis that is not periodic. Its mean is left out.

    Args:
        u: (W, C, *N).
        periodic: of each axis.

    Returns:
        Two arrays (W, C).
    """
    dims = len(periodic)
    u = u.astype(np.float64)
    u = u - u.mean(tuple(range(-dims, 0)), keepdims=True)
    for axis, around in enumerate(periodic):
        if not around:
            u = np.concatenate([u, np.flip(u, axis - dims)], axis - dims)
    energy = np.abs(np.fft.fftn(u, axes=tuple(range(-dims, 0)))) ** 2
    high = np.zeros(u.shape[-dims:], dtype=bool)
    for axis in range(dims):
        along = np.abs(np.fft.fftfreq(high.shape[axis])) > HIGHEST * 0.5
        high |= along.reshape(-1, *[1] * (dims - 1 - axis))
    space = tuple(range(-dims, 0))
    return np.where(high, energy, 0.0).sum(space), energy.sum(space)
