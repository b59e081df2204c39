"""Neighbours of each point, on grids and point clouds."""

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.geometry import Boundary, Geometry, Grid, is_periodic_grid

SAME_PLACE = 1e-9
"""Spacings below which two places are one: positions carry rounding."""
TIE_DECIMALS = 3
"""To which distances are compared: lengths that were stored in single precision must not decide between equal ones."""
Steps = list[tuple[int, ...]]


@dataclass(frozen=True)
class Neighbours:
    """K neighbours of each of M nodes.

    Args:
        index: (M, K) int64 which nodes they are.
        offset: (M, K, D) float64 where they are relative to the node, in spacings.
        present: (M, K) bool, False where a row has fewer than K; there the index is some node's, to be ignored.
    """

    index: Tensor
    offset: Tensor
    present: Tensor


class Neighbourhood(ABC):
    """A rule that says which points of a geometry are neighbours.

    Distances are measured in spacings. On a grid that is in cells along each axis, whatever their sides. On a point
    cloud it is the distance in the stretched box over the mean spacing (V / M)^(1/D), around the torus on periodic
    axes. So a table does not depend on the unit of length, and a cloud of the points of a grid with square cells has
    the grid's table.
    """

    @abstractmethod
    def of(self, geometry: Geometry, box: Sequence[float]) -> Neighbours:
        """The table of a geometry.

        Args:
            geometry: the grid or the nodes.
            box: D sides of the domain over their geometric mean; on a grid they do not matter.

        Raises:
            ValueError: points without neighbours to be had, or nodes at the same place.
        """

    @abstractmethod
    def steps(self, spatial_dims: int) -> Steps:
        """Where the neighbours of a point lie on a grid without end, in cells."""

    def far(self, geometry: Geometry, box: Sequence[float], dilation: int) -> Neighbours:
        """The points at ``dilation`` times the steps of this rule, as a dilated convolution would read them.

        Among scattered nodes, those that are nearest to these places. Beyond a wall there is none.

        Args:
            geometry: the grid or the nodes.
            box: as in ``of``.
            dilation: 1 is as ``of`` but for scattered nodes and next to walls.

        Raises:
            ValueError: steps that are half around a periodic axis or longer, or nodes at the same place.
        """
        steps = [tuple(dilation * s for s in step) for step in self.steps(geometry.spatial_dims)]
        sides = _sides(geometry, box)
        for side, periodic, along in zip(sides, geometry.boundary.periodic_axes, zip(*steps, strict=True), strict=True):
            reach = max(along)
            if periodic and 2 * reach >= side:
                raise ValueError(
                    f"model.dilations: {dilation} reaches {reach} spacings; expected less than half of the {side:g} "
                    "around a periodic axis"
                )
        if isinstance(geometry, Grid):
            return grid_neighbours(geometry.shape, geometry.boundary, steps)
        return _at_places(*_positions(geometry, box), sides, np.array(steps, dtype=np.float64))


class WithinRadius(Neighbourhood):
    """All points within a radius: rows are as long as the longest, and a node in a gap may have no neighbour at all.

    Made for grids; on scattered nodes, whose density varies, ``Nearest`` wastes nothing.

    Args:
        radius: in spacings; 1.5 is 2, 8 and 18 points in one, two and three dimensions.
    """

    def __init__(self, radius: PositiveFloat) -> None:
        self.radius = radius

    def of(self, geometry: Geometry, box: Sequence[float]) -> Neighbours:
        """See ``Neighbourhood.of``."""
        reach = self.radius + SAME_PLACE
        if isinstance(geometry, Grid):
            found = grid_neighbours(geometry.shape, geometry.boundary, _steps_within(_ranges(geometry, reach), reach))
        else:
            positions, period = _positions(geometry, box)
            pairs = cKDTree(positions, boxsize=period).query_pairs(reach, output_type="ndarray")
            found = _padded(np.concatenate([pairs, pairs[:, ::-1]]), positions, period)
        self._require(bool(found.present.any()))
        return found

    def steps(self, spatial_dims: int) -> Steps:
        """See ``Neighbourhood.steps``."""
        reach = self.radius + SAME_PLACE
        found = _steps_within([range(-int(reach), int(reach) + 1)] * spatial_dims, reach)
        self._require(bool(found))
        return found

    def _require(self, somebody: bool) -> None:
        if not somebody:
            raise ValueError(f"model.neighbours.radius: no point has another within {self.radius:g} spacings")


