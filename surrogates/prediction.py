"""What a network's output means: the next state, the change over a step, or the time derivative.

References:
    Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074, sections 3.1 and 3.2.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from simulation.annotations import PositiveInt
from simulation.conditions import Conditions
from simulation.tree import Tree
from simulation.window import Window
from surrogates.differences import Difference
from surrogates.integrators import Integrator
from surrogates.network import Network

TimeCondition = Literal["t", "dt"]


class Prediction(ABC):
    """The meaning of the output, and how it advances a state.

    Args:
        history: K, the number of snapshots that the network sees.
        conditioned_on: what is told beside the PDE's parameters: ``dt``, and ``t`` where the equation itself depends
            on time. An autonomous equation does not, and a network told t would be lost beyond the training horizon.
    """

    bundle = 1
    """Snapshots that one evaluation yields."""
    stencil: tuple[int, ...] = (0,)
    """Offsets that labels would like to read; shifted inside the trajectory at its ends."""
    network_calls: int = 1
    """Network evaluations in one step."""
    reads_u_t: bool = False
    """Whether labels are read from the u_t that a dataset may carry."""

    def __init__(self, history: PositiveInt = 1, conditioned_on: Sequence[TimeCondition] = ()) -> None:
        if unknown := set(conditioned_on) - {"t", "dt"}:
            raise ValueError(f"prediction.conditioned_on: expected t and dt, got {sorted(unknown)}")
        self.history, self.conditioned_on = history, tuple(conditioned_on)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Offsets of the snapshots that must exist for a window to be trained on."""
        return tuple(range(1 - self.history, self.bundle + 1))

    def in_channels(self, channels: int) -> int:
        """Input channels of the network for a state of so many channels."""
        return channels * self.history

    def out_channels(self, channels: int) -> int:
        """Output channels of the network for a state of so many channels."""
        return channels * self.bundle

    def num_conditions(self, params: int) -> int:
        """Length of c for so many observed parameters."""
        return params + len(self.conditioned_on)

    def scale(self, dt: Tensor) -> Tensor:
        """How the output grows with the step (B,): outputs are normalised after division by it."""
        return torch.ones_like(dt)

    def conditions(self, t: Tensor, dt: Tensor, conditions: Conditions) -> Tensor:
        """c (B, num_conditions), physical units, float64: the observed parameters and what ``conditioned_on`` names."""
        times = {"t": t, "dt": dt}
        appended = [times[name].double()[:, None] for name in self.conditioned_on]
        return torch.cat([conditions.params.double(), *appended], 1)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The memory before the first step, from the ``history`` latest snapshots u (B, K, C, *N) at times t (B, K)."""
        return {"past": u[:, :-1]}

    def output(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        """What the network says (B, out_channels, *N) at state u (B, C, *N), physical units."""
        seen = torch.cat([memory["past"], u[:, None]], 1).flatten(1, 2)
        return network(seen, self.conditions(t, dt, conditions), self.scale(dt))

    def slide(self, u: Tensor, memory: Tree) -> Tensor:
        """The past (B, K-1, C, *N) once u has been stepped from."""
        return torch.cat([memory["past"], u[:, None]], 1)[:, 1:]

    def step(self, window: Window) -> Tensor:
        """The step dt (B,) that follows a window's present; 1 where the prediction needs no following snapshot."""
        return window.time(1) - window.time(0) if 1 in self.offsets else torch.ones_like(window.time(0))

    def pair(self, network: Network, window: Window, u: Tensor, memory: Tree, key: Tensor) -> tuple[Tensor, Tensor]:
        """The output and its label at a window's present, both (B, out_channels, *N) in network units.

        Args:
            network: bound to the window's conditions.
            window: where the label comes from.
            u: (B, C, *N) what the network sees, perhaps perturbed.
            memory: from ``start``.
            key: (B,) int64 for predictions that draw noise.
        """
        dt = self.step(window)
        scale = self.scale(dt)
        y = self.output(network, u, window.time(0), dt, window.conditions, memory)
        return network.encode_output(y, scale), network.encode_output(self.label(window, u), scale)

    @abstractmethod
    def label(self, window: Window, u: Tensor) -> Tensor:
        """What the output should be (B, out_channels, *N), physical units, when the network sees u (B, C, *N)."""

    @abstractmethod
    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The state (B, C, *N) at t + dt, and the memory to go on with."""


class StatePrediction(Prediction):
    """The output is the state one step later."""

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The next snapshot."""
        return window.at(1)

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The output itself."""
        return self.output(network, u, t, dt, conditions, memory), {"past": self.slide(u, memory)}


class IncrementPrediction(Prediction):
    """The output is the change over one step; it is normalised per unit of time, so that any step is of one size."""

    def scale(self, dt: Tensor) -> Tensor:
        """The step itself."""
        return dt

    def label(self, window: Window, u: Tensor) -> Tensor:
        """From what the network sees to the next snapshot, so that perturbed inputs are led back to the truth."""
        return window.at(1) - u

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The state plus the output."""
        return u + self.output(network, u, t, dt, conditions, memory), {"past": self.slide(u, memory)}


class DerivativePrediction(Prediction):
    """The output is u_t, stepped by an integrator.

    No following snapshot is needed, so that the last one of a trajectory is trained as well.

    Args:
        difference: how labels are made.
        integrator: how u_t is stepped; changed freely after training.
        history: K, the number of snapshots that the network sees.
        conditioned_on: ``t`` where the equation depends on time; a derivative has no dt.

    Raises:
        ValueError: a history with an integrator that evaluates inside the step, where no past snapshots exist, or a
            derivative that is told dt.
    """

    def __init__(
        self,
        difference: Difference,
        integrator: Integrator,
        history: PositiveInt = 1,
        conditioned_on: Sequence[TimeCondition] = (),
    ) -> None:
        super().__init__(history, conditioned_on)
        if history > 1 and integrator.evaluates_inside:
            raise ValueError(
                f"prediction.history: {type(integrator).__name__} evaluates the network inside the step, where there "
                f"are no past snapshots; expected history=1 or a multistep integrator, got history={history}"
            )
        if "dt" in self.conditioned_on:
            raise ValueError("prediction.conditioned_on: a time derivative does not depend on dt; leave dt out")
        self.difference, self.integrator = difference, integrator
        self.stencil, self.network_calls = difference.stencil, integrator.stages
        self.reads_u_t = difference.reads_u_t

    @property
    def offsets(self) -> tuple[int, ...]:
        """The history alone."""
        return tuple(range(1 - self.history, 1))

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The difference of the stored snapshots."""
        return self.difference(window)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The past snapshots and the integrator's memory."""
        return {"past": u[:, :-1], "integrator": self.integrator.start(u[:, -1])}

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """One step of the integrator."""

        def slope(v: Tensor, s: Tensor) -> Tensor:
            return self.output(network, v, s, dt, conditions, memory)

        u_next, integrator = self.integrator.advance(slope, u, t, dt, memory["integrator"])
        return u_next, {"past": self.slide(u, memory), "integrator": integrator}
