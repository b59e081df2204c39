"""Several snapshots from one network evaluation, handed out one by one.

References:
    Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 3.2.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from simulation.tree import Tree, per_sample

SAME_STEP = 1e-6
"""Relative difference below which two steps are the same: differences of stored times carry rounding."""


def start_bundle(u: Tensor, bundle: int) -> Tree:
    """The memory before the first snapshot of the first bundle.

    Args:
        u: (B, C, *N) where the rollout starts.
        bundle: M; a bundle of one needs no memory.

    Returns:
        The snapshots (B, M, C, *N), how many of them are left (B,), and the step (B,) that lies between them.
    """
    if bundle == 1:
        return {}
    left = torch.zeros(len(u), dtype=torch.int64, device=u.device)
    return {
        "snapshots": u.new_zeros(len(u), bundle, *u.shape[1:]),
        "left": left,
        "dt": left.double(),
    }


def next_snapshot(evaluate: Callable[[], Tensor], dt: Tensor, memory: Tree) -> tuple[Tensor, Tree]:
    """The next snapshot of each trajectory's bundle; the network is asked where one is used up.

    Args:
        evaluate: makes the bundles (B, M, C, *N) that follow the present.
        dt: (B,) the step that is asked for.
        memory: from ``start_bundle`` or the previous call.

    Returns:
        (B, C, *N), and the memory to go on with.

    Raises:
        ValueError: another step than that of the bundle whose middle this is.
    """
    if not memory:
        return evaluate()[:, 0], memory
    snapshots, left, spacing = memory["snapshots"], memory["left"], memory["dt"]
    empty = left == 0
    # One question to the device, not two.
    asks, wrong = torch.stack([empty.any(), (~empty & _differs(dt, spacing)).any()]).tolist()
    if wrong:
        raise _refused(snapshots.shape[1], spacing, dt)
    if asks:
        field = per_sample(empty, snapshots).bool()
        snapshots = torch.where(field, evaluate(), snapshots)
        left = torch.where(empty, snapshots.shape[1], left)
        spacing = torch.where(empty, dt.double(), spacing)
    rows = torch.arange(len(left), device=left.device)
    u = snapshots[rows, snapshots.shape[1] - left]
    return u, {"snapshots": snapshots, "left": left - 1, "dt": spacing}


def check_even(t: Tensor, times: Tensor, memory: Tree) -> None:
    """Refuses times that bundles of equally spaced snapshots cannot reach, before a rollout.

    Args:
        t: (B,) the present.
        times: (B, T) those that are asked for.
        memory: from ``start_bundle`` or ``next_snapshot``.

    Raises:
        ValueError: steps of different lengths in one trajectory.
    """
    if not memory or not times.shape[1]:
        return
    steps = torch.diff(torch.cat([t.double()[:, None], times.double()], 1), dim=1)
    spacing = torch.where(memory["left"] > 0, memory["dt"], steps[:, 0])
    uneven = _differs(steps, spacing[:, None])
    if bool(uneven.any()):
        row = int(torch.nonzero(uneven.any(1))[0])
        raise _refused(memory["snapshots"].shape[1], spacing[row], steps[row][uneven[row]])


def _differs(dt: Tensor, spacing: Tensor) -> Tensor:
    return (dt.double() - spacing).abs() > SAME_STEP * spacing.abs()


def _refused(bundle: int, spacing: Tensor, dt: Tensor) -> ValueError:
    expected, given = spacing.reshape(-1)[0].item(), dt.reshape(-1)[0].item()
    return ValueError(
        f"prediction.bundle: bundles of {bundle} snapshots come at equal steps; expected dt = {expected:g}, "
        f"got {given:g}; ask for evenly spaced times, or train with prediction.bundle=1"
    )
