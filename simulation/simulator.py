"""Whatever advances a state in time: a solver, a trained surrogate, a baseline; and the one loop that drives it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Geometry
from tendency.simulation.given_tensors import require_methods, require_tensor
from tendency.simulation.tree import Tree

Precision = Literal["float64", "float32"]
"""The precision of a solver's arithmetic."""


class InstabilityError(ArithmeticError):
    """A simulator produced a state that is not finite; the message names the time, the rows and the remedy."""

    def __init__(self, message: str, rows: list[int]) -> None:
        super().__init__(message, rows)  # both, so that it survives the way from a worker process
        self.message, self.rows = message, rows

    def __str__(self) -> str:
        return self.message


@runtime_checkable
class Simulator(Protocol):
    """Advances a batch of states; the batch's members never influence one another."""

    @property
    def history(self) -> int:
        """Number of snapshots that a rollout starts from."""
        ...

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """Makes the memory that ``advance`` carries.

        Args:
            u: (B, K, C, *N) the K = ``history`` latest snapshots, oldest first.
            t: (B, K) their times.
            conditions: of the B trajectories.
            seed: (B,) int64, one for each trajectory.

        Returns:
            A tree of tensors, batch first.
        """
        ...

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """One step of length dt.

        Args:
            u: (B, C, *N) at time t.
            t: (B,) float64.
            dt: (B,) float64, positive.
            conditions: of the B trajectories.
            memory: from ``start`` or the previous ``advance``; never changed in place.

        Returns:
            u at t + dt, and the memory to go on with.
        """
        ...


@runtime_checkable
class ChoosesTimes(Protocol):
    """A simulator that cannot reach every time, or some by several steps alone, and says so before a rollout."""

    def route(self, t: Tensor, times: Tensor, memory: Tree) -> Sequence[Tensor]:
        """The steps by which it reaches each of some times.

        Args:
            t: (B,) the present.
            times: (B, T) that are asked for.
            memory: to go on with.

        Returns:
            T tensors (B, K) of times to step to, each of which ends in the one that was asked for.

        Raises:
            ValueError: times that it cannot reach.
        """
        ...


@runtime_checkable
class DrawsNoise(Protocol):
    """A simulator that says whether its rollouts depend on their seeds; one that does not say draws no noise."""

    @property
    def draws_noise(self) -> bool:
        """Whether rollouts from one state differ between seeds, which makes them members of an ensemble."""
        ...


class EquationStatement(Protocol):
    """What an equation, and whatever solves it, says about itself."""

    @property
    def name(self) -> str:
        """The equation's name, for messages and metadata."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever the equation's numbers change; part of a dataset's hash."""
        ...

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that a state is made of, in channel order."""
        ...

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The parameters that the equation needs."""
        ...


@runtime_checkable
class WrittenEquation(Protocol):
    """A solver that says what its equation is called and how it is written, for those who read of it."""

    @property
    def title(self) -> str:
        """The equation's name in words, as in "on 2D Navier-Stokes"."""
        ...

    @property
    def formula(self) -> str:
        """The equation in LaTeX, its lines parted by two backslashes; may be empty."""
        ...


class ReferenceSolver(Simulator, EquationStatement, Protocol):
    """A numerical solver that data are generated from and certified with."""

    @property
    def error_norm(self) -> float:
        """The p of the L^p norm in which the certificate measures errors: 2, or 1 where solutions jump."""
        ...

    def check(self, conditions: Conditions) -> None:
        """Refuses conditions outside the scheme's range with a ValueError, before anything is solved.

        Constant fields and forcing are among them (``Conditions.require_no_fields``): no equation of ours has such.
        """
        ...

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system at state u (B, C, *N) and time t (B,)."""
        ...

    def refined(self) -> Self:
        """The same solver with half the time step."""
        ...

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """u (B, C, *N) on a grid of another shape, exact for what both grids resolve."""
        ...

    def sample(self, u: Tensor, conditions: Conditions, geometry: Geometry) -> Tensor:
        """u (B, C, *N) at the points (B, C, *M) of another geometry in the same domain, as it is stored."""
        ...

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """Densities (B, K, *N) whose means over the points the exact solution keeps constant, by name; or none.

        The K components of one have the same unit: their drift is compared with the size of all.
        """
        ...


@dataclass(frozen=True)
class SolverSettings:
    """The choices by which a solver trades accuracy for time.

    Args:
        step: the length of its steps: the largest time step, or a Courant number.
        step_is_time: whether ``step`` is a time, rather than a Courant number.
        integrator: the scheme that takes the steps.
        integrator_kind: the abstract class of the schemes that can stand in its place.
        precision: the precision of its arithmetic; None where the solver has no choice.
    """

    step: float
    step_is_time: bool
    integrator: Any
    integrator_kind: type
    precision: Precision | None = None


@runtime_checkable
class AdjustableSolver(ReferenceSolver, Protocol):
    """A reference solver whose settings can be read and changed."""

    def settings(self) -> SolverSettings:
        """The settings that it solves with."""
        ...

    def with_settings(self, settings: SolverSettings) -> Self:
        """The same solver with other settings.

        Args:
            settings: those of ``settings``, some of them replaced.

        Raises:
            ValueError: settings that the solver or its equation cannot take, with the config key.
        """
        ...


@dataclass(frozen=True)
class Progress:
    """Where a rollout stands: u (B, C, *N), t (B,), and the simulator's memory."""

    u: Tensor
    t: Tensor
    memory: Tree
    batched = True

    def __repr__(self) -> str:
        """The shape of its state, and its times."""
        return f"Progress(u {tuple(self.u.shape)}, t {self.t.tolist()})"


