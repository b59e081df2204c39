"""What a measurement belongs to, and how much of the machine others used meanwhile."""

import importlib.metadata
import os
import time
from collections.abc import Callable
from pathlib import Path


def seconds(run: Callable[[], object]) -> float:
    """The smaller of the wall and the CPU time of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return min(time.perf_counter() - wall, time.process_time() - cpu)


def busy() -> tuple[float, float]:
    """Seconds that all CPUs of the machine have worked and existed, where the system tells."""
    try:
        ticks = [int(n) for n in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return 0.0, 0.0
    rate = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - ticks[3] - ticks[4]) / rate, sum(ticks) / rate


def own_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def machine(packages: tuple[str, ...]) -> str:
    """What the numbers belong to."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    versions = []
    for name in packages:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    return f"{model or 'unknown CPU'}, {os.cpu_count()} cores; {', '.join(versions)}"


class Others:
    """The share of the machine that others use from now on."""

    def __init__(self) -> None:
        self.busy, self.own, self.began = busy(), own_seconds(), time.perf_counter()

    def line(self) -> str:
        """How long it took, and the share."""
        after, took = busy(), time.perf_counter() - self.began
        if after[1] <= self.busy[1]:
            return f"{took:.0f} s"
        others = (after[0] - self.busy[0] - (own_seconds() - self.own)) / (after[1] - self.busy[1])
        return f"{took:.0f} s; others used {100 * max(0.0, others):.0f} % of the machine"
