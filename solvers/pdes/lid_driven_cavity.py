"""Flow in a square box whose lid moves."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from simulation.conditions import Conditions
from simulation.fields import Field
from simulation.geometry import BoundaryKind
from solvers.equations import MethodOfLines, require_positive


class LidDrivenCavity(MethodOfLines):
    """2D incompressible flow in the unit box, no slip at its walls, the lid y = 1 moving with speed 1.

    omega_t + u . grad omega = Laplace(omega) / Re, Laplace(psi) = -omega, u = (psi_y, -psi_x), with the streamfunction
    psi = 0 on the walls. The velocity is stored at the centres of n x n cells, the mean over each cell's faces, and is
    one to one with psi at the cells' corners, where the equation is solved: central differences, Arakawa's Jacobian,
    Jensen's vorticity at the walls, the Poisson equation by sine transforms.

    References:
        Ghia, Ghia, Shin: High-Re solutions for incompressible flow. J. Comput. Phys. 48 (1982),
        doi:10.1016/0021-9991(82)90058-4.
        E, Liu: Vorticity boundary condition and related issues for finite difference schemes. J. Comput. Phys. 124
        (1996), doi:10.1006/jcph.1996.0066, eq. 2.9 (Jensen's formula).
        Arakawa: Computational design for long-term numerical integration. J. Comput. Phys. 1 (1966),
        doi:10.1016/0021-9991(66)90015-5.
    """

    name = "lid_driven_cavity"
    fields = (Field("velocity", 1),)
    parameter_names = ("reynolds",)
    spatial_dims = (2,)

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """The velocity of psi_t, where Laplace(psi_t) = -omega_t."""
        h = 1 / u.shape[-1]
        psi = streamfunction(u)
        omega = _vorticity(psi, h)
        reynolds = conditions.parameter("reynolds").reshape(-1, 1, 1).double()
        inner = omega[..., 1:-1, 1:-1]
        laplace = (
            omega[..., 2:, 1:-1] + omega[..., :-2, 1:-1] + omega[..., 1:-1, 2:] + omega[..., 1:-1, :-2] - 4 * inner
        ) / h**2
        rate = laplace / reynolds + _jacobian(psi, omega, h)
        return velocity(_poisson(rate, h))

    def stable_step(self, u: Tensor, conditions: Conditions, real_stability: float) -> Tensor:
        """Of 8 / (Re h^2) for diffusion, doubled at the walls, and of the lid crossing 1 / 1.5 cells."""
        h = 1 / u.shape[-1]
        reynolds = conditions.parameter("reynolds").double()
        fastest = u.abs().flatten(1).amax(1).clamp(min=1.0)
        return 1 / (16 / (0.9 * real_stability * reynolds * h**2) + fastest / (1.5 * h))

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """The velocity of the same streamfunction: its sine series on a finer grid, its values on a coarser one."""
        n, m = u.shape[-1], shape[0]
        if n % m and m % n:
            raise ValueError(f"expected cells that nest, got {n} and {m}")
        psi = streamfunction(u)
        if m <= n:
            step = n // m
            return velocity(psi[..., ::step, ::step])
        sines = _sines(n, u.dtype)
        finer = torch.sin(math.pi * torch.outer(torch.arange(m + 1, dtype=u.dtype) / m, torch.arange(1, n)))
        series = sines @ psi[..., 1:-1, 1:-1] @ sines * (2 / n) ** 2
        return velocity(finer @ series @ finer.T)

    def check(self, conditions: Conditions) -> None:
        """Refuses other domains than the unit square between walls, and Reynolds numbers that are not positive.

        Raises:
            ValueError: naming the key.
        """
        require_positive(conditions, "reynolds")
        grid = conditions.geometry
        kinds = {grid.boundary.kind(axis, side, 0) for axis in (0, 1) for side in (0, 1)}
        if kinds != {BoundaryKind.DIRICHLET}:
            raise ValueError("pde.geometry.boundary.sides: lid_driven_cavity expects dirichlet on all sides")
        if grid.shape[0] != grid.shape[1] or not bool((conditions.extent == 1).all()):
            raise ValueError(
                "pde.geometry.shape, pde.extent: lid_driven_cavity expects as many points along both axes and sides of "
                f"length 1, got {list(grid.shape)} and {conditions.extent[0].tolist()}"
            )


def velocity(psi: Tensor) -> Tensor:
    """(B, 2, n, n) at the centres of cells from psi (B, n + 1, n + 1) at their corners: (psi_y, -psi_x)."""
    n = psi.shape[-1] - 1
    mean_x, mean_y = (psi[..., 1:, :] + psi[..., :-1, :]) / 2, (psi[..., 1:] + psi[..., :-1]) / 2
    return torch.stack([(mean_x[..., 1:] - mean_x[..., :-1]) * n, (mean_y[..., :-1, :] - mean_y[..., 1:, :]) * n], 1)


def streamfunction(u: Tensor) -> Tensor:
    """The inverse of ``velocity``: psi (B, n + 1, n + 1), 0 on the walls.

    The curl of a cell-centred velocity is minus the Laplacian of psi on the diagonals of the grid, which sine
    transforms invert.
    """
    n = u.shape[-1]
    v_mean = (u[:, 1, :, 1:] + u[:, 1, :, :-1]) / 2
    u_mean = (u[:, 0, 1:] + u[:, 0, :-1]) / 2
    curl = (v_mean[:, 1:] - v_mean[:, :-1] - u_mean[:, :, 1:] + u_mean[:, :, :-1]) * n
    angle = torch.arange(1, n, dtype=u.dtype, device=u.device) * math.pi / (2 * n)
    across, along = (2 * n * torch.sin(angle)) ** 2, torch.cos(angle) ** 2
    return _sine_solve(curl, across[:, None] * along + along[:, None] * across)


def _poisson(omega: Tensor, h: float) -> Tensor:
    """psi (B, n + 1, n + 1) with Laplace(psi) = -omega on the five-point stencil, omega (B, n - 1, n - 1) inside."""
    n = omega.shape[-1] + 1
    angle = torch.arange(1, n, dtype=omega.dtype, device=omega.device) * math.pi / (2 * n)
    eigenvalues = (2 / h * torch.sin(angle)) ** 2
    return _sine_solve(omega, eigenvalues[:, None] + eigenvalues)


def _sine_solve(right: Tensor, eigenvalues: Tensor) -> Tensor:
    n = right.shape[-1] + 1
    sines = _sines(n, right.dtype).to(right.device)
    inner = sines @ ((sines @ right @ sines) / eigenvalues) @ sines * (2 / n) ** 2
    return torch.nn.functional.pad(inner, (1, 1, 1, 1))


@lru_cache(maxsize=8)
def _sines(n: int, dtype: torch.dtype) -> Tensor:
    """sin(pi j k / n) for j, k = 1 ... n - 1; its square is n / 2."""
    j = torch.arange(1, n, dtype=torch.float64)
    return torch.sin(math.pi * torch.outer(j, j) / n).to(dtype)


def _vorticity(psi: Tensor, h: float) -> Tensor:
    """-Laplace(psi) (B, n + 1, n + 1), at the walls by Jensen's formula."""
    inner = psi[..., 1:-1, 1:-1]
    laplace = psi[..., 2:, 1:-1] + psi[..., :-2, 1:-1] + psi[..., 1:-1, 2:] + psi[..., 1:-1, :-2] - 4 * inner
    omega = torch.nn.functional.pad(-laplace / h**2, (1, 1, 1, 1))
    left, right = _at_wall(psi[..., 1, :], psi[..., 2, :], h), _at_wall(psi[..., -2, :], psi[..., -3, :], h)
    bottom, top = _at_wall(psi[..., 1], psi[..., 2], h), _at_wall(psi[..., -2], psi[..., -3], h) - 3 / h
    omega = torch.cat([left[..., None, :], omega[..., 1:-1, :], right[..., None, :]], -2)
    return torch.cat([bottom[..., None], omega[..., 1:-1], top[..., None]], -1)


def _at_wall(first: Tensor, second: Tensor, h: float) -> Tensor:
    """-psi_nn at a wall at rest from psi at one and two nodes off it."""
    return (second / 2 - 4 * first) / h**2


def _jacobian(psi: Tensor, omega: Tensor, h: float) -> Tensor:
    """-u . grad(omega) = psi_x omega_y - psi_y omega_x inside, conserving energy and enstrophy (Arakawa)."""

    def at(field: Tensor, i: int, j: int) -> Tensor:
        n = field.shape[-1]
        return field[..., 1 + i : n - 1 + i, 1 + j : n - 1 + j]

    p, w = psi, omega
    plus_plus = (at(p, 1, 0) - at(p, -1, 0)) * (at(w, 0, 1) - at(w, 0, -1)) - (at(p, 0, 1) - at(p, 0, -1)) * (
        at(w, 1, 0) - at(w, -1, 0)
    )
    plus_cross = (
        at(p, 1, 0) * (at(w, 1, 1) - at(w, 1, -1))
        - at(p, -1, 0) * (at(w, -1, 1) - at(w, -1, -1))
        - at(p, 0, 1) * (at(w, 1, 1) - at(w, -1, 1))
        + at(p, 0, -1) * (at(w, 1, -1) - at(w, -1, -1))
    )
    cross_plus = (
        at(w, 0, 1) * (at(p, 1, 1) - at(p, -1, 1))
        - at(w, 0, -1) * (at(p, 1, -1) - at(p, -1, -1))
        - at(w, 1, 0) * (at(p, 1, 1) - at(p, 1, -1))
        + at(w, -1, 0) * (at(p, -1, 1) - at(p, -1, -1))
    )
    return (plus_plus + plus_cross + cross_plus) / (12 * h**2)
