"""Incompressible flow in two dimensions, as the transport of vorticity."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from simulation.annotations import FiniteFloat
from simulation.conditions import Conditions
from simulation.fields import Field
from solvers.equations import SemilinearPDE, require_positive
from solvers.spectral import inverse_transform, odd, squared_norm, transform, two_thirds_mask


class Forcing(ABC):
    """A steady source of vorticity."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The source (B, *N) at coordinates x (B, 2, *N)."""


class DiagonalForcing(Forcing):
    """f = a (sin 2 pi (x + y) + cos 2 pi (x + y)).

    Args:
        amplitude: a; 0.1 in the reference.

    References:
        Li et al.: Fourier Neural Operator for Parametric PDEs. arXiv:2010.08895, section 5.3.
    """

    def __init__(self, amplitude: FiniteFloat = 0.1) -> None:
        self.amplitude = amplitude

    def __call__(self, x: Tensor) -> Tensor:
        """The source."""
        phase = 2 * math.pi * (x[:, 0] + x[:, 1])
        return self.amplitude * (torch.sin(phase) + torch.cos(phase))


class NavierStokes(SemilinearPDE):
    """w_t + u . grad w = nu Laplace(w) + f, with w = v_x - u_y, -Laplace(psi) = w, (u, v) = (psi_y, -psi_x).

    Args:
        forcing: f; None for a decaying flow.
    """

    name = "navier_stokes"
    fields = (Field("vorticity"),)
    parameter_names = ("viscosity",)
    spatial_dims = (2,)

    def __init__(self, forcing: Forcing | None = None) -> None:
        self.forcing = forcing

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2."""
        return -conditions.parameter("viscosity").reshape(-1, 1, 1, 1) * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """From vorticity to velocity, from products of velocities back, and the forcing, on the modes that are kept."""
        shape = conditions.geometry.shape
        keep = two_thirds_mask(shape, k[0].device)
        kx, ky = odd(k[0], 0, shape), odd(k[1], 1, shape)
        squares = squared_norm(k)
        inverse_laplacian = keep / torch.where(squares == 0, 1, squares)
        made = {
            "velocity": torch.cat([1j * ky * inverse_laplacian, -1j * kx * inverse_laplacian], 1),
            "of_product": keep * (kx.square() - ky.square()),
            "of_difference": keep * kx * ky,
        }
        if self.forcing is not None:
            x = conditions.geometry.coordinates(conditions.extent.double())
            made["forcing"] = transform(self.forcing(x)[:, None], 2)
        return made

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-u . grad w + f, dealiased, from u v and v^2 - u^2: four transforms instead of five.

        For a divergence-free velocity, u . grad w = (d_xx - d_yy)(u v) + d_xy (v^2 - u^2).
        """
        velocity = inverse_transform(operators["velocity"] * u_hat, conditions.geometry.shape)
        u, v = velocity[:, :1], velocity[:, 1:]
        products = transform(torch.cat([u * v, (v - u) * (v + u)], 1), 2)
        term = operators["of_product"] * products[:, :1] + operators["of_difference"] * products[:, 1:]
        return term + operators["forcing"] if "forcing" in operators else term

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "viscosity")

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean vorticity, which is zero on a torus without a mean source."""
        return {"mean vorticity": u.mean((1, 2, 3))}
