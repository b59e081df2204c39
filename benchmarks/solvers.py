"""Data generation against the peers: trajectories per second and the error they are bought with.

    python benchmarks/solvers.py                 # ours, the FNO script's scheme, scipy
    pip install exponax "jax[cpu]"               # then exponax as well
    python benchmarks/solvers.py --repeats 9

Everything runs in this process on one thread (data generation takes one process per core), on the same states, in
turns. Errors are relative L2 at the end against a float64 run of an eighth of the step. The peers keep slightly other
modes when they dealias, which floors their Navier-Stokes error near 3e-5; that is no error in time.

The last column is the time of the cheapest of ours that is as accurate (within a tenth) over theirs: below 1 ours is
faster.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# This script's own folder would hide the package of its name.
sys.path[0] = str(Path(__file__).resolve().parents[1])
# Before jax is imported: one thread for everybody.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np
import torch
from torch import Tensor

from simulation import Boundary, Conditions, Grid, begin, rollout
from solvers.equations import SemilinearPDE
from solvers.etdrk import ETDRK4
from solvers.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
from solvers.pdes.navier_stokes import NavierStokes
from solvers.spectral_solver import SpectralSolver
from tendency.hardware import keep_freed_memory


@dataclass
class Case:
    """One equation with its states (B, 1, *N), frames of length dt, and the steps per frame that are tried."""

    name: str
    equation: SemilinearPDE
    length: float
    states: Tensor
    dt: float
    frames: int
    substeps: tuple[int, ...]
    viscosity: float | None = None

    def conditions(self, batch: int) -> Conditions:
        """Of a batch; all trajectories share them."""
        shape, empty = self.states.shape[2:], torch.zeros(batch, 0, dtype=torch.float64)
        values = empty if self.viscosity is None else torch.full((batch, 1), self.viscosity, dtype=torch.float64)
        extent = torch.full((batch, len(shape)), self.length, dtype=torch.float64)
        names = () if self.viscosity is None else ("viscosity",)
        return Conditions(values, empty, extent, empty, Grid(shape, Boundary.periodic(len(shape))), names)


def ours(case: Case, substeps: int, precision: str) -> Callable[[], np.ndarray]:
    """Our solver, through the loop that generation uses."""
    solver = SpectralSolver(case.equation, ETDRK4(), case.dt / substeps, precision)  # type: ignore[arg-type]
    batch = len(case.states)
    times = case.dt * torch.arange(1, case.frames + 1, dtype=torch.float64).expand(batch, -1)
    conditions = case.conditions(batch)

    def run() -> np.ndarray:
        start = torch.zeros(batch, 1, dtype=torch.float64)
        with torch.no_grad():
            progress = begin(solver, case.states[:, None], start, conditions, torch.arange(batch))
            *_, last = rollout(solver, progress, times, conditions)
        return last.u.numpy()

    return run


def exponax(case: Case, substeps: int, precision: str) -> Callable[[], np.ndarray] | None:
    """exponax's ETDRK4, compiled and batched by vmap; its vorticity turns the other way."""
    try:
        import exponax as ex
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    step, points = case.dt / substeps, case.states.shape[-1]
    if case.viscosity is None:
        stepper = ex.stepper.KuramotoSivashinskyConservative(1, case.length, points, step, order=4)
    else:
        stepper = ex.stepper.NavierStokesVorticity(2, case.length, points, step, diffusivity=case.viscosity, order=4)
    real, complex_ = (jax.numpy.float64, jax.numpy.complex128) if precision == "float64" else (
        jax.numpy.float32, jax.numpy.complex64
    )  # fmt: skip

    def cast(leaf: object) -> object:
        if not isinstance(leaf, jax.Array) or not jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact):
            return leaf
        return leaf.astype(complex_ if jax.numpy.iscomplexobj(leaf) else real)

    roll = jax.jit(
        jax.vmap(ex.rollout(ex.RepeatedStepper(jax.tree_util.tree_map(cast, stepper), substeps), case.frames))
    )
    sign = 1.0 if case.viscosity is None else -1.0
    states = jax.numpy.asarray(sign * case.states.numpy(), dtype=real)
    return lambda: sign * np.asarray(roll(states).block_until_ready()[:, -1], dtype=np.float64)


