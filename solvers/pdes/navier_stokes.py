"""Incompressible flow in two dimensions, as the transport of vorticity."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from simulation.annotations import FiniteFloat, NonNegativeFloat, PositiveFloat
from simulation.conditions import Conditions
from simulation.fields import Field
from solvers.equations import SemilinearPDE, require_positive
from solvers.spectral import (
    concatenated,
    dealiased_columns,
    dealiasing_mask,
    inverse_transform,
    odd,
    per_mode,
    squared_norm,
    transform,
)


class Forcing(ABC):
    """A steady source of vorticity."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The source (B, *N) at coordinates x (B, 2, *N)."""

    def check(self, conditions: Conditions) -> None:  # noqa: B027  most fit any domain
        """Refuses a domain on which the source is not periodic.

        Raises:
            ValueError: naming the domain and what would fit.
        """


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


class KolmogorovForcing(Forcing):
    """f = -k a cos(k y): the curl of a body force a sin(k y) along x.

    Args:
        wavenumber: k; 4 in the reference, on a domain of 2 pi.
        amplitude: a.

    References:
        Koehler et al.: APEBench. arXiv:2411.00180, the Kolmogorov flow.
    """

    def __init__(self, wavenumber: PositiveFloat = 4.0, amplitude: FiniteFloat = 1.0) -> None:
        self.wavenumber, self.amplitude = wavenumber, amplitude

    def __call__(self, x: Tensor) -> Tensor:
        """The source."""
        return -self.wavenumber * self.amplitude * torch.cos(self.wavenumber * x[:, 1])

    def check(self, conditions: Conditions) -> None:
        """The domain must hold a whole number of wavelengths along y."""
        waves = conditions.extent[:, 1].double() * self.wavenumber / (2 * math.pi)
        if bool(((waves - waves.round()).abs() > 1e-9 * waves).any()):
            raise ValueError(
                f"pde.extent: a forcing of wavenumber {self.wavenumber:g} needs a multiple of "
                f"{2 * math.pi / self.wavenumber:.15g} along y, got {conditions.extent[0, 1].item():.15g}"
            )


class NavierStokes(SemilinearPDE):
    """w_t + u . grad w = nu Laplace(w) - mu w + f, with w = v_x - u_y, -Laplace(psi) = w, (u, v) = (psi_y, -psi_x).

    Args:
        forcing: f; None for a decaying flow.
        drag: mu, which takes up the energy of the largest scales.
    """

    name = "navier_stokes"
    fields = (Field("vorticity"),)
    parameter_names = ("viscosity",)
    spatial_dims = (2,)

    def __init__(self, forcing: Forcing | None = None, drag: NonNegativeFloat = 0.0) -> None:
        self.forcing, self.drag = forcing, drag
        # Vorticity that vanishes at a wall slips along it. A forcing would have to be odd as well.
        self.reflections = (-1.0,) if forcing is None else ()

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2 - mu."""
        return -per_mode(conditions.parameter("viscosity"), k) * squared_norm(k) - self.drag

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """From vorticity to velocity, from products of velocities back, and the forcing, on the modes that are kept."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        kx, ky = odd(k[0], 0, shape), odd(k[1], 1, shape)
        squares = squared_norm(k)
        inverse_laplacian = keep / torch.where(squares == 0, 1, squares)
        made = {
            "velocity": torch.cat([1j * ky * inverse_laplacian, -1j * kx * inverse_laplacian], 1),
            "of_product": keep * (kx.square() - ky.square()),
            "of_difference": keep * kx * ky,
        }
        columns = self.coupled_columns(shape)
        made = {name: multiplier[..., :columns] for name, multiplier in made.items()}
        if self.forcing is not None:
            x = conditions.geometry.coordinates(conditions.extent.double())
            forcing = transform(self.forcing(x)[:, None], 2)
            made["forcing"], made["steady"] = forcing[..., :columns], forcing[..., columns:]
        return made

    def coupled_columns(self, shape: Sequence[int]) -> int:
        """Those that dealiasing keeps."""
        return dealiased_columns(shape[1], 2)

    def steady_term(self, operators: dict[str, Tensor]) -> Tensor | None:
        """The forcing."""
        return operators.get("steady")

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-u . grad w + f, dealiased, from u v and v^2 - u^2: four transforms instead of five.

        For a divergence-free velocity, u . grad w = (d_xx - d_yy)(u v) + d_xy (v^2 - u^2).
        """
        columns = u_hat.shape[-1]
        velocity = inverse_transform(operators["velocity"] * u_hat, conditions.geometry.shape)
        u, v = velocity.split(1, 1)
        product, difference = u * v, (v * v).addcmul_(u, u, value=-1)
        term = operators["of_product"] * transform(product, 2, columns)
        term.addcmul_(operators["of_difference"], transform(difference, 2, columns))
        return operators["forcing"] + term if "forcing" in operators else term

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed, and the forcing must fit the domain."""
        require_positive(conditions, "viscosity")
        if self.forcing is not None:
            self.forcing.check(conditions)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean vorticity, which is zero on a torus without a mean source."""
        return {"mean vorticity": u.mean((1, 2, 3))}


class NavierStokes3D(SemilinearPDE):
    """u_t = P(u x curl u) + nu Laplace(u), div u = 0, in 3D; P removes the gradient part, and so the pressure.

    u x curl u and -(u . grad) u differ by the gradient of |u|^2 / 2. A divergence in the initial state would stay, so
    states are to be solenoidal.

    References:
        Canuto et al.: Spectral Methods in Fluid Dynamics. Springer 1988, section 7.2 (the rotation form).
    """

    name = "navier_stokes_3d"
    fields = (Field("velocity", rank=1),)
    parameter_names = ("viscosity",)
    spatial_dims = (3,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2."""
        return -per_mode(conditions.parameter("viscosity"), k) * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The wavenumbers (B, 3, *K) of odd derivatives, those over |k|^2, and the modes that are kept."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        axes = torch.broadcast_tensors(*(odd(axis, a, shape) for a, axis in enumerate(k)))
        wave = torch.cat(axes, 1)
        squares = wave.square().sum(1, keepdim=True)
        return {"keep": keep, "wave": wave, "over_square": wave / torch.where(squares == 0, 1, squares)}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """P(u x curl u), dealiased."""
        shape, keep, wave = conditions.geometry.shape, operators["keep"], operators["wave"]
        kept = u_hat * keep
        curl = 1j * torch.linalg.cross(wave.expand_as(kept).to(kept.dtype), kept, dim=1)
        both = inverse_transform(concatenated([kept, curl]), shape)
        force = keep * transform(torch.linalg.cross(both[:, :3], both[:, 3:], dim=1), 3)
        return force - operators["over_square"] * (wave * force).sum(1, keepdim=True)

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "viscosity")

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean velocity."""
        mean = u.mean((2, 3, 4))
        return {f"mean velocity_{axis}": mean[:, i] for i, axis in enumerate("xyz")}
