"""What the solvers are measured on: equations, states, frames; and the truth that errors are taken against."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.equations import SemilinearPDE
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.exponential import ExponentialIntegrator
from tendency.solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from tendency.solvers.pdes.navier_stokes import NavierStokes
from tendency.solvers.spectral import resample
from tendency.solvers.spectral_solver import SpectralSolver

DISTINCT = 16
"""States of a case; larger batches repeat them."""


@dataclass(frozen=True)
class Case:
    """One equation with its states (B, 1, *N), and frames of length dt; batches are the sizes that everybody tries."""

    name: str
    equation: SemilinearPDE
    length: float
    states: Tensor
    dt: float
    frames: int
    batches: tuple[int, ...]
    viscosity: float | None = None

    def of(self, batch: int) -> "Case":
        """The same with so many states."""
        copies = -(-batch // len(self.states))
        return replace(self, states=self.states.repeat(copies, *[1] * (self.states.ndim - 1))[:batch])

    def conditions(self) -> Conditions:
        """All trajectories share them."""
        shape, batch = self.states.shape[2:], len(self.states)
        empty = torch.zeros(batch, 0, dtype=torch.float64)
        values = empty if self.viscosity is None else torch.full((batch, 1), self.viscosity, dtype=torch.float64)
        extent = torch.full((batch, len(shape)), self.length, dtype=torch.float64)
        names = () if self.viscosity is None else ("viscosity",)
        return Conditions(values, empty, extent, empty, Grid(shape, Boundary.periodic(len(shape))), names)


def solve(case: Case, integrator: ExponentialIntegrator, substeps: int, precision: str) -> np.ndarray:
    """The states at the end, by our solver, through the loop that generation uses."""
    solver = SpectralSolver(case.equation, integrator, case.dt / substeps, precision)  # type: ignore[arg-type]
    batch, conditions = len(case.states), case.conditions()
    times = case.dt * torch.arange(1, case.frames + 1, dtype=torch.float64).expand(batch, -1)
    start = torch.zeros(batch, 1, dtype=torch.float64)
    with torch.no_grad():
        progress = begin(solver, case.states[:, None], start, conditions, torch.arange(batch))
        *_, last = rollout(solver, progress, times, conditions)
    return last.u.numpy()


def truth(case: Case, substeps: int) -> np.ndarray:
    """The end on a grid twice as fine, at the points of the case's: no side's own grid or mask is taken for right."""
    shape = [2 * n for n in case.states.shape[2:]]
    finer = replace(case, states=resample(case.states, shape))
    end = solve(finer, ETDRK4(), substeps, "float64")
    return end[:, :, ::2] if len(shape) == 1 else end[:, :, ::2, ::2]


def error(end: np.ndarray, exact: np.ndarray) -> float:
    """The mean of the relative L2 errors."""
    end, exact = (x[: min(len(end), len(exact))].reshape(min(len(end), len(exact)), -1) for x in (end, exact))
    return float(np.mean(np.linalg.norm(end - exact, axis=1) / np.linalg.norm(exact, axis=1)))


def kuramoto_sivashinsky() -> Case:
    """Developed states on a domain of 64."""
    generator = torch.Generator().manual_seed(0)
    x = torch.arange(256, dtype=torch.float64) / 256
    phase = 2 * np.pi * torch.rand(DISTINCT, 3, 1, generator=generator, dtype=torch.float64)
    start = sum(torch.cos(2 * np.pi * n * x + phase[:, n - 1]) for n in (1, 2, 3))[:, None]
    case = Case("Kuramoto-Sivashinsky 256", KuramotoSivashinsky(), 64.0, start, 60.0, 1, (64, 256))
    return replace(case, states=torch.from_numpy(solve(case, ETDRK4(), 600, "float64")), dt=0.2, frames=50)


def navier_stokes() -> Case:
    """A decaying flow as vigorous as the FNO paper's."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.fft.rfft2(torch.randn(DISTINCT, 1, 64, 64, generator=generator, dtype=torch.float64))
    n = torch.fft.fftfreq(64, 1 / 64)
    low = (n[:, None] ** 2 + n[None, :33] ** 2) <= 6**2
    w = torch.fft.irfft2(noise * low, s=(64, 64))
    w = 2 * (w - w.mean((2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
    return Case("Navier-Stokes 64x64", NavierStokes(), 1.0, w, 0.2, 5, (8, 32), viscosity=1e-3)
