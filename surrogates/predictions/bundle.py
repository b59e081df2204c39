"""Several snapshots from one network evaluation, handed out one by one.

References:
    Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, section 3.2.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from tendency.simulation.tree import Tree, per_sample
from tendency.surrogates.predictions.learned_steps import SAME_STEP


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
    left = torch.zeros(u.shape[0], dtype=torch.int64, device=u.device)
    return {
        "snapshots": u.new_zeros(u.shape[0], bundle, *u.shape[1:]),
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
        raise _refused(bundle_reason(snapshots.shape[1]), spacing, dt)
    if asks:
        field = per_sample(empty, snapshots).bool()
        snapshots = torch.where(field, evaluate(), snapshots)
        left = torch.where(empty, snapshots.shape[1], left)
        spacing = torch.where(empty, dt.double(), spacing)
    rows = torch.arange(len(left), device=left.device)
    u = snapshots[rows, snapshots.shape[1] - left]
    return u, {"snapshots": snapshots, "left": left - 1, "dt": spacing}


def bundle_reason(bundle: int) -> str:
    """Why a bundle refuses other steps."""
    return f"prediction.bundle: bundles of {bundle} snapshots come at equal steps"


def bundle_step(first: Tensor, memory: Tree) -> Tensor:
    """The step (B,) at which snapshots will come: the bundle's where one is begun, else the first that is asked for."""
    return torch.where(memory["left"] > 0, memory["dt"], first.double())


def check_even(t: Tensor, times: Tensor, step: Tensor, reason: str) -> None:
    """Refuses times that equal steps do not reach, before a rollout.

    Args:
        t: (B,) the present.
        times: (B, T) those that are asked for.
        step: (B,) the only one.
        reason: of the refusal, with the config key.

    Raises:
        ValueError: other steps, with the first of them.
    """
    steps = torch.diff(torch.cat([t.double()[:, None], times.double()], 1), dim=1)
    other = _differs(steps, step[:, None])
    if bool(other.any()):
        row = int(torch.nonzero(other.any(1))[0])
        raise _refused(reason, step[row], steps[row][other[row]])


def _differs(dt: Tensor, step: Tensor) -> Tensor:
    return (dt.double() - step).abs() > SAME_STEP * step.abs()


def _refused(reason: str, step: Tensor, dt: Tensor) -> ValueError:
    expected, given = step.reshape(-1)[0].item(), dt.reshape(-1)[0].item()
    return ValueError(f"{reason}; expected dt = {expected:g}, got {given:g}; ask for evenly spaced times")
