"""Parametrisations of the weights of a spectral convolution: one complex matrix for each mode, or factors of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor, nn

Rank = Annotated[float, Gt(0), Le(1)]


class SpectralWeights(ABC):
    """Makes the weights of a layer; they are stored as real pairs, which every optimizer and file format takes."""

    @abstractmethod
    def make(self, rows: Sequence[int], channels: int) -> nn.Module:
        """A module whose forward() gives W, (*rows, C, 2, C) with real and imaginary parts.

        Args:
            rows: modes on each axis.
            channels: C, in and out.
        """


class Dense(SpectralWeights):
    """Every entry of every mode's matrix is a parameter."""

    def make(self, rows: Sequence[int], channels: int) -> nn.Module:
        """See ``SpectralWeights.make``."""
        return DenseWeight(rows, channels)


class Tucker(SpectralWeights):
    """W = S x_1 U_1 ... x_d U_d, a small core S with one factor for each axis, the channels in and the channels out.

    The factors and the core are complex. They are learned; W is put together in each call, so it is the parameters (and
    their optimizer's moments) that become few, not the arithmetic.

    Args:
        rank: parameters as a share of the dense ones. All ranks are the same share of their axis's length, rounded, so
            that the number of parameters comes near it.

    References:
        Kossaifi et al.: Multi-Grid Tensorized Fourier Neural Operator. arXiv:2310.00120, section 3.3.
    """

    def __init__(self, rank: Rank) -> None:
        self.rank = rank

    def make(self, rows: Sequence[int], channels: int) -> nn.Module:
        """See ``SpectralWeights.make``."""
        sizes = (*rows, channels, channels)
        return TuckerWeight(sizes, tucker_ranks(sizes, self.rank))


def tucker_ranks(sizes: Sequence[int], rank: float) -> list[int]:
    """Ranks, one share of all sizes, with which core and factors have about ``rank`` times the tensor's entries."""
    wanted = rank * math.prod(sizes)

    def ranks(share: float) -> list[int]:
        return [max(1, round(share * n)) for n in sizes]

    def entries(share: float) -> int:
        r = ranks(share)
        return math.prod(r) + sum(n * k for n, k in zip(sizes, r, strict=True))

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if entries(middle) <= wanted else (low, middle)
    return ranks(low)


class DenseWeight(nn.Module):
    """W itself.

    Args:
        rows: modes on each axis.
        channels: C.
    """

    def __init__(self, rows: Sequence[int], channels: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.randn(*rows, channels, 2, channels) / (channels * math.sqrt(2)))

    def forward(self) -> Tensor:
        """W, (*rows, C, 2, C)."""
        return self.values


class TuckerWeight(nn.Module):
    """W from its core and its factors.

    Args:
        sizes: (*rows, C, C).
        ranks: of each.
    """

    def __init__(self, sizes: Sequence[int], ranks: Sequence[int]) -> None:
        super().__init__()
        # |W|^2 is 1 / C^2 in the mean, as in dense weights: each factor keeps the mean square of what it multiplies.
        self.core = nn.Parameter(torch.randn(2, *ranks) / (sizes[-1] * math.sqrt(2)))
        self.factors = nn.ParameterList(
            nn.Parameter(torch.randn(2, n, r) / math.sqrt(2 * r)) for n, r in zip(sizes, ranks, strict=True)
        )

    def forward(self) -> Tensor:
        """W, (*rows, C, 2, C), in the number type of core and factors, also under autocast."""
        re, im = self.core.unbind(0)
        with torch.autocast(self.core.device.type, enabled=False):
            for factor in self.factors:
                # Each takes the first axis away and appends its own: after all of them the order is the old one.
                f_re, f_im = (part.mT for part in factor.unbind(0))
                re, im = (
                    torch.tensordot(re, f_re, ([0], [0])) - torch.tensordot(im, f_im, ([0], [0])),
                    torch.tensordot(re, f_im, ([0], [0])) + torch.tensordot(im, f_re, ([0], [0])),
                )
        return torch.stack([re, im], -2)
