"""Trajectories that come to rest: found in what is stored, whatever the solver's own digits still do."""

from typing import Literal

import torch
from torch import Tensor

Settled = Literal["keep", "refuse", "redraw"]
"""What is done with a trajectory that settles: it is kept and said, nothing is written, or another is drawn."""
MOST_REDRAWS = 16
"""For one trajectory; a problem that settles so often settles always."""


def settled_from(u: Tensor) -> Tensor:
    """The snapshot (B,) from which on nothing changes; the last one where the last step still changes something.

    Args:
        u: (B, T, C, *N) as stored.
    """
    changes = (u[:, 1:] != u[:, :-1]).flatten(2).any(2)
    later = torch.arange(1, u.shape[1], device=u.device)
    return (changes * later).amax(1)