def fno_script(case: Case, dt: float) -> Callable[[], np.ndarray] | None:
    """The FNO paper's scheme (arXiv:2010.08895): Crank-Nicolson diffusion and forward Euler convection, float32."""
    viscosity = case.viscosity
    if viscosity is None:
        return None
    n = case.states.shape[-1]
    k = 2 * np.pi * torch.fft.fftfreq(n, case.length / n)
    kx, ky = k[:, None], k[None, : n // 2 + 1].abs()
    squares = kx**2 + ky**2
    safe = torch.where(squares == 0, 1, squares)
    keep = (kx.abs() <= 2 / 3 * k.abs().max()) & (ky <= 2 / 3 * k.abs().max())
    implicit, explicit = 1 + 0.5 * dt * viscosity * squares, 1 - 0.5 * dt * viscosity * squares

    def run() -> np.ndarray:
        w_hat = torch.fft.rfft2(case.states[:, 0].float())
        for _ in range(round(case.dt * case.frames / dt)):
            psi = w_hat / safe
            fields = torch.stack([1j * ky * psi, -1j * kx * psi, 1j * kx * w_hat, 1j * ky * w_hat])
            u, v, w_x, w_y = torch.fft.irfft2(fields, s=(n, n))
            w_hat = (explicit * w_hat - dt * keep * torch.fft.rfft2(u * w_x + v * w_y)) / implicit
        return torch.fft.irfft2(w_hat, s=(n, n))[:, None].double().numpy()

    return run


def radau(case: Case, tolerance: float) -> Callable[[], np.ndarray] | None:
    """scipy's implicit Radau on the spectral right-hand side, one trajectory at a time, as published scripts do it."""
    if case.viscosity is not None:
        return None
    from scipy.integrate import solve_ivp

    n = case.states.shape[-1]
    k = 2 * np.pi * np.fft.rfftfreq(n, case.length / n)
    end = case.dt * case.frames

    def rate(_: float, u: np.ndarray) -> np.ndarray:
        return np.fft.irfft((k**2 - k**4) * np.fft.rfft(u) - 0.5j * k * np.fft.rfft(u * u), n)

    def run() -> np.ndarray:
        solved = solve_ivp(rate, (0, end), case.states[0, 0].numpy(), method="Radau", rtol=tolerance, atol=tolerance)
        return solved.y[:, -1][None, None]

    return run


def cases() -> list[Case]:
    """Developed Kuramoto-Sivashinsky states and a decaying flow as vigorous as the FNO paper's."""
    generator = torch.Generator().manual_seed(0)
    x = torch.arange(256, dtype=torch.float64) / 256
    phase = 2 * np.pi * torch.rand(64, 3, 1, generator=generator, dtype=torch.float64)
    start = sum(torch.cos(2 * np.pi * n * x + phase[:, n - 1]) for n in (1, 2, 3))
    chaotic = Case("Kuramoto-Sivashinsky 256", KuramotoSivashinsky(), 64.0, start[:, None], 1.0, 60, (10,))
    chaotic = Case(
        chaotic.name, chaotic.equation, 64.0, torch.from_numpy(ours(chaotic, 10, "float64")()), 0.2, 50, (1, 2, 4)
    )
    noise = torch.fft.rfft2(torch.randn(16, 1, 64, 64, generator=generator, dtype=torch.float64))
    n = torch.fft.fftfreq(64, 1 / 64)
    low = (n[:, None] ** 2 + n[None, :33] ** 2) <= 6**2
    w = torch.fft.irfft2(noise * low, s=(64, 64))
    w = 2 * (w - w.mean((2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
    flow = Case("Navier-Stokes 64x64", NavierStokes(), 1.0, w, 0.2, 5, (3, 5, 10), viscosity=1e-3)
    return [chaotic, flow]


def main() -> None:
    """Measures everybody in turns and prints a table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    keep_freed_memory()
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, median of {repeats}")
    for case in cases():
        reference = ours(case, 8 * case.substeps[-1], "float64")()
        runs: dict[str, Callable[[], np.ndarray] | None] = {}
        for precision in ("float64", "float32"):
            for substeps in case.substeps:
                runs[f"ours ETDRK4 {precision}, {substeps} steps"] = ours(case, substeps, precision)
                runs[f"exponax ETDRK4 {precision}, {substeps} steps"] = exponax(case, substeps, precision)
        runs["FNO script's scheme, dt 1e-3"] = fno_script(case, 1e-3)
        runs["scipy Radau 1e-6"] = radau(case, 1e-6)
        there = {name: run for name, run in runs.items() if run is not None}
        errors, seconds = {}, {name: [] for name in there}
        for name, run in there.items():
            end = run()
            truth = reference[: len(end)]
            errors[name] = float(np.mean(np.linalg.norm((end - truth).reshape(len(end), -1), axis=1)
                                 / np.linalg.norm(truth.reshape(len(end), -1), axis=1)))  # fmt: skip
            case_size = len(end)
            seconds[name] = [float(case_size)]
        for _ in range(repeats):
            for name, run in there.items():
                if "scipy" in name and len(seconds[name]) > 1:
                    continue
                began = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - began)
        print(f"\n{case.name}, {len(case.states)} trajectories, {case.frames} frames of {case.dt:g}")
        print(f"{'':38s}{'error':>10s}{'trajectories/s':>16s}{'time, ours / theirs':>21s}")
        rates = {name: values[0] / statistics.median(values[1:]) for name, values in seconds.items()}
        for name, rate in rates.items():
            ratio = ""
            if not name.startswith("ours"):
                fit = [r for other, r in rates.items() if _rivals(other, name) and errors[other] <= 1.1 * errors[name]]
                ratio = f"{rate / max(fit):.3f}" if fit else "none as accurate"
            print(f"{name:38s}{errors[name]:10.1e}{rate:16.1f}{ratio:>21s}")


def _rivals(ours_name: str, theirs: str) -> bool:
    """One of ours in the precision of the peer; any where the peer does not say."""
    asked = [precision for precision in ("float32", "float64") if precision in theirs]
    return ours_name.startswith("ours") and all(precision in ours_name for precision in asked)


if __name__ == "__main__":
    main()
