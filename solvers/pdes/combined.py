"""The combined equation of the message-passing paper: Burgers, Korteweg-de Vries and heat in one, and forced."""

import math

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.fourier import integer_wavenumbers, inverse_transform, transform, without_nyquist
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.spectral import dealiasing_mask, per_mode


class Combined(SemilinearPDE):
    """u_t + alpha u u_x - beta u_xx + gamma u_xxx = delta(t, x) in 1D, with a source of J travelling waves.

    delta = sum_j A_j sin(omega_j t + 2 pi l_j x / L + phi_j). Its ``amplitude_j``, ``frequency_j``, ``wavenumber_j``
    and ``phase_j`` are parameters, hidden from surrogates as a rule. The paper writes alpha (u^2)_x; the code of its
    data has alpha (u^2 / 2)_x, as here.

    Args:
        num_waves: J.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 4.1.
    """

    name = "combined"
    title = "Burgers-Korteweg-de Vries"
    formula = (
        r"\partial_t u + \alpha u \, \partial_x u - \beta \, \partial_x^2 u + \gamma \, \partial_x^3 u"
        r" = \delta(t, x)"
    )
    fields = (Field("u"),)
    spatial_dims = (1,)

    def __init__(self, num_waves: PositiveInt = 5) -> None:
        self.num_waves = num_waves
        waves = [f"{name}_{j}" for name in WAVE for j in range(1, num_waves + 1)]
        self.parameter_names = ("alpha", "beta", "gamma", *waves)

    def linear_symbol(self, k: list[Tensor], conditions: Conditions) -> Tensor:
        """-beta k^2 + i gamma k^3."""
        beta, gamma = (per_mode(conditions.parameter(name), k) for name in ("beta", "gamma"))
        return -beta * k[0].square() + 1j * gamma * without_nyquist(k[0], 0, conditions.geometry.shape) ** 3

    def operators(self, k: list[Tensor], conditions: Conditions) -> dict[str, Tensor]:
        """-i alpha k / 2 on the modes that are kept, and the coefficients (B, J, K) of each wave at time 0."""
        shape = conditions.geometry.shape
        keep = dealiasing_mask(shape, 2, k[0].device)
        gradient = -0.5j * per_mode(conditions.parameter("alpha"), k) * without_nyquist(k[0], 0, shape) * keep
        amplitude, _, number, phase = waves(conditions, self.num_waves)
        # sin(l x + phi) has the coefficient N e^(i phi) / 2i at l.
        at = integer_wavenumbers(shape, k[0].device)[0] == number[..., None]
        source = at * (amplitude * torch.exp(1j * phase) * shape[0] / 2j)[..., None]
        return {"keep": keep, "half_gradient": gradient, "source": source}

    def nonlinear_term(self, u_hat: Tensor, t: Tensor, conditions: Conditions, operators: dict[str, Tensor]) -> Tensor:
        """-alpha (u^2 / 2)_x + delta, dealiased."""
        u = inverse_transform(u_hat * operators["keep"], conditions.geometry.shape)
        term = operators["half_gradient"] * transform(u.square(), 1)
        _, frequency, _, _ = waves(conditions, self.num_waves)
        turned = torch.exp(1j * frequency * t[:, None]).to(u_hat.dtype)[..., None]
        return term + (operators["source"] * turned).sum(1, keepdim=True)

    def check(self, conditions: Conditions) -> None:
        """Backward diffusion is ill-posed.

        Raises:
            ValueError: a negative beta.
        """
        smallest = conditions.parameter("beta").min().item()
        if not smallest >= 0:
            raise ValueError(f"pde.parameters.beta: expected no negative values, got {smallest:g}")


WAVE = ("amplitude", "frequency", "wavenumber", "phase")


def waves(conditions: Conditions, number: int) -> list[Tensor]:
    """Amplitudes, frequencies, wavenumbers and phases of the source, each (B, J)."""
    return [
        torch.stack([conditions.parameter(f"{name}_{j}") for j in range(1, number + 1)], 1).double() for name in WAVE
    ]


def source(conditions: Conditions, t: Tensor, number: int) -> Tensor:
    """delta (B, 1, N) at times t (B,)."""
    amplitude, frequency, wavenumber, phase = (part[..., None] for part in waves(conditions, number))
    x = conditions.geometry.coordinates(conditions.extent.double()) / conditions.extent.double()[..., None]
    angle = frequency * t.double().reshape(-1, 1, 1) + 2 * math.pi * wavenumber * x + phase
    return (amplitude * torch.sin(angle)).sum(1, keepdim=True)
