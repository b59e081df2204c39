"""How far quantities drift that the exact solution keeps constant: the means of densities over the points."""

import torch
from torch import Tensor


def require_densities(densities: dict[str, Tensor], u: Tensor) -> dict[str, Tensor]:
    """Densities as a solver states them.

    Args:
        densities: by the name of the quantity.
        u: (B, C, *N) the state that they are of.

    Raises:
        ValueError: one has another shape than (B, K, *N).
    """
    for name, density in densities.items():
        if density.ndim != u.ndim or density.shape[0] != u.shape[0] or not density.shape[1]:
            expected = f"({u.shape[0]}, K, *N), of K components in one unit"
            raise ValueError(
                f"conserved: expected a density of {name!r} of shape {expected}, got {tuple(density.shape)}"
            )
    return densities


def density_size(density: Tensor) -> Tensor:
    """The size (B,) of a density d (B, K, *N): the mean of |d| over the points, which |its mean| never exceeds."""
    return torch.linalg.vector_norm(density, dim=1).flatten(1).mean(1)


def mean_drift(now: Tensor, start: Tensor, size: Tensor) -> Tensor:
    """The drift (B,) of the means of a density: their largest change over the size; 0 where nothing changes.

    Args:
        now: (B, K, *N) the density.
        start: (B, K, *N) the density at first.
        size: (B,) of the density, perhaps the largest of several times: a flow may start at rest.
    """
    change = (now.flatten(2).mean(2) - start.flatten(2).mean(2)).abs().amax(1)
    return torch.where(change == 0, 0.0, change / size)
