"""Group normalisation whose scale and shift depend on conditions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tendency.surrogates.layers.convolution.padding import memory_format


class ConditionalNorm(nn.Module):
    """(1 + s(e)) (γ ĥ + β) + t(e): normalised channels ĥ, scaled and shifted by each sample's embedding e.

    With an embedding of length 0 it is a group normalisation, and with no groups (ĥ = h, γ = 1, β = 0) a modulation
    alone (FiLM); with neither it does nothing.

    Args:
        channels: of h.
        num_groups: that are normalised, each for itself, over its channels and all points; 0 for none.
        embedding: length of e.

    Raises:
        ValueError: groups that do not divide the channels.

    References:
        Wu, He: Group Normalization. arXiv:1803.08494.
        Perez et al.: FiLM. arXiv:1709.07871, eq. (2).
        Dhariwal, Nichol: Diffusion Models Beat GANs. arXiv:2105.05233, section 3 (adaptive group normalisation).
    """

    def __init__(self, channels: int, num_groups: int, embedding: int) -> None:
        super().__init__()
        if num_groups and channels % num_groups:
            raise ValueError(f"model.num_groups: expected a divisor of a level's {channels} channels, got {num_groups}")
        self.num_groups = num_groups
        self.weight = nn.Parameter(torch.ones(channels)) if num_groups else None
        self.bias = nn.Parameter(torch.zeros(channels)) if num_groups else None
        self.condition = nn.Linear(embedding, 2 * channels) if embedding else None

    def forward(self, h: Tensor, e: Tensor | None = None) -> Tensor:
        """h (B, C, *N) and e (B, E) to (B, C, *N)."""
        if self.condition is None or e is None:
            return self._normalised(h)
        scale, shift = self.condition(e).chunk(2, 1)
        scale = 1 + scale
        # A compiler fuses the formula by itself, and B G groups would fix the size of the batch in an exported program.
        # With channels last in memory the groups of all samples would have to be moved together.
        whole = torch.compiler.is_compiling() or memory_format(h) is torch.channels_last
        if self.weight is None or self.bias is None or whole:
            ends = (*scale.shape, *[1] * (h.ndim - 2))
            return torch.addcmul(shift.reshape(ends), self._normalised(h), scale.reshape(ends))
        # One normalisation of B C channels in B G groups has a weight of its own for every sample: no pass over memory
        # is spent on the modulation.
        weight, bias = (self.weight * scale).flatten(), torch.addcmul(shift, self.bias, scale).flatten()
        rows = h.reshape(1, -1, *h.shape[2:])
        return functional.group_norm(rows, h.shape[0] * self.num_groups, weight, bias).reshape(h.shape)

    def _normalised(self, h: Tensor) -> Tensor:
        return functional.group_norm(h, self.num_groups, self.weight, self.bias) if self.num_groups else h
