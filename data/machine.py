"""The machine that this process runs on."""

import os
import platform
from pathlib import Path


def processor_name() -> str:
    """The model of the processor, e.g. ``AMD EPYC 7763``; its architecture where the system does not say more."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def usable_cores() -> int:
    """The cores that this process may use; all of them on macOS, which does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
