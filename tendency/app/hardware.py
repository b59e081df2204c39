"""What this machine does well: matrix products, memory reuse, threads; and a header that says so."""

import contextlib
import copy
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Literal

import torch

from tendency.data.machine import usable_cores
from tendency.simulation.geometry import Geometry
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.precisions import ROUNDED, Precision

MatmulPrecision = Literal["auto", "highest", "high", "medium"]


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory instead of returning it to the kernel.

    Touching fresh pages costs more than the arithmetic of a small network's layers; a training step takes about 0.8 of
    its time with this. Where there is no glibc, nothing happens.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    mallopt(mmap_threshold, 32 * 2**20)  # the largest that glibc accepts
    mallopt(trim_threshold, 2**30)


def set_matmul_precision(precision: MatmulPrecision) -> str:
    """Sets the precision of float32 matrix products; ``auto`` measures before it trusts.

    On some CPUs ``medium`` is another library at full float32 accuracy and twice the speed, on others it rounds to
    bfloat16. ``auto`` takes it on a CPU only if its error against float64 stays within twice that of ``highest``, and
    leaves a GPU alone.

    Returns:
        What was set, with the measured errors where they decided.
    """
    if precision != "auto":
        torch.set_float32_matmul_precision(precision)
        return precision
    torch.set_float32_matmul_precision("highest")
    if torch.cuda.is_available():
        return "highest"
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(8, 256, 256, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()

    def error() -> float:
        return float(((torch.bmm(a, b) - exact).norm() / exact.norm()).item())

    highest = error()
    torch.set_float32_matmul_precision("medium")
    medium = error()
    if medium <= 2 * highest:
        return f"medium (error {medium:.1e}, highest {highest:.1e})"
    torch.set_float32_matmul_precision("highest")
    return f"highest (medium would round: error {medium:.1e} against {highest:.1e})"


def require_compiler(device: torch.device) -> None:
    """Compiles a sum, which takes seconds, before hours are spent on what needs it.

    Raises:
        ValueError: with what the compiler lacks.
    """
    try:
        torch.compile(torch.add)(torch.ones(2, device=device), 1)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(f"compile: expected false, or a machine where torch.compile works; it says: {first}") from None


def require_precision(surrogate: Surrogate, geometry: Geometry, precision: Precision, device: torch.device) -> None:
    """Evaluates a copy of a network and its gradients once in a precision other than float32, before any work.

    Args:
        surrogate: in the number type of its weights.
        geometry: that it is trained on.
        precision: that it is trained in.
        device: that it is trained on.

    Raises:
        ValueError: the device lacks the number type, or an operation of the network does.
    """
    if precision == "32-true":
        return
    rounded = ROUNDED.get(precision)
    tried = copy.deepcopy(surrogate).to(device)
    scaler = torch.amp.GradScaler(device.type, enabled=rounded is torch.float16)
    like = torch.zeros(2, 1, dtype=surrogate.dtype, device=device)
    u = like.new_zeros(2, surrogate.in_channels, *geometry.shape)
    c = like.new_zeros(2, surrogate.num_conditions)
    extent = torch.ones(2, geometry.spatial_dims, dtype=torch.float64, device=device)
    try:
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            torch.autocast(device.type, rounded, enabled=rounded is not None, cache_enabled=False),
        ):
            y = tried(u, c, tried.points(geometry, extent, u.dtype))
        scaler.scale(y.sum()).backward()
        if scaler.is_enabled():
            scaler.unscale_(torch.optim.SGD(tried.parameters()))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError) as error:
        first = str(error).strip().splitlines()[0][:160]
        raise ValueError(
            f"trainer.precision: this network cannot be computed in {precision} on {device.type}, expected 32-true or "
            f"another one; torch says: {first}"
        ) from None


@contextlib.contextmanager
def nothing_compiled() -> Iterator[None]:
    """Runs compiled networks as they are written: for a few calls, in many shapes, compiling does not pay."""
    with torch.compiler.set_stance("force_eager"):
        yield


def free_cores() -> float | None:
    """Cores that this process may use and nobody used during the last minute; None where the system does not say."""
    try:
        return max(0.0, usable_cores() - os.getloadavg()[0])
    except (AttributeError, OSError):
        return None


def too_many_threads(threads: int, free: float | None) -> str | None:
    """A line for a run whose threads would wait for one another; None where they have cores of their own.

    Threads of OpenMP spin while they wait. On a busy machine of two cores, updates on two threads took eighteen times
    the CPU time of updates on one. How many threads there are is left to the user.

    Args:
        threads: of one operation.
        free: ``free_cores()`` before the run began to work.
    """
    if free is None or threads == 1 or threads <= free + 0.5:
        return None
    fewer = max(1, round(free))
    return (
        f"{threads} for {free:.1f} free cores: threads that wait for others spin and slow the run down; "
        f"OMP_NUM_THREADS={fewer}, or OMP_WAIT_POLICY=passive, is faster on a machine as busy as this"
    )
