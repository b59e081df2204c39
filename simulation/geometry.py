"""Where the unknowns live: structured grids, point clouds, and what happens at their boundaries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor


class BoundaryKind(Enum):
    """What a field does beyond one side of the domain."""

    PERIODIC = "periodic"
    DIRICHLET = "dirichlet"  # the value is given: odd about it
    NEUMANN = "neumann"  # the normal derivative vanishes: even
    OPEN = "open"  # whatever arrives leaves: extrapolated


@dataclass(frozen=True)
class Boundary:
    """The boundary kind on each axis, side and field.

    Args:
        sides: one (lower, upper) pair for each axis; a side is one kind for all fields or a sequence with one kind
            for each field, e.g. ``[["periodic", "periodic"], [["dirichlet", "neumann"], "open"]]``.

    Raises:
        ValueError: an unknown kind, a pair that is no pair, or a side that is periodic while its opposite is not.
    """

    sides: Sequence[Sequence[str | Sequence[str]]]

    def __post_init__(self) -> None:
        kinds = tuple(tuple(_side(side) for side in axis) for axis in self.sides)
        object.__setattr__(self, "sides", kinds)
        for axis, pair in enumerate(kinds):
            if len(pair) != 2:
                raise ValueError(f"sides[{axis}]: expected (lower, upper), got {len(pair)} entries")
            lower, upper = ({kind is BoundaryKind.PERIODIC for kind in side} for side in pair)
            if lower != upper or len(lower) != 1:
                raise ValueError(f"sides[{axis}]: an axis is periodic on both sides and for all fields, or not at all")

    @classmethod
    def periodic(cls, spatial_dims: int) -> "Boundary":
        """The boundary of a torus with ``spatial_dims`` axes."""
        return cls([["periodic", "periodic"]] * spatial_dims)

    @classmethod
    def of_axes(cls, kinds: str | Sequence[str | Sequence[str]], spatial_dims: int) -> "Boundary":
        """What a user says in few words.

        Args:
            kinds: one kind for all axes, or for each axis one kind or a pair of them.
            spatial_dims: number of axes.

        Raises:
            ValueError: as of the class, or another number of axes.
        """
        axes = [kinds] * spatial_dims if isinstance(kinds, str) else list(kinds)
        boundary = cls([[axis, axis] if isinstance(axis, str) else axis for axis in axes])
        if boundary.spatial_dims != spatial_dims:
            raise ValueError(f"expected {spatial_dims} entries, one for each axis, got {kinds!r}")
        return boundary

    def __repr__(self) -> str:
        """The kind on each axis, ``lower/upper`` where its sides differ, ``a+b`` where the fields of a side do."""
        axes = [["+".join(kind.value for kind in _side(side)) for side in pair] for pair in self.sides]
        words = [lower if lower == upper else f"{lower}/{upper}" for lower, upper in axes]
        return f"Boundary({words[0] if len(set(words)) == 1 else ', '.join(words)})"

    @property
    def spatial_dims(self) -> int:
        """Number of axes D."""
        return len(self.sides)

    def kind(self, axis: int, side: int, field: int) -> BoundaryKind:
        """The kind on ``side`` (0 lower, 1 upper) of ``axis`` for the field of that index."""
        kinds = _side(self.sides[axis][side])
        return kinds[field if len(kinds) > 1 else 0]

    def is_periodic(self, axis: int) -> bool:
        """Whether the two sides of an axis are the same place."""
        return self.kind(axis, 0, 0) is BoundaryKind.PERIODIC

    @property
    def periodic_axes(self) -> tuple[bool, ...]:
        """``is_periodic`` of each axis."""
        return tuple(self.is_periodic(axis) for axis in range(self.spatial_dims))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a file; ``Boundary(**plain)`` is the inverse."""
        return {"sides": [[[kind.value for kind in _side(side)] for side in axis] for axis in self.sides]}


def _side(side: str | BoundaryKind | Sequence[str | BoundaryKind]) -> tuple[BoundaryKind, ...]:
    names = [side] if isinstance(side, str | BoundaryKind) else side
    known = [kind.value for kind in BoundaryKind]
    for name in names:
        if not isinstance(name, BoundaryKind) and name not in known:
            raise ValueError(f"boundary kind: expected one of {known}, got {name!r}")
    return tuple(BoundaryKind(name) for name in names)


