"""What a rollout costs: seconds, on the machine at hand."""

import time

import torch

from simulation.simulator import Simulator, begin, rollout
from simulation.window import Window


def seconds_per_step(simulator: Simulator, window: Window, steps: int = 10, repeats: int = 3) -> float:
    """Wall-clock seconds of one step of one trajectory, the batch that it is part of being as large as the window.

    The fastest of several rollouts counts: whatever else the machine does only adds to them.

    Args:
        simulator: whose steps are timed.
        window: whole trajectories, present at 0.
        steps: of each rollout, as far as the trajectories reach.
        repeats: rollouts.
    """
    start = simulator.history - 1
    last = min(start + steps, window.u.shape[1] - 1)
    u, t = window.moved(start).history(simulator.history)
    times = window.times(start + 1, last)
    spent = []
    with torch.inference_mode():
        for _ in range(repeats):
            began = time.perf_counter()
            for state in rollout(
                simulator, begin(simulator, u, t, window.conditions, window.index), times, window.conditions
            ):
                _ = state
            if u.is_cuda:
                torch.cuda.synchronize(u.device)
            spent.append(time.perf_counter() - began)
    return min(spent) / (last - start) / len(u)
