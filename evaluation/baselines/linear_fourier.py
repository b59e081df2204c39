"""A linear model of each Fourier mode, fitted to the training data: a network has to add what is not linear."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.evaluation.baselines.baseline import Baseline, TrainingPairs
from tendency.evaluation.metrics.context import Subject
from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Grid, is_periodic_grid
from tendency.simulation.simulator import Simulator
from tendency.simulation.tree import Tree

EMPTY = 1e-24
"""Modes with less than this share of the largest mode's energy are rounding, and stay zero."""


class LinearFourierModel(Baseline):
    """û_k(t + Δt) = A_k û_k(t): a C x C matrix for each wavenumber k, fitted to the training data by least squares.

    It solves every linear equation with constant coefficients on a torus, and knows how fast each scale decays or
    travels on average in any other. With the sums over all training pairs (û, û⁺)::

        A_k = (Σ û⁺ û*) (Σ û û* + λ D)⁻¹,    D = the diagonal of Σ û û*

    Args:
        ridge: λ, in proportion to each channel's own energy, so that no unit matters.

    References:
        Hoerl, Kennard: Ridge regression. Technometrics 12 (1970), doi:10.1080/00401706.1970.10488634.
    """

    title = "linear Fourier model"

    def __init__(self, ridge: PositiveFloat = 1e-8) -> None:
        self.ridge = ridge

    def reason_against(self, subject: Subject) -> str | None:
        """Only where waves are eigenfunctions, and only for one time step."""
        grid = subject.geometry
        if not isinstance(grid, Grid):
            return "the snapshots lie on scattered nodes, which have no Fourier series"
        if not is_periodic_grid(grid):
            return "a Fourier series needs a domain that is periodic on all axes"
        return None if subject.step is not None else "the time between snapshots differs between trajectories"

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The fitted model.

        Raises:
            ValueError: there are no training data.
        """
        square = cross = None
        for pair in training():
            u, after = (_modes(state) for state in pair)
            own = torch.einsum("bc...,bd...->...cd", u, u.conj())
            both = torch.einsum("bc...,bd...->...cd", after, u.conj())
            square, cross = (own, both) if square is None or cross is None else (square + own, cross + both)
        if square is None or cross is None or subject.step is None:
            raise ValueError("there are no training trajectories to fit it to")
        energy = square.diagonal(dim1=-2, dim2=-1).real
        floor = EMPTY * energy.flatten(0, -2).amax(0).clamp(min=1e-300)
        matrix = square + torch.diag_embed(self.ridge * energy + floor)
        # A M = X is M^T A^T = X^T; M is Hermitian.
        solved = torch.linalg.solve(matrix.transpose(-2, -1), cross.transpose(-2, -1)).transpose(-2, -1)
        return FourierStep(solved, subject.step)


class FourierStep:
    """One step of the fitted model: a Simulator for one dt.

    Args:
        matrices: A (*K, C, C), complex.
        step: the dt that they were fitted to.
    """

    history = 1

    def __init__(self, matrices: Tensor, step: float) -> None:
        self.matrices, self.step = matrices, step

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """An empty memory."""
        return {}

    def route(self, t: Tensor, times: Tensor, memory: Tree) -> Sequence[Tensor]:
        """One step to each time; refuses steps of another length than that of the fit.

        Raises:
            ValueError: the steps have another length; both are named.
        """
        steps = torch.diff(torch.cat([t[:, None], times], 1), dim=1)
        if bool(((steps - self.step).abs() > 1e-6 * self.step).any()):
            raise ValueError(f"a linear Fourier model fitted to steps of {self.step:g} cannot take {steps.max():g}")
        return times[..., None].unbind(1)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The state (B, C, *N) one step later."""
        self.matrices = self.matrices.to(u.device)
        u_hat = torch.einsum("...cd,bd...->bc...", self.matrices, _modes(u))
        return torch.fft.irfftn(u_hat, s=u.shape[2:], dim=tuple(range(2, u.ndim))).to(u.dtype), memory


def _modes(u: Tensor) -> Tensor:
    return torch.fft.rfftn(u.double(), dim=tuple(range(2, u.ndim)))
