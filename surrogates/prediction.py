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
from simulation.geometry import Geometry
from simulation.tree import Tree
from simulation.window import Window
from surrogates.bundle import bundle_reason, bundle_step, check_even, next_snapshot, start_bundle
from surrogates.differences import Difference
from surrogates.integrators.integrator import Integrator
from surrogates.network import Network

TimeCondition = Literal["t", "dt"]


class Prediction(ABC):
    """The meaning of the output, and how it advances a state.

    Args:
        history: K, the number of snapshots that the network sees.
        conditioned_on: what is told beside the PDE's parameters: ``dt``, and ``t`` where the equation itself depends
            on time. An autonomous equation does not, and a network told t would be lost beyond the training horizon.
        bundle: M, the number of snapshots that one evaluation yields, at equal steps.
    """

    stencil: tuple[int, ...] = (0,)
    """Offsets that labels would like to read; shifted inside the trajectory at its ends."""
    network_calls: float | None
    """Network evaluations in one step; None where each trajectory takes as many as it needs."""
    reads_u_t: bool = False
    """Whether labels are read from the u_t that a dataset may carry."""

    def __init__(
        self, history: PositiveInt = 1, conditioned_on: Sequence[TimeCondition] = (), bundle: PositiveInt = 1
    ) -> None:
        if unknown := set(conditioned_on) - {"t", "dt"}:
            raise ValueError(f"prediction.conditioned_on: expected t and dt, got {sorted(unknown)}")
        if history < 1 or bundle < 1:
            raise ValueError(f"prediction: expected history and bundle of at least 1, got {history} and {bundle}")
        self.history, self.conditioned_on, self.bundle = history, tuple(conditioned_on), bundle
        self.network_calls = 1 / bundle

    def check(self, geometry: Geometry) -> None:  # noqa: B027
        """Refuses a geometry that it cannot work on.

        Raises:
            ValueError: naming the config key, what was expected and what was found.
        """

    def check_times(self, t: Tensor, times: Tensor, memory: Tree) -> None:
        """Refuses times (B, T) that it cannot reach from t (B,); asked once, before a rollout.

        Raises:
            ValueError: steps other than those of the history, or uneven ones and a bundle.
        """
        if not times.shape[1]:
            return
        if self.history > 1:
            reason = f"prediction.history: the {self.history} snapshots that the network sees lie at equal steps"
            check_even(t, times, memory["step"], reason)
        elif self.bundle > 1:
            first = times[:, 0].double() - t
            check_even(t, times, bundle_step(first, memory["bundle"]), bundle_reason(self.bundle))

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
        """How the output grows with the step dt (B,): outputs are normalised after division by it.

        Returns:
            (B,), or (B, M) with one number for each snapshot of a bundle.
        """
        return torch.ones_like(dt)

    def conditions(self, t: Tensor, dt: Tensor, conditions: Conditions) -> Tensor:
        """c (B, num_conditions), physical units, float64: the observed parameters and what ``conditioned_on`` names."""
        times = {"t": t, "dt": dt}
        appended = [times[name].double()[:, None] for name in self.conditioned_on]
        return torch.cat([conditions.params.double(), *appended], 1)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The memory before the first step, from the ``history`` latest snapshots u (B, K, C, *N) at times t (B, K)."""
        step = {"step": (t[:, -1] - t[:, -2]).double()} if self.history > 1 else {}
        return {"past": u[:, :-1], "bundle": start_bundle(u[:, -1], self.bundle), **step}

    def told(self, window: Window) -> Tensor:
        """What the network is told in a window (rows, num_conditions), physical units: what their units are made of."""
        return self.conditions(window.time(0), self.step(window), window.conditions)

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
    """The output is the state one step later, or at each of the M next steps."""

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The next snapshots."""
        return torch.cat([window.at(offset) for offset in range(1, self.bundle + 1)], 1)

    def snapshots(self, u: Tensor, y: Tensor) -> Tensor:
        """The states (B, M, C, *N) that an output y (B, M C, *N) means at state u (B, C, *N): the output itself."""
        return y.unflatten(1, (self.bundle, u.shape[1]))

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The output, or the next snapshot of a bundle."""
        u_next, bundle = next_snapshot(
            lambda: self.snapshots(u, self.output(network, u, t, dt, conditions, memory)), dt, memory["bundle"]
        )
        return u_next, memory | {"past": self.slide(u, memory), "bundle": bundle}


class IncrementPrediction(Prediction):
    """The output is the change since the present, over one step or each of the M next ones.

    It is normalised per unit of time, so that any step is of one size; and so is each snapshot of a bundle.
    """

    def scale(self, dt: Tensor) -> Tensor:
        """The time since the present."""
        if self.bundle == 1:
            return dt
        return dt[:, None] * torch.arange(1, self.bundle + 1, device=dt.device)

    def label(self, window: Window, u: Tensor) -> Tensor:
        """From what the network sees to the next snapshots, so that perturbed inputs are led back to the truth."""
        return torch.cat([window.at(offset) - u for offset in range(1, self.bundle + 1)], 1)

    def snapshots(self, u: Tensor, y: Tensor) -> Tensor:
        """The states (B, M, C, *N) that an output y (B, M C, *N) means: u (B, C, *N) plus the output."""
        return u[:, None] + y.unflatten(1, (self.bundle, u.shape[1]))

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The state plus the output, or the next snapshot of a bundle."""
        u_next, bundle = next_snapshot(
            lambda: self.snapshots(u, self.output(network, u, t, dt, conditions, memory)), dt, memory["bundle"]
        )
        return u_next, memory | {"past": self.slide(u, memory), "bundle": bundle}


class DerivativePrediction(Prediction):
    """The output is u_t, stepped by an integrator.

    No following snapshot is needed, so that the last one of a trajectory is trained as well. It has no bundle: a
    derivative belongs to one moment, and what an integrator makes of several is an increment.

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

    def stepped_by(self, integrator: Integrator) -> "DerivativePrediction":
        """The same meaning of the output, stepped by another integrator."""
        return DerivativePrediction(self.difference, integrator, self.history, self.conditioned_on)

    def label(self, window: Window, u: Tensor) -> Tensor:
        """The difference of the stored snapshots."""
        return self.difference(window)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The past snapshots and the integrator's memory."""
        return super().start(u, t, conditions, seed) | {"integrator": self.integrator.start(u[:, -1])}

    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """One step of the integrator."""

        def slope(v: Tensor, s: Tensor) -> Tensor:
            return self.output(network, v, s, dt, conditions, memory)

        u_next, integrator = self.integrator.advance(slope, u, t, dt, memory["integrator"])
        return u_next, memory | {"past": self.slide(u, memory), "integrator": integrator}
