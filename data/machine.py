"""The machine that this process runs on."""

import contextlib
import os
import platform
from collections.abc import Iterator
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


def available_memory() -> int | None:
    """Bytes of memory that this process can still have; None where the system does not say.

    The least of what the machine has free, what its control group may take, and what limits of the process leave.
    """
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for folder in _control_groups():
        # In either version of control groups. Pages of files are given back when they are needed.
        for most, used, pages in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with contextlib.suppress(OSError, ValueError):
                limit, taken = (int((folder / name).read_text(encoding="ascii")) for name in (most, used))
                stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
                found.append(limit - taken + int(stat.get(pages, 0)))
    with contextlib.suppress(ImportError):
        import resource

        for kind, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
            bound, now = resource.getrlimit(kind)[0], memory_in_use(name)
            if bound != resource.RLIM_INFINITY and now is not None:
                found.append(bound - now)
    return max(min(found), 0) if found else None


def memory_in_use(name: str) -> int | None:
    """Bytes of memory of this process, as the system counts them under a name of /proc/self/status, such as VmData."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
    return None


def _control_groups() -> Iterator[Path]:
    """The folders of the control groups that this process is in, and of those around them."""
    roots = {"": Path("/sys/fs/cgroup"), "memory": Path("/sys/fs/cgroup/memory")}
    yield from roots.values()
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, kinds, inside = line.split(":", 2)
            for kind in kinds.split(","):
                path = roots[kind] / inside.lstrip("/") if kind in roots else Path("/")
                while kind in roots and path != roots[kind]:
                    yield path
                    path = path.parent