class Nearest(Neighbourhood):
    """The nearest points, as many for each: next to a wall they lie to one side.

    Of points that are equally far, those come first whose offset is first in lexical order, so that all nodes of a
    periodic grid have the same stencil.

    Args:
        count: neighbours of each point; or three numbers, for one, two and three dimensions.
    """

    def __init__(self, count: PositiveInt | Sequence[PositiveInt]) -> None:
        self.counts = by_dims(count, "model.neighbours.count")

    def of(self, geometry: Geometry, box: Sequence[float]) -> Neighbours:
        """See ``Neighbourhood.of``.

        Raises:
            ValueError: more neighbours than there are other points.
        """
        count = self.counts[geometry.spatial_dims - 1]
        others = int(np.prod(geometry.shape)) - 1
        if count > others:
            raise ValueError(f"model.neighbours.count: each of {others + 1} points has {others} others, got {count}")
        if is_periodic_grid(geometry):
            return grid_neighbours(
                geometry.shape, geometry.boundary, _shortest_steps(count, functools.partial(_ranges, geometry))
            )
        return _nearest(*_positions(geometry, box), count)

    def steps(self, spatial_dims: int) -> Steps:
        """See ``Neighbourhood.steps``."""
        return _shortest_steps(self.counts[spatial_dims - 1], lambda reach: [range(-reach, reach + 1)] * spatial_dims)


def by_dims(count: int | Sequence[int], key: str) -> tuple[int, ...]:
    """A count for each of one, two and three dimensions, from one number for all or from three.

    Raises:
        ValueError: another number of them, naming the key.
    """
    counts = (count,) * 3 if isinstance(count, int) else tuple(count)
    if len(counts) != 3:
        raise ValueError(f"{key}: expected one number or three, got {list(counts)}")
    return counts


def grid_neighbours(shape: Sequence[int], boundary: Boundary, steps: Steps) -> Neighbours:
    """The points of a grid that lie at the given steps (in cells) from each; those beyond a wall are not present."""
    axes = torch.meshgrid(*[torch.arange(n) for n in shape], indexing="ij")
    index = torch.zeros(*shape, len(steps), dtype=torch.int64)
    present = torch.ones(*shape, len(steps), dtype=torch.bool)
    for column, step in enumerate(steps):
        flat = torch.zeros(tuple(shape), dtype=torch.int64)
        for axis, (n, move) in enumerate(zip(shape, step, strict=True)):
            there = axes[axis] + move
            if boundary.is_periodic(axis):
                there = there % n
            else:
                present[..., column] &= (there >= 0) & (there < n)
                there = there.clamp(0, n - 1)
            flat = flat * n + there
        index[..., column] = flat
    nodes = index.flatten(0, -2)
    offset = torch.tensor(steps, dtype=torch.float64).reshape(1, len(steps), len(shape)).repeat(len(nodes), 1, 1)
    return Neighbours(nodes, offset, present.flatten(0, -2))


