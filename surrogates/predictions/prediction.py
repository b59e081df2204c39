"""What a network's output means: the next state, the change over a step, or the time derivative.

References:
    Zhou, Barati Farimani: Predicting Change, Not States. arXiv:2412.13074, sections 3.1 and 3.2.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveInt
from tendency.simulation.conditions import Conditions
from tendency.simulation.constructor_call import constructor_call
from tendency.simulation.geometry import Geometry
from tendency.simulation.simulator import Simulator
from tendency.simulation.tree import Tree
from tendency.simulation.window import Window
from tendency.surrogates.network import Network
from tendency.surrogates.predictions.bundle import bundle_reason, bundle_step, check_even, start_bundle
from tendency.surrogates.predictions.learned_steps import LearnedSteps, UnreachableTimeError, legs

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
    draws_noise: bool = False
    """Whether a rollout depends on its seed, so that other seeds make other members of an ensemble."""

    def __init__(
        self, history: PositiveInt = 1, conditioned_on: Sequence[TimeCondition] = (), bundle: PositiveInt = 1
    ) -> None:
        if unknown := set(conditioned_on) - {"t", "dt"}:
            raise ValueError(f"prediction.conditioned_on: expected t and dt, got {sorted(unknown)}")
        if history < 1 or bundle < 1:
            raise ValueError(f"prediction: expected history and bundle of at least 1, got {history} and {bundle}")
        self.history, self.conditioned_on, self.bundle = history, tuple(conditioned_on), bundle
        self.network_calls = 1 / bundle

    def __repr__(self) -> str:
        """The call that builds it."""
        return constructor_call(self)

    def check(self, geometry: Geometry) -> None:  # noqa: B027
        """Refuses a geometry that it cannot work on.

        Raises:
            ValueError: naming the config key, what was expected and what was found.
        """

    def check_history(self, t: Tensor, learned: LearnedSteps) -> None:
        """Refuses a history whose snapshots, at times t (B, K), lie at other steps than those learned.

        Raises:
            ValueError: naming the learned steps and those found.
        """
        spaced = learned.spaced(t)
        if not bool(spaced.all()):
            row = int(torch.nonzero(~spaced)[0])
            steps = ", ".join(f"{step:g}" for step in torch.diff(t[row].double()).tolist())
            raise ValueError(
                f"t: the {self.history} snapshots that the network sees lie at even steps of {learned}; got {steps}"
            )

    def route(self, t: Tensor, times: Tensor, memory: Tree, learned: LearnedSteps | None) -> list[Tensor]:
        """The steps to each of some times; asked once, before a rollout.

        A network whose answer belongs to a step answers for the steps that it learned: a time further away is reached
        by several of them, and one that they do not lead to is refused.

        Args:
            t: (B,) the present.
            times: (B, T) that are asked for, increasing.
            memory: from ``start`` or the last step.
            learned: the steps of the training; None while they are not known, as during the training itself.

        Returns:
            T tensors (B, K) of times, each of which ends in the one that was asked for.

        Raises:
            ValueError: times that the learned steps do not lead to, steps other than those of the history, or uneven
                ones and a bundle.
        """
        found = self._learned_legs(t, times, memory, learned)
        if found and self.history > 1:
            reason = f"prediction.history: the {self.history} snapshots that the network sees lie at equal steps"
            check_even(t, torch.cat(found, 1), memory["step"], reason)
        elif found and self.bundle > 1:
            step = bundle_step(found[0][:, 0] - t, memory["bundle"])
            check_even(t, torch.cat(found, 1), step, bundle_reason(self.bundle))
        return found

    def num_steps(self, span: float, learned: LearnedSteps | None) -> int:
        """How many of its steps lead from snapshot to snapshot, where these lie a span of time apart.

        Raises:
            ValueError: none do, as for ``check_history`` and ``route``.
        """
        past = span * torch.arange(1 - self.history, 1, dtype=torch.float64)[None]
        if learned is not None and self.history > 1:
            self.check_history(past, learned)
        memory = {"step": torch.tensor([span], dtype=torch.float64), "bundle": start_bundle(past, self.bundle)}
        return self.route(past[:, -1], past[:, -1:] + span, memory, learned)[0].shape[1]

    def _learned_legs(self, t: Tensor, times: Tensor, memory: Tree, learned: LearnedSteps | None) -> list[Tensor]:
        if learned is None:
            return [asked[:, None] for asked in times.double().unbind(1)]
        shortest, longest = (memory["step"],) * 2 if self.history > 1 else (learned.shortest, learned.longest)
        try:
            return legs(t, times, shortest, longest)
        except UnreachableTimeError as error:
            raise ValueError(
                f"times: {type(self).__name__} answers in the steps that it learned, {learned}; expected times that "
                f"such steps lead to, got {error.asked:g} after {error.before:g}; only a derivative "
                "(prediction=derivative, history=1) can be asked for any time"
            ) from None

    def companion(self) -> tuple[str, Simulator] | None:
        """A simulator that a report shows beside the surrogate: what the surrogate is without its network.

        Returns:
            Its title in the report, which takes the place of a baseline of that title, and the simulator; None where
            nothing is left without the network.
        """
        return None

    @property
    def offsets(self) -> tuple[int, ...]:
        """Offsets of the snapshots that must exist for a window to be trained on."""
        return tuple(range(1 - self.history, self.bundle + 1))

    def in_channels(self, channels: int) -> int:
        """Input channels of the network for a state of so many channels, known fields apart."""
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

    def network_output(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        """What the network says (B, out_channels, *N) at state u (B, C, *N), network units; constant channels are 0."""
        return network.masked(network.raw(self.seen(u, memory), t, self.conditions(t, dt, conditions)))

    def output(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> Tensor:
        """What the network says (B, out_channels, *N) at state u (B, C, *N), physical units."""
        return network.decode_output(self.network_output(network, u, t, dt, conditions, memory), self.scale(dt))

    def seen(self, u: Tensor, memory: Tree) -> Tensor:
        """The snapshots that the network sees at state u (B, C, *N): the past and u, (B, K C, *N)."""
        return torch.cat([memory["past"], u[:, None]], 1).flatten(1, 2) if self.history > 1 else u

    def slide(self, u: Tensor, memory: Tree) -> Tensor:
        """The past (B, K-1, C, *N) once u has been stepped from."""
        return torch.cat([memory["past"], u[:, None]], 1)[:, 1:]

    def step(self, window: Window) -> Tensor:
        """The step dt (B,) that follows a window's present; 1 where the prediction needs no following snapshot."""
        return window.time(1) - window.time(0) if 1 in self.offsets else torch.ones_like(window.time(0))

    def pair(self, network: Network, window: Window, u: Tensor, memory: Tree, key: Tensor) -> tuple[Tensor, Tensor]:
        """The output and its label at a window's present, both (B, out_channels, *N) in network units.

        The output stays in the units in which the network gave it. On the way to physical units and back it would
        lose digits where the mean of a channel is large beside its std.

        Args:
            network: bound to the window's conditions.
            window: where the label comes from.
            u: (B, C, *N) what the network sees, perhaps perturbed.
            memory: from ``start``.
            key: (B,) int64 for predictions that draw noise.
        """
        dt = self.step(window)
        y = self.network_output(network, u, window.time(0), dt, window.conditions, memory)
        return y, network.encode_output(self.label(window, u), self.scale(dt))

    @abstractmethod
    def label(self, window: Window, u: Tensor) -> Tensor:
        """What the output should be (B, out_channels, *N), physical units, when the network sees u (B, C, *N)."""

    @abstractmethod
    def advance(
        self, network: Network, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree
    ) -> tuple[Tensor, Tree]:
        """The state (B, C, *N) at t + dt, and the memory to go on with."""
