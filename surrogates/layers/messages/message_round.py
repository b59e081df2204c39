"""One round of messages between neighbours."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tendency.surrogates.layers.messages.message_tables import NeighbourTable
from tendency.surrogates.layers.messages.nodal_derivatives import NodalDerivatives


class MessageRound(nn.Module):
    """Messages, their mean over the neighbours, an update of each node.

        m_ij = φ(h_i, h_j, u_i - u_j, x_j - x_i, c),   h_i <- h_i + ψ(h_i, mean_j m_ij, D s_i, c)

    φ = Swish ∘ Linear ∘ Swish ∘ Linear, ψ = Linear ∘ Swish ∘ Linear. The first layer of each is linear in what it is
    given, so that it is applied to the M nodes and to the B conditions, and summed where they meet: the M K pairs cost
    one product instead of three. Nodes come first in all shapes, so that gathering neighbours moves long rows.

    D s_i, where asked for, are derivatives of what node i sends, s = A h - B u with learned A and B
    (``LeastSquares``): the same formula on all nodes, however they lie. Without them, messages
    would have to learn how a derivative depends on where the neighbours are.

    Args:
        width: channels of h.
        fields: channels of u.
        spatial_dims: D.
        num_conditions: length of c.
        num_derivatives: of each value that it is given; 0 for none.

    References:
        Brandstetter, Worrall, Welling: Message Passing Neural PDE Solvers. arXiv:2202.03376, eqs. 8 and 9.
    """

    def __init__(
        self, width: int, fields: int, spatial_dims: int, num_conditions: int, num_derivatives: int = 0
    ) -> None:
        super().__init__()
        # What h_i is for the messages that it receives, for those that it sends, and for its own update.
        self.roles = nn.Linear(width, 3 * width)
        self.difference = nn.Linear(fields, width, bias=False)
        self.relative = nn.Linear(spatial_dims, width, bias=False)
        self.told = nn.Linear(num_conditions, 2 * width, bias=False) if num_conditions else None
        self.message = nn.Linear(width, width)
        self.heard = nn.Linear(width, width, bias=False)
        # A constant that is added to h is already in the encoder's bias, and what reads h has biases of its own.
        self.update = nn.Linear(width, width, bias=False)
        self.sloping = nn.Linear(num_derivatives * width, width, bias=False) if num_derivatives else None

    def forward(
        self,
        h: Tensor,
        nodes: Tensor,
        c: Tensor,
        table: NeighbourTable,
        derivatives: NodalDerivatives | None = None,
    ) -> Tensor:
        """One round.

        Args:
            h: (M, B, width).
            nodes: (M, B, fields).
            c: (B, num_conditions).
            table: of the neighbours.
            derivatives: of values on the points, where the round was made for them.

        Returns:
            (M, B, width).
        """
        receiver, sender, own = self.roles(h).chunk(3, -1)
        difference = self.difference(nodes)
        receiver, sender = receiver + difference, sender - difference
        if self.told is not None:
            to_message, to_update = self.told(c).chunk(2, -1)
            receiver, own = receiver + to_message, own + to_update
        if self.sloping is not None and derivatives is not None:
            own = own + self.sloping(derivatives.of(sender))
        messages = self._messages(receiver, sender, table)
        return h + self.update(_silu(own + self.heard(table.mean(messages))))

    def _messages(self, receiver: Tensor, sender: Tensor, table: NeighbourTable) -> Tensor:
        """(M, K, B, width); passes over the pairs are what is left to save."""
        relative = self.relative(table.offset)[:, :, None]
        if torch.compiler.is_compiling():
            # Of three axes, so that a compiler keeps the channels innermost, and adds the bias where it takes Swish.
            pairs = (table.gathered(sender) + (receiver[:, None] + relative)).flatten(0, 1)
            mixed = functional.linear(functional.silu(pairs), self.message.weight) + self.message.bias
            return functional.silu(mixed).unflatten(0, table.offset.shape[:2])
        pairs = table.gathered(sender).add_(receiver[:, None]).add_(relative)
        return _silu(self.message(_silu(pairs)))


def _silu(x: Tensor) -> Tensor:
    """Swish of what nothing else reads; in place where no gradient needs x."""
    return functional.silu(x, inplace=not (torch.is_grad_enabled() or torch.compiler.is_compiling()))


class InstanceNorm(nn.Module):
    """Each channel of each sample with mean 0 and variance 1 over the nodes.

    It ties all nodes together: what happens at one is felt everywhere, and amplitudes are forgotten.

    References:
        Ulyanov, Vedaldi, Lempitsky: Instance Normalization. arXiv:1607.08022.
    """

    def forward(self, h: Tensor) -> Tensor:
        """h (M, B, C) to (M, B, C); statistics are in single precision at least."""
        exact = h.float() if h.dtype in (torch.bfloat16, torch.float16) else h
        # torch.var_mean over the first axis takes four times as long on a CPU.
        centred = exact - exact.mean(0)
        return (centred * torch.rsqrt(centred.square().mean(0) + 1e-5)).to(h.dtype)
