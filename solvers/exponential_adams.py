"""Exponential Adams schemes: one evaluation of N per step.

References:
    Cox, Matthews: Exponential time differencing for stiff systems. J. Comput. Phys. 176 (2002),
    doi:10.1006/jcph.2002.6995, section 2.1 (schemes of any order).
    Hochbruck, Ostermann: Exponential multistep methods of Adams-type. BIT Numer. Math. 51 (2011),
    doi:10.1007/s10543-011-0332-6.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from tendency.simulation.tree import per_sample
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.exponential import ExponentialIntegrator, Nonlinear, Past, chosen, phi, weights


class ExponentialAdams(ExponentialIntegrator):
    """u(t + h) = exp(hL) u(t) + int_0^h exp((h - s) L) P(s) ds, with P through N at the p latest times t, t - h, ...

    It takes one evaluation of N where ``ETDRK4`` takes four, in steps that stability limits more. Where N is mild
    against L, as in the Kuramoto-Sivashinsky equation, it reaches the same accuracy in a quarter of the evaluations.
    ``ETDRK4`` makes the first p - 1 steps, and those after a change of h. The steps go on across stored times; the
    solver starts anew from a state that somebody changed on the way.

    Args:
        order: p.
    """

    def __init__(self, order: Literal[2, 3, 4, 5] = 4) -> None:
        self.order = order
        self.starter = ETDRK4()

    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """The weights of N at the p times, newest first, and what the first steps need."""
        made = _weights(symbol, h, range(0, -self.order, -1))
        return self.starter.coefficients(symbol, h) | {f"weight_{j}": weight for j, weight in enumerate(made)}

    def start(self, u_hat: Tensor) -> Past:
        """N at the p - 1 last times, newest first, and the number of steps (B,) since the start."""
        return _no_past(u_hat, self.order - 1)

    def advance(
        self, u_hat: Tensor, past: Past, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]
    ) -> tuple[Tensor, Past]:
        """One step."""
        *terms, taken = nonlinear(u_hat, t), *past

        def step() -> tuple[Tensor, ...]:
            return (_combined(c, "weight", u_hat, terms),)

        def start() -> tuple[Tensor, ...]:
            return (self.starter.advance_from(terms[0], u_hat, t, h, nonlinear, c),)

        (stepped,) = _step_or_start(taken >= self.order - 1, step, start)
        return stepped, (*terms[:-1], taken + 1)


class ExponentialAdamsMoulton(ExponentialIntegrator):
    """``ExponentialAdams`` as a predictor of N at t + h, which enters P in the place of the oldest N (PEC).

    One evaluation of N per step as well, and more products with weights; the error is several times smaller. N of the
    predicted state is also the next step's N at its start.

    Args:
        order: p of both.
    """

    def __init__(self, order: Literal[2, 3, 4, 5] = 4) -> None:
        self.order = order
        self.starter = ETDRK4()

    def coefficients(self, symbol: Tensor, h: Tensor) -> dict[str, Tensor]:
        """The weights of N at the p times of predictor and corrector, and what the first steps need."""
        made = self.starter.coefficients(symbol, h)
        for name, latest in (("predict", 0), ("correct", 1)):
            each = _weights(symbol, h, range(latest, latest - self.order, -1))
            made |= {f"{name}_{j}": weight for j, weight in enumerate(each)}
        return made

    def start(self, u_hat: Tensor) -> Past:
        """N now and at the p - 1 last times, newest first, and the number of steps (B,) since the start."""
        return _no_past(u_hat, self.order)

    def advance(
        self, u_hat: Tensor, past: Past, t: Tensor, h: Tensor, nonlinear: Nonlinear, c: dict[str, Tensor]
    ) -> tuple[Tensor, Past]:
        """One step."""
        *terms, taken = past
        if not bool((taken > 0).all()):
            terms[0] = torch.where(per_sample(taken > 0, u_hat).bool(), terms[0], nonlinear(u_hat, t))

        def step() -> tuple[Tensor, ...]:
            ahead = nonlinear(_combined(c, "predict", u_hat, terms), t + h)
            return _combined(c, "correct", u_hat, [ahead, *terms[:-1]]), ahead

        def start() -> tuple[Tensor, ...]:
            started = self.starter.advance_from(terms[0], u_hat, t, h, nonlinear, c)
            return started, nonlinear(started, t + h)

        stepped, ahead = _step_or_start(taken >= self.order - 1, step, start)
        return stepped, (ahead, *terms[:-1], taken + 1)


def _weights(symbol: Tensor, h: Tensor, times: range) -> Tensor:
    """h int_0^1 exp((1 - s) hL) l_j(s) ds; the polynomial l_j is 1 at the j-th of the times (in h), 0 at others."""
    # l_j(s) = sum_k basis[k, j] s^k, and int_0^1 exp((1 - s) z) s^k ds = k! phi_{k+1}(z).
    basis = torch.linalg.inv(torch.vander(torch.tensor(times, dtype=torch.float64)).flip(1))
    factorials = torch.tensor([math.factorial(k) for k in range(len(times))], dtype=torch.float64)
    moments = weights(symbol, h, lambda z: phi(z, len(times)))
    return torch.tensordot((basis.T * factorials).to(moments), moments, 1)


def _no_past(u_hat: Tensor, terms: int) -> Past:
    empty = torch.zeros_like(u_hat)
    return *[empty] * terms, torch.zeros(len(u_hat), dtype=torch.int64, device=u_hat.device)


def _combined(c: dict[str, Tensor], name: str, u_hat: Tensor, terms: list[Tensor]) -> Tensor:
    """exp(hL) u + sum_j w_j N_j, in one tensor."""
    total = c["exp"] * u_hat
    for j, term in enumerate(terms):
        total.addcmul_(c[f"{name}_{j}"], term)
    return total


def _step_or_start(
    ready: Tensor, step: Callable[[], tuple[Tensor, ...]], start: Callable[[], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """The step of a scheme for the rows (B,) that have the past for it, the start of one for the others."""
    if bool(ready.all()):
        return step()
    if not bool(ready.any()):
        return start()
    return chosen(ready, step(), start())
