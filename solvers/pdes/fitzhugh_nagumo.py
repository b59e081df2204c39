"""The FitzHugh-Nagumo equations: an activator and its inhibitor, both of which diffuse."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform
from tendency.solvers.equations import SemilinearPDE, require_positive
from tendency.solvers.spectral import concatenated, dealiasing_mask, per_mode, squared_norm


class FitzHughNagumo(SemilinearPDE):
    """u_t = D_u Laplace(u) + u - u^3 - k - v, v_t = D_v Laplace(v) + u - v.

    D_u and D_v are ``diffusivity_u`` and ``diffusivity_v``, k is ``excitation``.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, section D.2 (the 2D diffusion-reaction equation).
    """

    name = "fitzhugh_nagumo"
    title = "FitzHugh-Nagumo"
    formula = r"\partial_t u = D_u \nabla^2 u + u - u^3 - k - v \\ \partial_t v = D_v \nabla^2 v + u - v"
    fields = (Field("activator"), Field("inhibitor"))
    parameter_names = ("diffusivity_u", "diffusivity_v", "excitation")
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """1 - D_u |k|^2 and -1 - D_v |k|^2; what couples the two is in the nonlinear term."""
        squares = squared_norm(k)
        d_u, d_v = (per_mode(conditions.parameter(name), k) for name in self.parameter_names[:2])
        return torch.cat(torch.broadcast_tensors(1 - d_u * squares, -1 - d_v * squares), 1)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept, and the source -k in the mean."""
        shape = conditions.geometry.shape
        excitation = conditions.parameter("excitation").reshape(-1, 1, *[1] * len(shape))
        source = transform(-excitation.expand(-1, 1, *shape), len(shape))
        return {"keep": dealiasing_mask(shape, 3, k[0].device), "source": source}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-u^3 - k - v, dealiased, and u."""
        shape, keep = conditions.geometry.shape, operators["keep"]
        u_part, v_part = u_hat.split(1, 1)
        cube = keep * transform(inverse_transform(u_part * keep, shape) ** 3, len(shape))
        return concatenated([operators["source"] - cube - v_part, u_part])

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity_u")
        require_positive(conditions, "diffusivity_v")
