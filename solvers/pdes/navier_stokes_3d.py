"""The incompressible Navier-Stokes equations in three dimensions."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import concatenated, dealiasing_mask, per_mode, squared_norm


class NavierStokes3D(SemilinearPDE):
    """u_t = P(u x curl u) + nu Laplace(u), div u = 0, in 3D; P removes the gradient part, and so the pressure.

    nu is ``viscosity``. u x curl u and -(u . grad) u differ by the gradient of |u|^2 / 2. A divergence in the initial
    state would stay, so states are to be solenoidal.

    References:
        Canuto et al.: Spectral Methods in Fluid Dynamics. Springer 1988, section 7.2 (the rotation form).
    """

    name = "navier_stokes_3d"
    title = "Navier-Stokes"
    formula = (
        r"\partial_t \mathbf{u} + (\mathbf{u} \cdot \nabla) \mathbf{u} = - \nabla p + \nu \nabla^2 \mathbf{u} , "
        r"\quad \nabla \cdot \mathbf{u} = 0"
    )
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
        axes = torch.broadcast_tensors(*(without_nyquist(axis, a, shape) for a, axis in enumerate(k)))
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
        return {"mean velocity": u}
