"""The Kuramoto-Sivashinsky equation of a potential: the height of a flame front."""

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.spectral import dealiasing_mask, squared_norm


class PotentialKuramotoSivashinsky(SemilinearPDE):
    """u_t + (|grad u|^2 - <|grad u|^2>) / 2 + Laplace(u) + Laplace^2(u) = 0 in 1D to 3D: a flame front about its mean.

    In 1D the slope u_x obeys ``KuramotoSivashinsky``. The front as a whole moves at half the mean square slope < >,
    which would soon dwarf its shape; it is taken out, as in APEBench. In 2D and 3D APEBench has sum_a d^4 u / dx_a^4 in
    place of the biharmonic Laplace^2(u): its waves are damped less along the diagonals, so that its trajectories are
    others. ``mixed_derivatives=False`` is its equation.

    Args:
        mixed_derivatives: whether Laplace^2 has its mixed derivatives 2 d^4 / dx_a^2 dx_b^2, without which waves are
            damped by their direction too.

    References:
        Koehler et al.: APEBench. arXiv:2411.00180, the Kuramoto-Sivashinsky equation in two dimensions.
    """

    name = "kuramoto_sivashinsky_potential"
    title = "Kuramoto-Sivashinsky"
    formula = r"\partial_t u + \frac{1}{2} (|\nabla u|^2 - \langle |\nabla u|^2 \rangle) + \nabla^2 u + \nabla^4 u = 0"
    fields = (Field("u"),)
    spatial_dims = (1, 2, 3)
    reflections = (1.0,)

    def __init__(self, mixed_derivatives: bool = True) -> None:
        self.mixed_derivatives = mixed_derivatives

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """|k|^2 - |k|^4, or |k|^2 - sum_a k_a^4."""
        squares = squared_norm(k)
        return squares - (squares.square() if self.mixed_derivatives else squared_norm([a.square() for a in k]))

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """The modes that are kept, the mean not among them, and of them the gradient along all axes (B, D, *K)."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device) & (squared_norm(k) > 0)
        axes = torch.broadcast_tensors(*(without_nyquist(axis, a, shape) for a, axis in enumerate(k)))
        return {"keep": keep, "gradient": 1j * torch.cat(axes, 1) * keep}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-|grad u|^2 / 2 about its mean, dealiased."""
        shape = conditions.geometry.shape
        gradient = inverse_transform(operators["gradient"] * u_hat, shape)
        return operators["keep"] * transform(-0.5 * gradient.square().sum(1, keepdim=True), len(shape))

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The mean."""
        return {"mean": u}