@dataclass(frozen=True)
class Grid:
    """A uniform structured grid over the box [0, extent].

    A periodic axis of length L has its n points at i L/n (left end in, right end out); any other axis at the cell
    centres (i + 1/2) L/n, half a cell off both walls.

    Args:
        shape: number of points on each axis.
        boundary: the boundary on each axis.

    Raises:
        ValueError: fewer than 4 points on an axis, no axis or more than three, or a boundary with other axes.
    """

    shape: Sequence[int]
    boundary: Boundary

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if not 1 <= len(self.shape) <= 3 or min(self.shape) < 4:
            raise ValueError(f"geometry.shape: expected 1 to 3 axes of at least 4 points, got {list(self.shape)}")
        if self.boundary.spatial_dims != len(self.shape):
            raise ValueError(
                f"pde.geometry: shape has {len(self.shape)} axes, boundary.sides {self.boundary.spatial_dims}; "
                "give one pair of sides for each axis"
            )

    def __repr__(self) -> str:
        """Its points and what happens at their ends."""
        return f"Grid({' x '.join(map(str, self.shape))}, {self.boundary})"

    @property
    def spatial_dims(self) -> int:
        """Number of axes D."""
        return len(self.shape)

    def coordinates(self, extent: Tensor) -> Tensor:
        """Positions of the points.

        Args:
            extent: (B, D) side lengths of the domain, physical units.

        Returns:
            (B, D, *N), in the dtype of ``extent``.
        """
        axes = [along.to(extent.dtype) for along in self.axes(extent.device)]
        unit = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        return unit * extent.reshape(*extent.shape, *[1] * self.spatial_dims)

    def axes(self, device: torch.device | None = None) -> list[Tensor]:
        """Positions (N_axis,) float64 of the points along each axis, as shares of its length."""
        shifts = [0.0 if self.boundary.is_periodic(axis) else 0.5 for axis in range(self.spatial_dims)]
        return [
            (torch.arange(n, dtype=torch.float64, device=device) + shift) / n
            for n, shift in zip(self.shape, shifts, strict=True)
        ]

    def weights(self, extent: Tensor) -> Tensor:
        """Cell volumes, which sum to the domain's volume.

        Args:
            extent: (B, D).

        Returns:
            (B, *N).
        """
        cell = extent.prod(1) / math.prod(self.shape)
        return cell.reshape(-1, *[1] * self.spatial_dims).expand(-1, *self.shape)

    def scaled(self, factor: int) -> "Grid":
        """The grid with ``factor`` times as many points on each axis."""
        return Grid([n * factor for n in self.shape], self.boundary)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a file; ``geometry_from_dict`` is the inverse."""
        return {"kind": "grid", "shape": list(self.shape), "boundary": self.boundary.to_dict()}


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Scattered nodes in the unit box, stretched by the extent of each trajectory.

    Args:
        positions: (num_nodes, D) in [0, 1].
        node_weights: (num_nodes,) share of the domain's volume that each node stands for; sums to 1.
        boundary: the boundary on each axis.

    Raises:
        ValueError: shapes that do not belong together.
    """

    positions: Tensor
    node_weights: Tensor
    boundary: Boundary

    def __post_init__(self) -> None:
        expected = (len(self.positions), self.boundary.spatial_dims)
        if tuple(self.positions.shape) != expected or tuple(self.node_weights.shape) != expected[:1]:
            raise ValueError(
                f"expected positions of shape {expected} and weights {expected[:1]}, "
                f"got {tuple(self.positions.shape)} and {tuple(self.node_weights.shape)}"
            )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PointCloud)
            and self.boundary == other.boundary
            and torch.equal(self.positions, other.positions)
            and torch.equal(self.node_weights, other.node_weights)
        )

    def __hash__(self) -> int:
        return hash((len(self.positions), self.boundary))

    def __repr__(self) -> str:
        """How many nodes there are, not where each lies."""
        return f"PointCloud({len(self.positions)} nodes, {self.spatial_dims}D, {self.boundary})"

    @property
    def shape(self) -> tuple[int, ...]:
        """(num_nodes,): the trailing shape N of a state that lives on these nodes."""
        return (len(self.positions),)

    @property
    def spatial_dims(self) -> int:
        """Number of axes D of the space that the nodes lie in."""
        return self.boundary.spatial_dims

    def coordinates(self, extent: Tensor) -> Tensor:
        """Positions (B, D, num_nodes) for side lengths ``extent`` (B, D)."""
        return self.positions.to(extent).T[None] * extent[:, :, None]

    def weights(self, extent: Tensor) -> Tensor:
        """Volumes (B, num_nodes), which sum to the domain's volume, for ``extent`` (B, D)."""
        return self.node_weights.to(extent)[None] * extent.prod(1, keepdim=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a file; ``geometry_from_dict`` is the inverse."""
        return {
            "kind": "point_cloud",
            "positions": self.positions.tolist(),
            "node_weights": self.node_weights.tolist(),
            "boundary": self.boundary.to_dict(),
        }


Geometry = Grid | PointCloud


def is_periodic_grid(geometry: Geometry) -> TypeGuard[Grid]:
    """Whether it is a grid whose axes are all periodic, so that Fourier modes are a basis on it."""
    return isinstance(geometry, Grid) and all(geometry.boundary.periodic_axes)


def chebyshev_nodes(num_nodes: int, boundary: Boundary) -> PointCloud:
    """The extremal points (1 - cos(j pi / (n - 1))) / 2 of a Chebyshev polynomial, both ends included.

    Their weights are those of Clenshaw-Curtis quadrature.

    Args:
        num_nodes: n, at least 3.
        boundary: of one axis.

    Raises:
        ValueError: fewer than 3 nodes, or a boundary with more axes.

    References:
        Trefethen: Is Gauss quadrature better than Clenshaw-Curtis? SIAM Rev. 50 (2008), doi:10.1137/060659831.
    """
    if num_nodes < 3 or boundary.spatial_dims != 1:
        raise ValueError(
            f"store_on: expected at least 3 Chebyshev nodes on 1 axis, got {num_nodes} on {boundary.spatial_dims}"
        )
    n = num_nodes - 1
    angle = math.pi * torch.arange(num_nodes, dtype=torch.float64) / n
    weights = torch.ones(num_nodes, dtype=torch.float64)
    for k in range(1, n // 2 + 1):
        share = 1.0 if 2 * k == n else 2.0
        weights = weights - share * torch.cos(2 * k * angle) / (4 * k * k - 1)
    weights[[0, -1]] /= 2
    return PointCloud(((1 - torch.cos(angle)) / 2)[:, None], weights / weights.sum(), boundary)


def random_nodes(num_nodes: int, boundary: Boundary, seed: int = 0) -> PointCloud:
    """Independent uniform nodes, each of the same weight: a Monte Carlo rule.

    Args:
        num_nodes: how many.
        boundary: of the domain.
        seed: of their positions.

    Raises:
        ValueError: no nodes.
    """
    if num_nodes < 1:
        raise ValueError(f"store_on.num_nodes: expected at least 1, got {num_nodes}")
    positions = np.random.default_rng(seed).random((num_nodes, boundary.spatial_dims))
    weights = torch.full((num_nodes,), 1 / num_nodes, dtype=torch.float64)
    return PointCloud(torch.from_numpy(positions), weights, boundary)


def geometry_from_dict(plain: dict[str, Any]) -> Geometry:
    """Rebuilds a geometry from ``to_dict``.

    Raises:
        ValueError: a kind that is neither ``grid`` nor ``point_cloud``.
    """
    boundary = Boundary(**plain["boundary"])
    if plain["kind"] == "grid":
        return Grid(plain["shape"], boundary)
    if plain["kind"] == "point_cloud":
        positions = torch.tensor(plain["positions"], dtype=torch.float64)
        return PointCloud(positions, torch.tensor(plain["node_weights"], dtype=torch.float64), boundary)
    raise ValueError(f"geometry kind: expected grid or point_cloud, got {plain['kind']!r}")
