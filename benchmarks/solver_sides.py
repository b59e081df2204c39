"""Everybody who is measured: ours, exponax, torch-cfd, the FNO paper's script, scipy."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

# Before jax is imported: one thread for everybody.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np
import torch

from benchmarks.solver_cases import Case, solve
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.exponential_adams import ExponentialAdams, ExponentialAdamsMoulton

Run = Callable[[], np.ndarray]
"""Solves a case once and returns the states at its end."""


@dataclass(frozen=True)
class Entry:
    """One row: who, in which precision, with what; ``prepare`` makes a run for a case, or None where it cannot."""

    side: str
    precision: str
    what: str
    prepare: Callable[[Case], Run | None]
    batches: tuple[int, ...] = ()
    once: bool = False

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.side} {self.what} {self.precision}"


def ours(case: Case, integrator: object, substeps: int, precision: str) -> Run:
    """Our solver; its coefficients are made in each run."""
    return lambda: solve(case, integrator, substeps, precision)  # type: ignore[arg-type]


def exponax(case: Case, substeps: int, precision: str, order: int = 4) -> Run | None:
    """exponax's ETDRK, compiled and batched by vmap; its vorticity turns the other way."""
    try:
        import exponax as ex
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    step, points = case.dt / substeps, case.states.shape[-1]
    if case.viscosity is None:
        stepper = ex.stepper.KuramotoSivashinskyConservative(1, case.length, points, step, order=order)
    else:
        stepper = ex.stepper.NavierStokesVorticity(
            2, case.length, points, step, diffusivity=case.viscosity, order=order
        )
    real, complex_ = (jax.numpy.float64, jax.numpy.complex128) if precision == "float64" else (
        jax.numpy.float32, jax.numpy.complex64
    )  # fmt: skip

    def cast(leaf: object) -> object:
        if not isinstance(leaf, jax.Array) or not jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact):
            return leaf
        return leaf.astype(complex_ if jax.numpy.iscomplexobj(leaf) else real)

    repeated = ex.RepeatedStepper(jax.tree_util.tree_map(cast, stepper), substeps)
    roll = jax.jit(jax.vmap(ex.rollout(repeated, case.frames)))
    sign = 1.0 if case.viscosity is None else -1.0
    states = jax.numpy.asarray(sign * case.states.numpy(), dtype=real)
    return lambda: sign * np.asarray(roll(states).block_until_ready()[:, -1], dtype=np.float64)


def torch_cfd(case: Case, dt: float, precision: str) -> Run | None:
    """torch-cfd's pseudospectral vorticity solver with its RK4 Crank-Nicolson steps."""
    try:
        from torch_cfd.grids import Grid
        from torch_cfd.spectral import NavierStokes2DSpectral, RK4CrankNicolsonStepper
    except ImportError:
        return None
    n, real = case.states.shape[-1], torch.float64 if precision == "float64" else torch.float32
    grid = Grid(shape=(n, n), domain=((0, case.length), (0, case.length)))
    solver = NavierStokes2DSpectral(case.viscosity, grid, smooth=True, step_fn=RK4CrankNicolsonStepper()).to(real)
    steps = round(case.dt / dt)

    def run() -> np.ndarray:
        with torch.no_grad():
            w_hat = torch.fft.rfft2(case.states[:, 0].to(real))
            for _ in range(case.frames):
                w_hat, _ = solver(w_hat, dt, steps=steps)
            return torch.fft.irfft2(w_hat)[:, None].double().numpy()

    return run


def fno_script(case: Case, dt: float) -> Run:
    """The FNO paper's scheme (arXiv:2010.08895): Crank-Nicolson diffusion and forward Euler convection, float32."""
    n, viscosity = case.states.shape[-1], case.viscosity
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


def scipy_ivp(case: Case, method: str, tolerance: float) -> Run:
    """scipy on the spectral right-hand side, one trajectory at a time, as published scripts do it."""
    from scipy.integrate import solve_ivp

    n = case.states.shape[-1]
    k = 2 * np.pi * np.fft.rfftfreq(n, case.length / n)
    end = case.dt * case.frames

    def rate(_: float, u: np.ndarray) -> np.ndarray:
        return np.fft.irfft((k**2 - k**4) * np.fft.rfft(u) - 0.5j * k * np.fft.rfft(u * u), n)

    def run() -> np.ndarray:
        solved = solve_ivp(rate, (0, end), case.states[0, 0].numpy(), method=method, rtol=tolerance, atol=tolerance)
        return solved.y[:, -1][None, None]

    return run


def entries(case: Case) -> list[Entry]:
    """The rows of a case."""
    chaotic = case.viscosity is None
    steps = (1, 2, 4) if chaotic else (2, 3, 5)
    adams = (
        [
            *((ExponentialAdams(order), n) for order, n in ((3, 2), (4, 2), (4, 3), (4, 12))),
            *((ExponentialAdamsMoulton(order), n) for order, n in ((3, 1), (4, 3), (4, 4))),
        ]
        if chaotic
        else [(ExponentialAdams(3), 11), (ExponentialAdams(), 14), (ExponentialAdamsMoulton(3), 12)]
    )
    rows: list[Entry] = []
    for precision in ("float32", "float64"):
        for integrator, n in [*((ETDRK4(), n) for n in steps), *adams]:
            scheme = type(integrator).__name__.removeprefix("Exponential")
            what = f"{scheme if scheme == 'ETDRK4' else f'{scheme}({integrator.order})'} x{n}"
            rows.append(
                Entry("ours", precision, what, partial(ours, integrator=integrator, substeps=n, precision=precision))
            )
        for n in steps:
            prepare = partial(exponax, substeps=n, precision=precision)
            rows.append(Entry("exponax", precision, f"ETDRK4 x{n}", prepare))
        if chaotic:
            prepare = partial(exponax, substeps=1, precision=precision, order=3)
            rows.append(Entry("exponax", precision, "ETDRK3 x1", prepare))
        else:
            for n in (3, 5):
                prepare = partial(torch_cfd, dt=case.dt / n, precision=precision)
                rows.append(Entry("torch-cfd", precision, f"RK4-CN x{n}", prepare))
    if chaotic:
        for method in ("Radau", "BDF", "LSODA"):
            prepare = partial(scipy_ivp, method=method, tolerance=1e-6)
            rows.append(Entry("scipy", "float64", f"{method} 1e-6", prepare, batches=(1,), once=True))
    else:
        rows.append(Entry("FNO script", "float32", "dt 1e-3", partial(fno_script, dt=1e-3), batches=(16,), once=True))
        rows.append(Entry("FNO script", "float32", "dt 1e-4", partial(fno_script, dt=1e-4), batches=(16,), once=True))
    return rows
