"""Flow in a square box whose lid moves."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from tendency.simulation.annotations import NonNegativeFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import BoundaryKind
from tendency.solvers.equations import MethodOfLines, require_positive


class LidDrivenCavity(MethodOfLines):
    """2D incompressible flow in the unit box, no slip at its walls, the lid y = 1 moving to the right.

    omega_t + u . grad omega = Laplace(omega) / Re, Laplace(psi) = -omega, u = (psi_y, -psi_x), with the streamfunction
    psi = 0 on the walls. The velocity is stored at the centres of n x n cells, each component the mean over the cell's
    two faces, and is one to one with psi at the cells' corners, which is what is stepped: central differences,
    Arakawa's Jacobian, Jensen's vorticity at the walls, the Poisson equation by sine transforms.

    Args:
        lid_speed: 1 in the classical problem; with 0 the box is at rest and eddies in it decay.

    References:
        Ghia, Ghia, Shin: High-Re solutions for incompressible flow. J. Comput. Phys. 48 (1982),
        doi:10.1016/0021-9991(82)90058-4.
        E, Liu: Vorticity boundary condition and related issues for finite difference schemes. J. Comput. Phys. 124
        (1996), doi:10.1006/jcph.1996.0066 (Jensen's formula).
        Arakawa: Computational design for long-term numerical integration. J. Comput. Phys. 1 (1966),
        doi:10.1016/0021-9991(66)90015-5.
    """

    name = "lid_driven_cavity"
    title = "lid-driven cavity flow"
    formula = (
        r"\partial_t \omega + \mathbf{u} \cdot \nabla \omega = \frac{1}{Re} \nabla^2 \omega \\ "
        r"\nabla^2 \psi = - \omega , \quad \mathbf{u} = (\partial_y \psi, - \partial_x \psi)"
    )
    fields = (Field("velocity", 1),)
    parameter_names = ("reynolds",)
    spatial_dims = (2,)
    transports = True

    def __init__(self, lid_speed: NonNegativeFloat = 1.0) -> None:
        self.lid_speed = lid_speed

    def to_unknowns(self, u: Tensor) -> Tensor:
        """psi (B, n + 1, n + 1)."""
        return streamfunction(u)

    def to_fields(self, q: Tensor) -> Tensor:
        """The velocity (B, 2, n, n)."""
        return velocity(q)

    def rate(self, q: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """psi_t, where Laplace(psi_t) = -omega_t."""
        h = 1 / (q.shape[-1] - 1)
        omega = _vorticity(q, h, self.lid_speed)
        diffusivity = 1 / conditions.parameter("reynolds").reshape(-1, 1, 1).double()
        return _poisson(_jacobian(q, omega, h) + diffusivity * _laplace(omega, h), h)

    def stable_step(self, q: Tensor, conditions: Conditions, real: float, imaginary: float) -> Tensor:
        """Of rates up to 8 / (Re h^2) by diffusion, and i (|u| + |v|) / h by transport, a tenth in reserve."""
        h = 1 / (q.shape[-1] - 1)
        # The fastest faces on either axis need not meet: an upper bound, and 2 where there is but one eddy.
        fastest = q.diff(dim=-1).abs().flatten(1).amax(1) + q.diff(dim=-2).abs().flatten(1).amax(1)
        diffusion = 8 / (conditions.parameter("reynolds").double() * h**2)
        return 0.9 / (diffusion / real + (fastest / h).clamp(min=self.lid_speed) / h / imaginary)

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """The velocity of the same streamfunction: its sine series on a finer grid, its values on a coarser one."""
        n, m = u.shape[-1], shape[0]
        if n % m and m % n:
            raise ValueError(f"pde.geometry.shape: expected cells that nest, got {n} and {m}")
        psi = streamfunction(u)
        if m <= n:
            return velocity(psi[..., :: n // m, :: n // m])
        sines = _sines(n, u.dtype, u.device)
        nodes = torch.arange(m + 1, dtype=u.dtype, device=u.device) / m
        finer = torch.sin(math.pi * torch.outer(nodes, torch.arange(1, n, device=u.device)))
        return velocity(finer @ (sines @ psi[..., 1:-1, 1:-1] @ sines) @ finer.T * (2 / n) ** 2)

    def check(self, conditions: Conditions) -> None:
        """Refuses other domains than the unit square between walls, and Reynolds numbers that are not positive.

        Raises:
            ValueError: naming the key.
        """
        require_positive(conditions, "reynolds")
        grid = conditions.geometry
        kinds = {grid.boundary.kind(axis, side, field) for axis in (0, 1) for side in (0, 1) for field in (0,)}
        if kinds != {BoundaryKind.DIRICHLET}:
            raise ValueError(
                "pde.geometry.boundary.sides: lid_driven_cavity expects dirichlet on all sides, "
                f"got {sorted(kind.value for kind in kinds)}"
            )
        if grid.shape[0] != grid.shape[1]:
            raise ValueError(
                f"pde.geometry.shape: lid_driven_cavity expects as many points on both axes, got {list(grid.shape)}"
            )
        if not bool((conditions.extent == 1).all()):
            raise ValueError(
                f"pde.extent: lid_driven_cavity expects sides of length 1, got {conditions.extent[0].tolist()}"
            )


def velocity(psi: Tensor) -> Tensor:
    """(B, 2, n, n) at the centres of cells from psi (B, n + 1, n + 1) at their corners: (psi_y, -psi_x)."""
    n = psi.shape[-1] - 1
    along_x, along_y = psi.diff(dim=-2), psi.diff(dim=-1)
    u, v = along_y[..., 1:, :] + along_y[..., :-1, :], along_x[..., 1:] + along_x[..., :-1]
    return torch.stack([u * (n / 2), v * (-n / 2)], 1)


def streamfunction(u: Tensor) -> Tensor:
    """The inverse of ``velocity``: psi (B, n + 1, n + 1), 0 on the walls.

    The curl of a cell-centred velocity is minus the Laplacian of psi on the diagonals of the grid, which sine
    transforms invert. Of a velocity that has a divergence, the part without one is taken.
    """
    n = u.shape[-1]
    v_sum, u_sum = u[:, 1, :, 1:] + u[:, 1, :, :-1], u[:, 0, 1:] + u[:, 0, :-1]
    curl = (v_sum.diff(dim=-2) - u_sum.diff(dim=-1)) * (n / 2)
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
    # Products with the dense matrix: up to some 200 points a side they are several times faster than FFTs.
    n = right.shape[-1] + 1
    sines = _sines(n, right.dtype, right.device)
    return pad(sines @ ((sines @ right @ sines) * ((2 / n) ** 2 / eigenvalues)) @ sines, (1, 1, 1, 1))


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # what is kept may be needed by a later gradient
def _sines(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """sin(pi j k / n) for j, k = 1 ... n - 1; its square is n / 2."""
    j = torch.arange(1, n, dtype=torch.float64, device=device)
    return torch.sin(math.pi * torch.outer(j, j) / n).to(dtype)


def _laplace(field: Tensor, h: float) -> Tensor:
    """The five-point Laplacian (B, n - 1, n - 1) inside of field (B, n + 1, n + 1)."""
    inner = field[..., 1:-1, 1:-1]
    on_axes = field[..., 2:, 1:-1] + field[..., :-2, 1:-1] + field[..., 1:-1, 2:] + field[..., 1:-1, :-2]
    return torch.add(on_axes, inner, alpha=-4) / h**2


def _vorticity(psi: Tensor, h: float, lid_speed: float) -> Tensor:
    """-Laplace(psi) (B, n + 1, n + 1), at the walls by Jensen's formula; the corners are never asked for."""
    left, right = _at_wall(psi[..., 1, 1:-1], psi[..., 2, 1:-1], h), _at_wall(psi[..., -2, 1:-1], psi[..., -3, 1:-1], h)
    inside = torch.cat([left[..., None, :], -_laplace(psi, h), right[..., None, :]], -2)
    bottom, top = _at_wall(psi[..., 1], psi[..., 2], h), _at_wall(psi[..., -2], psi[..., -3], h) - 3 * lid_speed / h
    return torch.cat([bottom[..., None], inside, top[..., None]], -1)


def _at_wall(first: Tensor, second: Tensor, h: float) -> Tensor:
    """-psi_nn at a wall at rest from psi at one and two nodes off it."""
    return (second / 2 - 4 * first) / h**2


def _jacobian(psi: Tensor, omega: Tensor, h: float) -> Tensor:
    """-u . grad(omega) = psi_x omega_y - psi_y omega_x inside, conserving energy and enstrophy (Arakawa).

    The mean of that form and of the two that differentiate products, (psi omega_y)_x - (psi omega_x)_y and
    (omega psi_x)_y - (omega psi_y)_x, the last two taken together.
    """
    psi_x, psi_y = psi[..., 2:, :] - psi[..., :-2, :], psi[..., 2:] - psi[..., :-2]
    omega_x, omega_y = omega[..., 2:, :] - omega[..., :-2, :], omega[..., 2:] - omega[..., :-2]
    plain = psi_x[..., 1:-1] * omega_y[..., 1:-1, :] - psi_y[..., 1:-1, :] * omega_x[..., 1:-1]
    through_x = psi[..., 1:-1] * omega_y - omega[..., 1:-1] * psi_y
    through_y = psi[..., 1:-1, :] * omega_x - omega[..., 1:-1, :] * psi_x
    products = through_x[..., 2:, :] - through_x[..., :-2, :] - through_y[..., 2:] + through_y[..., :-2]
    return (plain + products) / (12 * h**2)
