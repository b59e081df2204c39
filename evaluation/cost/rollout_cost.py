"""What a rollout costs: seconds and memory on the machine at hand, and calls of its network on any."""

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
class Start:
    """Where B rollouts start, and where they go.

    Args:
        u: (B, K, C, *N) the latest snapshots, oldest first; a simulator takes as many as its history.
        t: (B, K) their times.
        times: (B, T) to come.
        conditions: of the B trajectories.
        seed: (B,) int64.
    """

    u: Tensor
    t: Tensor
    times: Tensor
    conditions: Conditions
    seed: Tensor
    batched = True

    def repeated(self, batch: int) -> "Start":
        """The same trajectories over and over, ``batch`` in all."""
        rows = torch.arange(batch, device=self.u.device) % len(self.u)
        return map_tensors(lambda x: x[rows], self)


@dataclass(frozen=True)
class Cost:
    """What a rollout took.

    Args:
        seconds: of wall-clock time, for each trajectory of the batch; the fastest of several rollouts.
        batch: trajectories that were rolled out together.
    """

    seconds: float
    batch: int


@dataclass(frozen=True)
class NetworkWork:
    """What the network of a rollout does, for each trajectory and unit of time; the same on any machine.

    Args:
        calls: of the network.
        flops: of these calls, counted as by ``cost_of_call``.
    """

    calls: float
    flops: float


def rolled_out(simulator: Simulator, start: Start, times: Tensor) -> Tensor:
    """The last state (B, C, *N) of a rollout to the times (B, T)."""
    history, device = simulator.history, start.u.device
    begun = begin(simulator, start.u[:, -history:], start.t[:, -history:], start.conditions, start.seed)
    end = start.u[:, -1]
    for progress in rollout(simulator, begun, times, start.conditions):
        end = progress.u
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return end


LEAST_SECONDS = 0.1
"""For which a rollout is repeated: one of a few milliseconds says little on a machine that does anything else."""


def cost_of(simulator: Simulator, start: Start, repeats: int = 3) -> tuple[Cost, Tensor]:
    """Times a whole rollout, after a warm-up of one step.

    Args:
        simulator: what is timed.
        start: of the rollouts.
        repeats: rollouts, of which the fastest counts: whatever else the machine does only adds to them. Short ones are
            repeated until they took ``LEAST_SECONDS`` together.

    Returns:
        The cost, and the last state (B, C, *N).
    """
    seconds: list[float] = []
    with torch.inference_mode():
        end = rolled_out(simulator, start, start.times[:, :1])
        while len(seconds) < repeats or sum(seconds) < LEAST_SECONDS:
            began = time.perf_counter()
            end = rolled_out(simulator, start, start.times)
            seconds.append(time.perf_counter() - began)
    return Cost(min(seconds) / len(end), len(end)), end


MEMORY_STEPS = 3
"""After so many snapshots memory grows no more: each state takes the place of the one before."""


def memory_of(simulator: Simulator, start: Start, times: Tensor | None = None) -> int | None:
    """The most bytes that a rollout holds beside its network and the snapshots that it starts from, all rows together.

    It is found on a short rollout that is not timed; see ``peak_bytes`` for what counts.

    Args:
        simulator: what is rolled out.
        start: of the rollout.
        times: (B, T) of the short rollout; the first few that are to come when left out.
    """
    short = start.times[:, :MEMORY_STEPS] if times is None else times
    with torch.inference_mode():
        return peak_bytes(lambda: rolled_out(simulator, start, short), start.u.device)


def network_work(simulator: Simulator, network: nn.Module, start: Start) -> NetworkWork:
    """Counts the calls of a network in one whole rollout, and the operations of one of them.

    Args:
        simulator: what is rolled out.
        network: that it calls; each call is taken to be as large as the last.
        start: of the rollout.
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
            rolled_out(simulator, start, start.times)
    finally:
        handle.remove()
    elapsed = float((start.times[:, -1] - start.t[:, -1]).mean())
    flops = cost_of_call(network, *inputs).flops / len(start.u) if calls else 0
    return NetworkWork(calls / elapsed, calls * flops / elapsed)


def best_batch(simulator: Simulator, start: Start, batches: Sequence[int], repeats: int = 3) -> Cost:
    """The cost at the batch size with the fewest seconds for each trajectory.

    Args:
        simulator: what is timed.
        start: trajectories, which are repeated to fill a batch.
        batches: sizes to try, increasing; the first that is slower than the one before, or for which memory does not
            suffice, is the last.
        repeats: as of ``cost_of``.
    """
    best, _ = cost_of(simulator, start.repeated(batches[0]), repeats)
    for batch in batches[1:]:
        try:
            cost, _ = cost_of(simulator, start.repeated(batch), repeats)
        except torch.OutOfMemoryError:
            break
        if cost.seconds >= best.seconds:
            break
        best = cost
    return best


def seconds_per_step(simulator: Simulator, window: Window, steps: int = 10, repeats: int = 3) -> float:
    """Wall-clock seconds of one step of one trajectory, the batch that it is part of being as large as the window.

    Args:
        simulator: whose steps are timed.
        window: whole trajectories, present at 0.
        steps: of each rollout, as far as the trajectories reach.
        repeats: as of ``cost_of``.
    """
    present = simulator.history - 1
    last = min(present + steps, window.u.shape[1] - 1)
    u, t = window.moved(present).history(simulator.history)
    start = Start(u, t, window.times(present + 1, last), window.conditions, window.index)
    return cost_of(simulator, start, repeats)[0].seconds / (last - present)
