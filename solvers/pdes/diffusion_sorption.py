"""Diffusion of a pollutant in ground water that sticks to the soil."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.simulation.annotations import Fraction, PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import BoundaryKind
from tendency.solvers.equations import MethodOfLines, require_positive

SMALLEST = 1e-6
"""Added to u where a negative power of it is taken (PDEBench's value)."""


class DiffusionSorption(MethodOfLines):
    """R(u) u_t = D u_xx with the Freundlich retardation R = 1 + (1 - phi) / phi rho_s k n (u + 1e-6)^(n - 1).

    Held at u = 1 on the left; on the right u = -D u_x: a flow of speed 1 carries away what arrives. Cells on which
    central differences are of second order; what a cell holds, u + (1 - phi) / phi rho_s k (u + 1e-6)^n, changes by
    D u_x at its ends alone.

    Args:
        porosity: phi.
        bulk_density: rho_s in kg / m^3.
        sorption: k, Freundlich's parameter.
        exponent: n, Freundlich's exponent.

    References:
        Takamoto et al.: PDEBench. arXiv:2210.07182, appendix D.3.
    """

    name = "diffusion_sorption"
    title = "diffusion-sorption"
    formula = (
        r"R(u) \, \partial_t u = D \, \partial_x^2 u \\ "
        r"R(u) = 1 + \frac{1 - \phi}{\phi} \rho_s k n (u + 10^{-6})^{n - 1}"
    )
    fields = (Field("concentration"),)
    parameter_names = ("diffusivity",)
    spatial_dims = (1,)

    def __init__(
        self,
        porosity: Fraction = 0.29,
        bulk_density: PositiveFloat = 2880.0,
        sorption: PositiveFloat = 3.5e-4,
        exponent: PositiveFloat = 0.874,
    ) -> None:
        if not 0 < porosity < 1:
            raise ValueError(f"pde.simulator.equation.porosity: expected a share between 0 and 1, got {porosity}")
        self.exponent = exponent
        self.factor = (1 - porosity) / porosity * bulk_density * sorption * exponent

    def retardation(self, u: Tensor) -> Tensor:
        """R; where rounding takes u below 0, that of u = 0."""
        return 1 + self.factor * (u.clamp(min=0) + SMALLEST) ** (self.exponent - 1)

    def rate(self, q: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """D u_xx / R."""
        u, n = q, q.shape[-1]
        diffusivity = conditions.parameter("diffusivity").reshape(-1, 1, 1).double()
        dx = conditions.extent[:, :1, None].double() / n
        inner = (u[..., 1:] - u[..., :-1]) / dx
        left = (u[..., :1] - 1.0) / (dx / 2)
        # u_wall = -D (u_wall - u_last) / (dx / 2)
        ratio = 2 * diffusivity / dx
        right = (ratio / (1 + ratio) - 1) * u[..., -1:] / (dx / 2)
        slope = torch.cat([left, inner, right], -1)
        return diffusivity * (slope[..., 1:] - slope[..., :-1]) / dx / self.retardation(u)

    def stable_step(self, q: Tensor, conditions: Conditions, real: float, imaginary: float) -> Tensor:
        """Of rates up to 4 D / (R dx^2), with a tenth in reserve for the change of R within a step."""
        dx = conditions.extent[:, 0].double() / q.shape[-1]
        smallest = self.retardation(q).flatten(1).amin(1)
        return 0.9 * real * smallest * dx.square() / (4 * conditions.parameter("diffusivity"))

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """Means of merged cells, or cells split along their slopes."""
        n, m = u.shape[-1], shape[0]
        if n % m and m % n:
            raise ValueError(f"pde.geometry.shape: expected cells that nest, got {n} and {m}")
        if n >= m:
            return u.unflatten(-1, (m, n // m)).mean(-1)
        # One-sided slopes at the ends: at first u jumps there, and a slope to the wall's value would smear the jump.
        padded = torch.cat([2 * u[..., :1] - u[..., 1:2], u, 2 * u[..., -1:] - u[..., -2:-1]], -1)
        slope = (padded[..., 2:] - padded[..., :-2]) / 2
        offsets = (torch.arange(m // n, dtype=u.dtype, device=u.device) + 0.5) / (m // n) - 0.5
        return (u[..., None] + slope[..., None] * offsets).flatten(-2)

    def check(self, conditions: Conditions) -> None:
        """Refuses other boundaries than its own, and a diffusivity that is not positive.

        Raises:
            ValueError: naming the key.
        """
        require_positive(conditions, "diffusivity")
        kinds = [conditions.geometry.boundary.kind(0, side, 0) for side in (0, 1)]
        if kinds != [BoundaryKind.DIRICHLET, BoundaryKind.OPEN]:
            raise ValueError(
                "pde.geometry.boundary.sides[0]: diffusion_sorption expects [dirichlet, open], "
                f"got {[kind.value for kind in kinds]}"
            )
