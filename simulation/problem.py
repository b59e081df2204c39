"""A problem: an equation in a domain, with distributions of its parameters and initial states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.annotations import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Geometry, Grid
from tendency.simulation.parameters import Parameter
from tendency.simulation.simulator import ReferenceSolver, begin, rollout

SPLITS = ("train", "valid", "test")


class InitialCondition(Protocol):
    """A distribution of initial states."""

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> Tensor:
        """One state (1, C, *N) float64 on the geometry of ``conditions`` (a batch of one)."""
        ...


@dataclass(frozen=True)
class Times:
    """When snapshots are stored: burn_in + k dt for k = 0 ... num_snapshots - 1.

    Args:
        dt: time between stored snapshots; a distribution, so that it may differ between trajectories.
        num_snapshots: T, at least 2.
        burn_in: time that is solved before the first stored snapshot.
    """

    dt: Parameter
    num_snapshots: PositiveInt
    burn_in: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        if self.num_snapshots < 2:
            raise ValueError(f"num_snapshots: expected at least 2, got {self.num_snapshots}")


@dataclass(frozen=True)
class Tolerances:
    """What the certificate of a dataset must hold.

    Args:
        window: time over which a trajectory is compared with its refined run; for a chaotic flow at most one
            Lyapunov (or eddy-turnover) time.
        refinement: largest relative error of a field against the run refined 2x in space and time, within the window,
            in L2, or in L1 where the solver is one for solutions that jump.
        derivative: largest relative difference between the solver's u_t and a difference of the trajectory, so too.
        conservation: largest drift of a conserved quantity over the whole trajectory, relative to its scale.
    """

    window: PositiveFloat
    refinement: PositiveFloat
    derivative: PositiveFloat
    conservation: PositiveFloat = 1e-10


@dataclass(frozen=True)
class CharacteristicTime:
    """A time that is natural to a problem, in which the length of a forecast says more than in its own units.

    It is read and not solved with: it is no part of what a dataset's or a run's name is made of.

    Args:
        name: what it is, e.g. ``Lyapunov time``.
        value: in the problem's units.
    """

    name: str
    value: PositiveFloat


@dataclass(frozen=True)
class Draw:
    """Where B trajectories start: u (B, C, *N) at time 0, times (B, T) of the snapshots to store, their conditions."""

    u: Tensor
    times: Tensor
    conditions: Conditions
    batched = True


class Problem:
    """What a pde yaml builds: everything that data generation and the certificate need.

    Args:
        name: name of the dataset family; lower case letters, digits, ``_``, ``.``, ``-``.
        simulator: the reference solver of the equation.
        geometry: the grid on which snapshots are solved.
        extent: side length of the domain on each axis.
        parameters: a distribution for each parameter that the equation needs.
        initial_condition: the distribution of initial states.
        times: when snapshots are stored.
        tolerances: what the certificate must hold.
        seed: trajectory i of a split is a pure function of (seed, split, i).
        resolution: ``resolved``, or ``as_published`` for a setting that is under-resolved in its source.
        store_on: the grid or nodes at which snapshots are stored; those of ``geometry`` when left out. The solver's
            interpolant is taken there, which folds waves that a coarser grid does not resolve onto others.
        store_filtered: cut those waves, or average over the new cells, before snapshots are stored on a grid.
        characteristic_time: Lyapunov or eddy-turnover time, for problems that have one.

    Raises:
        ValueError: parameters that the equation lacks or does not know, an extent with other axes than the geometry,
            an extent or a time between snapshots that can be zero or less, a ``store_on`` with another boundary, or a
            ``store_filtered`` without a grid there.
    """

    def __init__(
        self,
        name: str,
        simulator: ReferenceSolver,
        geometry: Geometry,
        extent: Sequence[Parameter],
        parameters: Mapping[str, Parameter],
        initial_condition: InitialCondition,
        times: Times,
        tolerances: Tolerances,
        seed: NonNegativeInt = 0,
        resolution: str = "resolved",
        store_on: Geometry | None = None,
        characteristic_time: CharacteristicTime | None = None,
        store_filtered: bool = False,
    ) -> None:
        expected, given = set(simulator.parameter_names), set(parameters)
        if expected != given:
            raise ValueError(f"pde.parameters: {simulator.name} expects {sorted(expected)}, got {sorted(given)}")
        if len(extent) != geometry.spatial_dims:
            raise ValueError(f"pde.extent: expected {geometry.spatial_dims} lengths, got {len(extent)}")
        for key, parameter in (("times.dt", times.dt), *((f"extent[{i}]", length) for i, length in enumerate(extent))):
            if parameter.lowest <= 0:
                raise ValueError(f"pde.{key}: expected positive values, got {parameter.lowest:g}")
        if resolution not in ("resolved", "as_published"):
            raise ValueError(f"pde.resolution: expected resolved or as_published, got {resolution!r}")
        if store_on is not None and store_on.boundary != geometry.boundary:
            raise ValueError(
                f"pde.store_on.boundary: expected that of pde.geometry, {geometry.boundary.to_dict()['sides']}, "
                f"got {store_on.boundary.to_dict()['sides']}"
            )
        if store_filtered and not isinstance(store_on, Grid):
            raise ValueError(f"pde.store_filtered: expected a grid in pde.store_on beside it, got {store_on}")
        self.name, self.simulator, self.geometry = name, simulator, geometry
        self.extent, self.parameters = tuple(extent), dict(parameters)
        self.initial_condition, self.times, self.tolerances = initial_condition, times, tolerances
        self.seed, self.resolution, self.characteristic_time = seed, resolution, characteristic_time
        self.stored_geometry: Geometry = geometry if store_on is None else store_on
        self.store_filtered = store_filtered

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of a state."""
        return self.simulator.fields

    @property
    def param_names(self) -> tuple[str, ...]:
        """Names of the parameters that surrogates are told."""
        return tuple(name for name, parameter in self.parameters.items() if parameter.observed)

    @property
    def hidden_names(self) -> tuple[str, ...]:
        """Names of the parameters for the solver alone."""
        return tuple(name for name, parameter in self.parameters.items() if not parameter.observed)

    def __repr__(self) -> str:
        """Name, equation, points, times and parameters in one line."""
        solver, dt = self.simulator, self.times.dt
        step = f"from {dt.lowest:g} to {dt.highest:g}" if dt.varies else f"= {dt.lowest:g}"
        return (
            f"Problem({self.name}: {solver.name} by {type(solver).__name__} on {self.geometry}, "
            f"{self.times.num_snapshots} snapshots, dt {step}, parameters {', '.join(self.parameters) or 'none'})"
        )

    def draw(self, split: str, index: int, redraw: int = 0) -> Draw:
        """Trajectory ``index`` of a split, before anything is solved.

        Every quantity has a random stream of its own, so that giving a distribution to one leaves the others as
        they were.

        Args:
            split: ``train``, ``valid`` or ``test``.
            index: counted from 0 in its split.
            redraw: how many draws of this trajectory were dropped before.

        Returns:
            A draw with B = 1.

        Raises:
            ValueError: an unknown split.
        """
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {SPLITS}, got {split!r}")
        # A sequence's streams have its key and a number more: those of redraws begin with a number that no split has.
        place = (SPLITS.index(split), index)
        sequence = np.random.SeedSequence(self.seed, spawn_key=(len(SPLITS) + redraw, *place) if redraw else place)
        initial, step, *streams = (
            np.random.default_rng(s) for s in sequence.spawn(2 + len(self.extent) + len(self.parameters))
        )
        dt = self.times.dt.draw(step)
        extent = [length.draw(stream) for length, stream in zip(self.extent, streams, strict=False)]
        values = {
            name: parameter.draw(stream)
            for (name, parameter), stream in zip(self.parameters.items(), streams[len(extent) :], strict=True)
        }
        params, hidden = ({name: values[name] for name in names} for names in (self.param_names, self.hidden_names))
        conditions = Conditions.from_values(self.geometry, extent, params, hidden)
        times = self.times.burn_in + dt * torch.arange(self.times.num_snapshots, dtype=torch.float64)[None]
        return Draw(self.initial_condition(initial, conditions), times, conditions)

    def draws(self, split: str, indices: Sequence[int], redraws: Sequence[int] | None = None) -> Draw:
        """Several trajectories as one draw with B = len(indices); see ``draw``."""
        numbers = redraws or [0] * len(indices)
        draws = [self.draw(split, index, number) for index, number in zip(indices, numbers, strict=True)]
        conditions = Conditions.joined([draw.conditions for draw in draws])
        return Draw(torch.cat([draw.u for draw in draws]), torch.cat([draw.times for draw in draws]), conditions)

    def stored(self, u: Tensor, conditions: Conditions) -> Tensor:
        """A state u (B, C, *N) on the solver's grid, at the points (B, C, *M) where it is stored."""
        if self.stored_geometry is self.geometry:
            return u
        if self.store_filtered:
            return self.simulator.resample(u, conditions, self.stored_geometry.shape)
        return self.simulator.sample(u, conditions, self.stored_geometry)

    def first_snapshot(self, draw: Draw) -> Tensor:
        """Solves from the initial states up to the first stored time, on the solver's grid.

        Args:
            draw: the initial states of B trajectories, and when their snapshots are stored.

        Returns:
            The states (B, C, *N) after the burn-in; the initial states themselves where there is none.

        Raises:
            InstabilityError: the solver fails during the burn-in.
        """
        first = draw.times[:, 0]
        if not bool((first > 0).any()):
            return draw.u
        zero = torch.zeros_like(first)
        seed = torch.zeros(len(first), dtype=torch.int64)
        progress = begin(self.simulator, draw.u[:, None], zero[:, None], draw.conditions, seed)
        return next(iter(rollout(self.simulator, progress, first[:, None], draw.conditions))).u
