"""The cost of a rollout: seconds and memory on this machine, and network calls and operations on any."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tendency.evaluation.cost.call_cost import cost_of_call
from tendency.evaluation.cost.peak_memory import peak_bytes
from tendency.simulation.conditions import Conditions
from tendency.simulation.simulator import Simulator, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window


@dataclass(frozen=True)
class RolloutStart:
    """The start of B rollouts, and the times that they go to.

    Args:
        u: (B, K, C, *N) latest snapshots, oldest first; a simulator takes as many as its history.
        t: (B, K) times of these snapshots.
        times: (B, T) times to come.
        conditions: conditions of the B trajectories.
        seed: (B,) int64 seeds.
    """

    u: Tensor
    t: Tensor
    times: Tensor
    conditions: Conditions
    seed: Tensor
    batched = True

    def repeated(self, batch: int) -> "RolloutStart":
        """The same trajectories repeated up to a batch of ``batch``."""
        rows = torch.arange(batch, device=self.u.device) % len(self.u)
        return map_tensors(lambda x: x[rows], self)


@dataclass(frozen=True)
class RolloutCost:
    """The time of a rollout.

    Args:
        seconds: seconds of wall-clock time for each trajectory of the batch, in the fastest of several rollouts.
        batch: number of trajectories that were rolled out together.
    """

    seconds: float
    batch: int


@dataclass(frozen=True)
class NetworkWork:
    """The work of a rollout's network for each trajectory and unit of time; the same on any machine.

    Args:
        calls: number of network calls.
        flops: floating-point operations of these calls, counted as by ``cost_of_call``.
    """

    calls: float
    flops: float


def final_state(simulator: Simulator, start: RolloutStart, times: Tensor) -> Tensor:
    """The last state (B, C, *N) of a rollout to the times (B, T)."""
    history, device = simulator.history, start.u.device
    first = begin(simulator, start.u[:, -history:], start.t[:, -history:], start.conditions, start.seed)
    end = start.u[:, -1]
    for progress in rollout(simulator, first, times, start.conditions):
        end = progress.u
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return end


LEAST_SECONDS = 0.1
"""Seconds for which a rollout is repeated: one of a few milliseconds is timed badly on a machine that is in use."""


def time_rollout(simulator: Simulator, start: RolloutStart, repeats: int = 3) -> tuple[RolloutCost, Tensor]:
    """Times a whole rollout, after a warm-up of one step.

    Args:
        simulator: simulator that is timed.
        start: start of the rollouts.
        repeats: number of rollouts, of which the fastest counts: whatever else the machine does only adds to them.
            Short ones are repeated until they took ``LEAST_SECONDS`` together.

    Returns:
        The cost, and the last state (B, C, *N).
    """
    seconds: list[float] = []
    with torch.inference_mode():
        end = final_state(simulator, start, start.times[:, :1])
        while len(seconds) < repeats or sum(seconds) < LEAST_SECONDS:
            began = time.perf_counter()
            end = final_state(simulator, start, start.times)
            seconds.append(time.perf_counter() - began)
    return RolloutCost(min(seconds) / len(end), len(end)), end


MEMORY_STEPS = 3
"""Snapshots after which memory grows no more: each state takes the place of the one before."""


def rollout_peak_bytes(simulator: Simulator, start: RolloutStart, times: Tensor | None = None) -> int | None:
    """The most bytes that a rollout holds beside its network and the snapshots that it starts from, all rows together.

    It is found on a short rollout that is not timed; see ``peak_bytes`` for what counts.

    Args:
        simulator: simulator that is rolled out.
        start: start of the rollout.
        times: (B, T) times of the short rollout; the first few of ``start`` when left out.
    """
    short = start.times[:, :MEMORY_STEPS] if times is None else times
    with torch.inference_mode():
        return peak_bytes(lambda: final_state(simulator, start, short), start.u.device)


def count_network_work(simulator: Simulator, network: nn.Module, start: RolloutStart) -> NetworkWork:
    """Counts the calls of a network in one whole rollout, and the operations of one of them.

    Args:
        simulator: simulator that is rolled out.
        network: network that it calls; each call is taken to be as large as the last.
        start: start of the rollout.
    """
    calls = 0
    inputs: tuple[Tensor, ...] = ()

    def count(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal calls, inputs
        calls, inputs = calls + 1, given

    handle = network.register_forward_pre_hook(count)
    try:
        # No inference mode: its tensors could not be given to a call that keeps some for a backward pass.
        with torch.no_grad():
            final_state(simulator, start, start.times)
    finally:
        handle.remove()
    elapsed = float((start.times[:, -1] - start.t[:, -1]).mean())
    flops = cost_of_call(network, *inputs).flops / len(start.u) if calls else 0
    return NetworkWork(calls / elapsed, calls * flops / elapsed)


def best_batch(simulator: Simulator, start: RolloutStart, batches: Sequence[int], repeats: int = 3) -> RolloutCost:
    """The cost at the batch size with the fewest seconds for each trajectory.

    Args:
        simulator: simulator that is timed.
        start: start of trajectories, which are repeated to fill a batch.
        batches: sizes to try, increasing; the first that is slower than the one before, or for which memory does not
            suffice, is the last.
        repeats: number of rollouts, as for ``time_rollout``.
    """
    best, _ = time_rollout(simulator, start.repeated(batches[0]), repeats)
    for batch in batches[1:]:
        try:
            cost, _ = time_rollout(simulator, start.repeated(batch), repeats)
        except torch.OutOfMemoryError:
            break
        if cost.seconds >= best.seconds:
            break
        best = cost
    return best


def seconds_per_step(simulator: Simulator, window: Window, steps: int = 10, repeats: int = 3) -> float:
    """Wall-clock seconds of one step of one trajectory, the batch that it is part of being as large as the window.

    Args:
        simulator: simulator whose steps are timed.
        window: whole trajectories, present at 0.
        steps: steps of each rollout, as far as the trajectories reach.
        repeats: number of rollouts, as for ``time_rollout``.
    """
    present = simulator.history - 1
    last = min(present + steps, window.u.shape[1] - 1)
    u, t = window.moved(present).history(simulator.history)
    start = RolloutStart(u, t, window.times(present + 1, last), window.conditions, window.index)
    return time_rollout(simulator, start, repeats)[0].seconds / (last - present)
