"""The incompressible Navier-Stokes equations in two dimensions, as the transport of vorticity."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.simulation.annotations import NonNegativeFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.forcing import Forcing
from tendency.solvers.spectral import dealiased_columns, dealiasing_mask, per_mode, squared_norm


class NavierStokes(SemilinearPDE):
    """w_t + u . grad w = nu Laplace(w) - mu w + f, with w = v_x - u_y, -Laplace(psi) = w, (u, v) = (psi_y, -psi_x).

    nu is ``viscosity``.

    Args:
        forcing: f, one of ``solvers.forcing``; None for a decaying flow.
        drag: mu, which takes up the energy of the largest scales.
    """

    name = "navier_stokes"
    title = "Navier-Stokes"
    fields = (Field("vorticity"),)
    parameter_names = ("viscosity",)
    spatial_dims = (2,)

    def __init__(self, forcing: Forcing | None = None, drag: NonNegativeFloat = 0.0) -> None:
        self.forcing, self.drag = forcing, drag
        further = (f" - {drag:g} \\omega" if drag else "") + (" + f" if forcing is not None else "")
        self.formula = (
            rf"\partial_t \omega + \mathbf{{u}} \cdot \nabla \omega = \nu \nabla^2 \omega{further} \\ "
            r"\nabla^2 \psi = - \omega , \quad \mathbf{u} = (\partial_y \psi, - \partial_x \psi)"
        )
        # Vorticity that vanishes at a wall slips along it. A forcing would have to be odd as well.
        self.reflections = (-1.0,) if forcing is None else ()

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-nu |k|^2 - mu."""
        return -per_mode(conditions.parameter("viscosity"), k) * squared_norm(k) - self.drag

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """From vorticity to velocity, from products of velocities back, and the forcing, on the modes that are kept."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        kx, ky = without_nyquist(k[0], 0, shape), without_nyquist(k[1], 1, shape)
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
        return {"mean vorticity": u}
