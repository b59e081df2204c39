"""The only batch type: some consecutive snapshots of each sample's trajectory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.tree import map_tensors


@dataclass(frozen=True)
class Window:
    """W snapshots of B samples, with offsets counted from each sample's present.

    Args:
        u: (B, W, C, *N).
        t: (B, W) float64.
        conditions: of the B samples.
        u_t: (B, W, C, *N) exact time derivatives, where the dataset carries them.
        index: (B,) int64, the sample's index in its dataset: what its random draws are keyed by.
        present: (B,) int64, which of the W snapshots is offset 0.
        stride: (B,) int64, how many snapshots one offset spans.
    """

    u: Tensor
    t: Tensor
    conditions: Conditions
    u_t: Tensor | None
    index: Tensor
    present: Tensor
    stride: Tensor
    batched = True

    def __repr__(self) -> str:
        """The shape of its snapshots, and their conditions."""
        return f"Window(u {tuple(self.u.shape)}, {self.conditions})"

    @classmethod
    def joined(cls, pieces: Sequence["Window"]) -> "Window":
        """The samples of several batches as one batch, in their order.

        Args:
            pieces: windows of equally many snapshots on one geometry, all of them with u_t or none; at least one.
        """
        slopes = [piece.u_t for piece in pieces if piece.u_t is not None]
        return cls(
            u=torch.cat([piece.u for piece in pieces]),
            t=torch.cat([piece.t for piece in pieces]),
            conditions=Conditions.joined([piece.conditions for piece in pieces]),
            u_t=torch.cat(slopes) if slopes else None,
            index=torch.cat([piece.index for piece in pieces]),
            present=torch.cat([piece.present for piece in pieces]),
            stride=torch.cat([piece.stride for piece in pieces]),
        )

    def pin_memory(self) -> "Window":
        """The same window in memory that a GPU copies from while it computes; torch's loader asks for it."""
        return map_tensors(lambda x: x.pin_memory(), self)

    def gather(self, x: Tensor, offset: int) -> Tensor:
        """x (B, W, ...) at an offset: (B, ...)."""
        return x[torch.arange(len(x), device=x.device), self.present + offset * self.stride]

    def at(self, offset: int) -> Tensor:
        """The state (B, C, *N) at an offset from the present; 0 is the present."""
        return self.gather(self.u, offset)

    def time(self, offset: int) -> Tensor:
        """The time (B,) at an offset from the present."""
        return self.gather(self.t, offset)

    def snapshots(self) -> Iterator[Tensor]:
        """All W states (B, C, *N), one after the other."""
        return iter(self.u.unbind(1))

    def history(self, k: int) -> tuple[Tensor, Tensor]:
        """The k latest snapshots (B, k, C, *N), oldest first, and their times (B, k)."""
        offsets = range(1 - k, 1)
        return torch.stack([self.at(o) for o in offsets], 1), torch.stack([self.time(o) for o in offsets], 1)

    def times(self, first: int, last: int) -> Tensor:
        """The times (B, last - first + 1) at the offsets first ... last."""
        return torch.stack([self.time(offset) for offset in range(first, last + 1)], 1)

    def moved(self, shift: int = 0, stride: int = 1) -> "Window":
        """The same snapshots seen from ``shift`` offsets later, with each offset ``stride`` times as long."""
        return replace(self, present=self.present + shift * self.stride, stride=self.stride * stride)