def begin(simulator: Simulator, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Progress:
    """Starts a rollout at the last of the given snapshots.

    Args:
        simulator: what advances the state.
        u: (B, K, C, *N) with K = ``simulator.history``, oldest first.
        t: (B, K) float64.
        conditions: of the B trajectories.
        seed: (B,) int64.

    Returns:
        The progress to hand to ``rollout``.

    Raises:
        ValueError: not exactly ``history`` snapshots.

    Example:
        >>> surrogate = tendency.load_surrogate("outputs/run")
        >>> window = tendency.open_windows("datasets/heat", "test")[0]
        >>> tendency.begin(surrogate, *window.history(surrogate.history), window.conditions, window.index)
        Progress(u (1, 1, 16), t [0.0])
    """
    require_methods(simulator, "simulator", "Simulator", "history", "start", "advance")
    require_tensor(u, "u", 3, "(B, K, C, *N)")
    require_tensor(t, "t", 2, "(B, K)")
    require_methods(conditions, "conditions", "Conditions", "params", "extent", "geometry")
    require_tensor(seed, "seed", 1, "(B,)")
    if u.shape[1] != simulator.history:
        raise ValueError(f"expected {simulator.history} snapshots to start from, got {u.shape[1]}")
    return Progress(u[:, -1], t[:, -1], simulator.start(u, t, conditions, seed))


def rollout(simulator: Simulator, progress: Progress, times: Tensor, conditions: Conditions) -> Iterator[Progress]:
    """Advances to each of the given times in turn.

    The one loop that data generation, training, validation, evaluation and resuming share.

    Args:
        simulator: what advances the state.
        progress: from ``begin``, or any progress that an earlier rollout yielded.
        times: (B, T) float64, increasing, all later than ``progress.t``.
        conditions: of the B trajectories.

    Yields:
        T progresses, one at each time.

    Raises:
        ValueError: times that do not increase, or that the simulator cannot reach; before the first step.

    Example:
        >>> surrogate = tendency.load_surrogate("outputs/run")
        >>> window = tendency.open_windows("datasets/heat", "test")[0]
        >>> start = tendency.begin(surrogate, *window.history(surrogate.history), window.conditions, window.index)
        >>> times = torch.tensor([[0.1, 0.2]], dtype=torch.float64)
        >>> [state.t.item() for state in tendency.rollout(surrogate, start, times, window.conditions)]
        [0.1, 0.2]
    """
    require_methods(simulator, "simulator", "Simulator", "history", "start", "advance")
    require_methods(progress, "progress", "Progress", "u", "t", "memory")
    require_tensor(times, "times", 2, "(B, T)")
    require_methods(conditions, "conditions", "Conditions", "params", "extent", "geometry")
    if isinstance(simulator, ChoosesTimes):
        route = simulator.route(progress.t, times, progress.memory)
    else:
        require_increasing(progress.t, times)
        route = times[..., None].unbind(1)
    for leg in route:
        for t in leg.unbind(1):
            u, memory = simulator.advance(progress.u, progress.t, t - progress.t, conditions, progress.memory)
            progress = Progress(u, t, memory)
        yield progress


def require_increasing(t: Tensor, times: Tensor) -> None:
    """Refuses times (B, T) that are not finite, or do not increase from t (B,).

    Raises:
        ValueError: with the first such time, and the one before it.
    """
    along = torch.cat([t.double()[:, None], times.double()], 1)
    steps = torch.diff(along, dim=1)
    wrong = ~((steps > 0) & torch.isfinite(steps))
    if bool(wrong.any()):
        row, column = torch.nonzero(wrong)[0].tolist()
        raise ValueError(
            f"times: expected finite times that increase from t = {along[row, 0].item():g}, "
            f"got {along[row, column + 1].item():g} after {along[row, column].item():g}"
        )