def _ranges(grid: Grid, reach: float) -> list[range]:
    """How far steps of a grid may go along each axis, none of them twice around a torus."""
    ranges = []
    for axis, n in enumerate(grid.shape):
        lower, upper = (-(n // 2), (n - 1) // 2) if grid.boundary.is_periodic(axis) else (1 - n, n - 1)
        ranges.append(range(max(lower, -int(reach)), min(upper, int(reach)) + 1))
    return ranges


def _steps_within(ranges: Sequence[range], reach: float) -> Steps:
    """All steps in the given ranges up to a length of ``reach`` cells, the nearest first."""
    squares = {step: sum(s * s for s in step) for step in itertools.product(*ranges) if any(step)}
    return sorted((step for step in squares if squares[step] <= reach**2), key=lambda step: (squares[step], step))


def _shortest_steps(count: int, ranges: Callable[[int], Sequence[range]]) -> Steps:
    """The ``count`` shortest steps in the ranges that belong to a reach."""
    reach = 1
    while len(steps := _steps_within(ranges(reach), reach)) < count:
        reach += 1
    return steps[:count]


def _sides(geometry: Geometry, box: Sequence[float]) -> np.ndarray:
    """(D,) of the domain, in spacings."""
    if isinstance(geometry, Grid):
        return np.array(geometry.shape, dtype=np.float64)
    return np.array(box) * len(geometry.positions) ** (1 / geometry.spatial_dims)


def _positions(geometry: Geometry, box: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Where the points are (M, D), in spacings, and the period (D,) of each axis, 0 where it has walls."""
    dims, sides = geometry.spatial_dims, _sides(geometry, box)
    if isinstance(geometry, Grid):
        unit = np.stack(np.meshgrid(*[axis.numpy() for axis in geometry.axes()], indexing="ij"), -1).reshape(-1, dims)
    else:
        unit = geometry.positions.numpy()
    around = np.array(geometry.boundary.periodic_axes)
    period = np.where(around, sides, 0.0)
    positions = unit * sides
    positions[:, around] %= period[around]
    twice = cKDTree(positions, boxsize=period).query_pairs(SAME_PLACE, output_type="ndarray")
    if len(twice):
        raise ValueError(f"pde.store_on: nodes {twice[0, 0]} and {twice[0, 1]} lie at the same place")
    return positions, period


def _offsets_on_torus(positions: np.ndarray, period: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Offsets (..., D) from some points to others, the shortest way around; half way around counts as backwards."""
    offset = positions[there] - positions[here]
    around = np.where(period > 0, period, np.inf)
    return cast(np.ndarray, offset - period * np.floor(offset / around + 0.5 + SAME_PLACE))


def _order(offset: np.ndarray) -> np.ndarray:
    """Sorts the last but one axis of offsets (..., K, D): the nearest first, then in lexical order."""
    rounded = np.round(offset, TIE_DECIMALS)
    distance = np.round(np.square(offset).sum(-1), TIE_DECIMALS)
    # The last key counts most.
    return np.lexsort([*np.moveaxis(rounded, -1, 0)[::-1], distance], axis=-1)


def _nearest(positions: np.ndarray, period: np.ndarray, count: int) -> Neighbours:
    tree, total = cKDTree(positions, boxsize=period), len(positions)
    candidates = count + 1 + 8 * positions.shape[1]
    while True:
        asked = min(candidates, total)
        distance, index = tree.query(positions, k=asked)
        # The farthest that is taken must not be one of several whose rest was cut off.
        if asked == total or bool((distance[:, -1] > distance[:, count] + 10**-TIE_DECIMALS).all()):
            break
        candidates *= 2
    here = np.arange(total)[:, None]
    index = index[index != here].reshape(total, asked - 1)
    offset = _offsets_on_torus(positions, period, here, index)
    chosen = _order(offset)[:, :count]
    index = np.take_along_axis(index, chosen, 1)
    offset = np.take_along_axis(offset, chosen[..., None], 1)
    present = torch.ones(index.shape, dtype=torch.bool)
    return Neighbours(torch.from_numpy(index.astype(np.int64)), torch.from_numpy(offset), present)


def _at_places(positions: np.ndarray, period: np.ndarray, sides: np.ndarray, steps: np.ndarray) -> Neighbours:
    """The points nearest to the places (K, D) away from each; a place outside the domain has none."""
    places = positions[:, None] + steps
    around = period > 0
    inside = (around | ((places >= 0) & (places <= sides))).all(-1)
    places = np.where(around, places % np.where(around, period, 1.0), np.clip(places, 0, sides))
    _, index = cKDTree(positions, boxsize=period).query(places)
    offset = _offsets_on_torus(positions, period, np.arange(len(positions))[:, None], index)
    present = inside & (index != np.arange(len(positions))[:, None])
    return Neighbours(torch.from_numpy(index.astype(np.int64)), torch.from_numpy(offset), torch.from_numpy(present))


def _padded(pairs: np.ndarray, positions: np.ndarray, period: np.ndarray) -> Neighbours:
    """Rows of equal length from pairs (P, 2) of receiver and sender."""
    total = len(positions)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    counts = np.bincount(pairs[:, 0], minlength=total)
    longest = int(counts.max(initial=0))
    column = np.arange(len(pairs)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = np.tile(np.arange(total)[:, None], (1, longest))
    offset = np.zeros((total, longest, positions.shape[1]))
    present = np.zeros((total, longest), dtype=bool)
    index[pairs[:, 0], column] = pairs[:, 1]
    offset[pairs[:, 0], column] = _offsets_on_torus(positions, period, pairs[:, 0], pairs[:, 1])
    present[pairs[:, 0], column] = True
    return Neighbours(torch.from_numpy(index.astype(np.int64)), torch.from_numpy(offset), torch.from_numpy(present))
