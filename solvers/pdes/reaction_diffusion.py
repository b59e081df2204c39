"""Reactions that diffuse: Allen-Cahn, Fisher-KPP, Gray-Scott, FitzHugh-Nagumo."""

import torch
from torch import Tensor

from simulation.conditions import Conditions
from simulation.fields import Field
from solvers.equations import SemilinearPDE, require_positive
from solvers.spectral import concatenated, dealiasing_mask, inverse_transform, per_mode, squared_norm, transform


class AllenCahn(SemilinearPDE):
    """u_t = nu Laplace(u) + u - u^3; nu is ``diffusivity``."""

    name = "allen_cahn"
    fields = (Field("u"),)
    parameter_names = ("diffusivity",)
    spatial_dims = (1, 2, 3)
    reflections = (1.0, -1.0)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """1 - nu |k|^2."""
        return 1 - per_mode(conditions.parameter("diffusivity"), k) * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept."""
        return {"keep": dealiasing_mask(conditions.geometry.shape, 3, k[0].device)}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-u^3, dealiased."""
        shape, keep = conditions.geometry.shape, operators["keep"]
        u = inverse_transform(u_hat * keep, shape)
        return keep * transform(-(u**3), len(shape))

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity")


class Fisher(SemilinearPDE):
    """u_t = nu Laplace(u) + rho u (1 - u); nu is ``diffusivity``, rho is ``growth``. Also known as Fisher-KPP.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182 (the 1D diffusion-reaction equation).
    """

    name = "fisher"
    fields = (Field("u"),)
    parameter_names = ("diffusivity", "growth")
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """rho - nu |k|^2."""
        diffusivity, growth = (per_mode(conditions.parameter(name), k) for name in self.parameter_names)
        return growth - diffusivity * squared_norm(k)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept, and of them -rho."""
        keep = dealiasing_mask(conditions.geometry.shape, 2, k[0].device)
        return {"keep": keep, "decay": -per_mode(conditions.parameter("growth"), k) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-rho u^2, dealiased."""
        shape = conditions.geometry.shape
        u = inverse_transform(u_hat * operators["keep"], shape)
        return operators["decay"] * transform(u.square(), len(shape))

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity")


class GrayScott(SemilinearPDE):
    """a_t = D_a Laplace(a) - a b^2 + f (1 - a), b_t = D_b Laplace(b) + a b^2 - (f + k) b.

    D_a and D_b are ``diffusivity_a`` and ``diffusivity_b``, f is ``feed``, k is ``kill``.

    References:
        Pearson: Complex Patterns in a Simple System. Science 261 (1993), doi:10.1126/science.261.5118.189.
    """

    name = "gray_scott"
    fields = (Field("a"), Field("b"))
    parameter_names = ("diffusivity_a", "diffusivity_b", "feed", "kill")
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-D_a |k|^2 - f and -D_b |k|^2 - f - k."""
        squares = squared_norm(k)
        d_a, d_b, feed, kill = (per_mode(conditions.parameter(name), k) for name in self.parameter_names)
        return torch.cat(torch.broadcast_tensors(-d_a * squares - feed, -d_b * squares - feed - kill), 1)

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept, and the source f of a in the mean."""
        shape = conditions.geometry.shape
        feed = conditions.parameter("feed")
        source = feed.reshape(-1, 1, *[1] * len(shape)).expand(-1, 1, *shape)
        return {"keep": dealiasing_mask(shape, 3, k[0].device), "source": transform(source, len(shape))}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """f - a b^2 and a b^2, dealiased."""
        shape, keep = conditions.geometry.shape, operators["keep"]
        a, b = inverse_transform(u_hat * keep, shape).unbind(1)
        reaction = keep * transform((a * b.square())[:, None], len(shape))
        return concatenated([operators["source"] - reaction, reaction])

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed."""
        require_positive(conditions, "diffusivity_a")
        require_positive(conditions, "diffusivity_b")


class FitzHughNagumo(SemilinearPDE):
    """u_t = D_u Laplace(u) + u - u^3 - k - v, v_t = D_v Laplace(v) + u - v.

    D_u and D_v are ``diffusivity_u`` and ``diffusivity_v``, k is ``excitation``.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, section D.2 (the 2D diffusion-reaction equation).
    """

    name = "fitzhugh_nagumo"
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
