"""The machine that this process runs on."""

import platform
from pathlib import Path


def processor_name() -> str:
    """The model of the processor, e.g. ``AMD EPYC 7763``; its architecture where the system does not say more."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
