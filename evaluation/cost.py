"""What a rollout costs: seconds and memory, on the machine at hand."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from simulation.conditions import Conditions
from simulation.simulator import Simulator, begin, rollout
from simulation.tree import map_tensors
from simulation.window import Window


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
        peak_bytes: the most memory that the device held beside what it held before; None on a CPU, which does not tell.
    """

    seconds: float
    batch: int
    peak_bytes: int | None


def cost_of(simulator: Simulator, start: Start, repeats: int = 3) -> tuple[Cost, Tensor]:
    """Times a whole rollout, after a warm-up of one step.

    Args:
        simulator: what is timed.
        start: of the rollouts.
        repeats: rollouts, of which the fastest counts: whatever else the machine does only adds to them.

    Returns:
        The cost, and the last state (B, C, *N).
    """
    device = start.u.device
    history = simulator.history
    u, t = start.u[:, -history:], start.t[:, -history:]

    def rolled(times: Tensor) -> Tensor:
        state = u[:, -1]
        for progress in rollout(
            simulator, begin(simulator, u, t, start.conditions, start.seed), times, start.conditions
        ):
            state = progress.u
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return state

    seconds, peak = [], None
    with torch.inference_mode():
        end = rolled(start.times[:, :1])
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            peak = -torch.cuda.memory_allocated(device)
        for _ in range(repeats):
            began = time.perf_counter()
            end = rolled(start.times)
            seconds.append(time.perf_counter() - began)
        if peak is not None:
            peak += torch.cuda.max_memory_allocated(device)
    return Cost(min(seconds) / len(u), len(u), peak), end


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
