"""Self-attention over the points of a grid."""

from torch import Tensor, nn
from torch.nn import functional

from tendency.surrogates.layers.convolution.conditional_norm import ConditionalNorm


class SelfAttention(nn.Module):
    """h + W softmax(Q Kᵀ / √d) V over the points of a grid, by heads, from normalised channels.

    It has no positions: points that move together move its output with them.

    Args:
        channels: of input and output.
        num_heads: that share the channels.
        num_groups: of the normalisation.

    Raises:
        ValueError: heads that do not divide the channels.

    References:
        Vaswani et al.: Attention Is All You Need. arXiv:1706.03762, eq. (1).
    """

    def __init__(self, channels: int, num_heads: int, num_groups: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f"model.num_heads: expected a divisor of the level's {channels} channels, got {num_heads}")
        self.num_heads = num_heads
        self.norm = ConditionalNorm(channels, num_groups, 0)
        # Without a bias: the softmax would not see one on the keys.
        self.project_in = nn.Linear(channels, 3 * channels, bias=False)
        self.project_out = nn.Linear(channels, channels)

    def forward(self, h: Tensor) -> Tensor:
        """h (B, C, *N) to (B, C, *N)."""
        points = self.norm(h).flatten(2).mT
        query, key, value = self.project_in(points).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        return h + self.project_out(seen.transpose(1, 2).flatten(2)).mT.reshape(h.shape)
