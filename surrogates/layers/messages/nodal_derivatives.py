"""Derivatives on scattered nodes or grids, from each node's neighbours."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.geometry import Geometry
from tendency.surrogates.layers.messages.neighbours import Nearest, by_dims

NARROWNESS = 1.5
"""The farthest neighbour has the weight exp(-(1.5)^2), a tenth, in a fit: it narrows it, but does not end it."""
SMALLEST_SHARE = 1e-3
"""Singular values of a fit below this share of its largest are left out: what nodes in a line cannot tell is 0."""


@dataclass(frozen=True)
class NodalDerivatives:
    """The derivatives at M nodes as sums over K' nodes of which each is one itself.

    Args:
        senders: (M K',) int64, row after row.
        weights: (M, P, K').
    """

    senders: Tensor
    weights: Tensor

    def of(self, nodes: Tensor) -> Tensor:
        """The P derivatives (M, B, P C), in spacings, of values (M, B, C).

        In the precision of the weights also under autocast: rounded, they would no longer sum to 0, and a constant
        would have derivatives.
        """
        gathered = nodes.index_select(0, self.senders).view(len(nodes), self.weights.shape[-1], -1)
        with torch.autocast(nodes.device.type, enabled=False):
            derivatives = torch.bmm(self.weights, gathered.to(self.weights.dtype))
        return derivatives.unflatten(2, nodes.shape[1:]).transpose(1, 2).flatten(2)


class LeastSquares:
    """Generalised finite differences: first and second derivatives of a polynomial fitted to a node and its neighbours.

    The polynomial goes through the node's own value and, by weighted least squares, near those of its neighbours, the
    less the farther away they are. Polynomials up to ``degree`` are differentiated exactly. With hardly more neighbours
    than coefficients, the Laplacian of a random cloud has eigenvalues above zero, so that heat would grow; three times
    as many, which is the default, leave none in two and three dimensions, and few in one.

    Args:
        degree: of the polynomial, at least 2.
        count: neighbours of each node; or three numbers, for one, two and three dimensions.

    Raises:
        ValueError: a degree that leaves no second derivative, or neither one count nor three.

    References:
        Liszka, Orkisz: The finite difference method at arbitrary irregular grids and its application in applied
        mechanics. Computers & Structures 11 (1980), doi:10.1016/0045-7949(80)90149-2.
    """

    def __init__(self, degree: PositiveInt = 3, count: PositiveInt | Sequence[PositiveInt] = (12, 28, 56)) -> None:
        if degree < 2:
            raise ValueError(f"model.derivatives.degree: expected at least 2, got {degree}")
        self.degree, self.counts = degree, by_dims(count, "model.derivatives.count")

    def number(self, spatial_dims: int) -> int:
        """P, first and second derivatives in D dimensions."""
        return spatial_dims * (spatial_dims + 3) // 2

    def on(
        self, geometry: Geometry, box: Sequence[float], device: torch.device, dtype: torch.dtype
    ) -> NodalDerivatives:
        """The derivatives of a geometry, the first ones before the second ones; see ``Neighbourhood.of``.

        Raises:
            ValueError: fewer neighbours than the polynomial has coefficients, or than there are other nodes.
        """
        dims, others = geometry.spatial_dims, math.prod(geometry.shape) - 1
        found = Nearest(min(self.counts[dims - 1], others)).of(geometry, box)
        exponents = [e for e in itertools.product(range(self.degree + 1), repeat=dims) if 1 <= sum(e) <= self.degree]
        exponents.sort(key=lambda e: (sum(e), [-n for n in e]))
        if found.index.shape[1] < len(exponents):
            raise ValueError(
                f"model.derivatives.count: a polynomial of degree {self.degree} needs at least {len(exponents)} "
                f"neighbours in {dims} dimensions, got {found.index.shape[1]}"
            )
        # Taylor's series: the coefficient of x^a y^b / (a! b!) is the derivative itself.
        factors = [math.prod(math.factorial(n) for n in e) for e in exponents]
        powers = [found.offset.pow(torch.tensor(e)).prod(-1) / f for e, f in zip(exponents, factors, strict=True)]
        distance = found.offset.square().sum(-1)
        near = torch.exp(-(NARROWNESS**2) * distance / distance.amax(1, keepdim=True))
        fit = torch.linalg.pinv(torch.stack(powers, -1) * near[..., None], rtol=SMALLEST_SHARE)
        weights = (fit * near[:, None])[:, : self.number(dims)]
        senders = torch.cat([torch.arange(len(found.index))[:, None], found.index], 1)
        weights = torch.cat([-weights.sum(-1, keepdim=True), weights], -1)
        return NodalDerivatives(senders.flatten().to(device), weights.to(device, dtype))
