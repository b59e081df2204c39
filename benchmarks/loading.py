"""Windows a second: trajectories in memory, in a memory-mapped copy and in their files, beside The Well's own reader.

    PEERS_DIR=<folder that holds the package the_well> python benchmarks/loading.py --trajectories 2048 --rounds 3

Random windows of 2 snapshots of 64 x 64 float32 in batches of 8 and 64, on one thread. The files are chunks of this
program, which The Well's ``WellDataset`` reads as well. Each side of a round is a process of its own, in another order
each round; medians of the rounds.

Every side but ``memory`` is bound by RLIMIT_DATA to half of the bytes of the set beyond what it has after its imports,
and its anonymous memory (RssAnon: resident memory without pages of files) is read afterwards. Pages of files are the
system's to keep: *warm* means that they are all there, *cold* that posix_fadvise(DONTNEED) dropped them before, which
mincore confirms. A cold pass goes through every trajectory once, the first time that the process sees it, with all
checksums and checks that come with that; it is wall-clock time. Warm is the smaller of wall-clock and CPU time, so that
others on the machine count less.

``--training`` adds the time of training steps (``step_times.py``): small Navier-Stokes runs that hold their
trajectories in each of the three ways.
"""

import argparse
import ctypes
import json
import mmap
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# This script's own folder would hide the packages of the project.
sys.path[0] = str(ROOT)

import numpy as np
import torch

from benchmarks.machine import Others, machine
from tendency.app.hardware import keep_freed_memory
from tendency.data.certificate import Certificate
from tendency.data.dataset import TrajectoryDataset
from tendency.data.dataset_layout import Chunk
from tendency.data.machine import memory_in_use
from tendency.data.manifest import Manifest, file_entry
from tendency.data.metadata import TrajectoryMetadata
from tendency.data.split_holder import Hold, SplitHolder
from tendency.data.trajectory_file import Trajectories, chunk_content
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid

SNAPSHOTS, POINTS, BATCHES, CHUNK = 20, 64, (8, 64), 16
BYTES = SNAPSHOTS * POINTS * POINTS * 4
"""Of a trajectory."""
LEAST = 256
"""Trajectories: half of fewer leaves no room for what a side allocates beside them."""
SIDES = ("memory", "mapped", "rows", "numpy", "the_well")
TITLES = {
    "memory": "ours, in memory",
    "mapped": "ours, memory-mapped copy",
    "rows": "ours, from HDF5",
    "numpy": "numpy memory map, one copy per window",
    "the_well": "The Well, WellDataset and DataLoader",
}
Read = Callable[[list[int]], object]
"""Reads the windows of some indices as one batch."""


def make_set(folder: Path, trajectories: int) -> None:
    """A dataset of random numbers, and a memory-mapped copy of it."""
    grid = Grid([POINTS, POINTS], Boundary.periodic(2))
    metadata = TrajectoryMetadata("noise", "", 1, (Field("u"),), (), (), grid, SNAPSHOTS, 1.0)
    chunks, generator = {}, torch.Generator().manual_seed(0)
    for number in range(trajectories // CHUNK):
        chunk = Chunk("train", number)
        u = torch.randn(CHUNK, SNAPSHOTS, 1, POINTS, POINTS, generator=generator)
        times = torch.arange(SNAPSHOTS, dtype=torch.float64).expand(CHUNK, -1)
        content = Trajectories(u, times, Conditions.from_values(grid, [1.0, 1.0], {}, {}, CHUNK), None)
        path = chunk.path(folder)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(chunk_content(chunk.name, content, metadata))
        chunks[chunk.name] = file_entry(path, metadata)
    Manifest({}, metadata, {"train": trajectories}, CHUNK, chunks, Certificate((), 0), {}).write(folder)
    TrajectoryDataset(folder, "train", (0, 1), holder=SplitHolder("mapped", copies=True))


def ours(folder: Path, hold: Hold) -> Read:
    """Our windows."""
    # The memory of the machine, whatever the limit.
    return TrajectoryDataset(folder, "train", (0, 1), holder=SplitHolder(hold, memory=2**50)).windows


def numpy_map(folder: Path) -> Read:
    """What a user would write."""
    values = np.memmap(folder / "mapped" / "train.f32", dtype=np.float32, mode="r")
    flat = values.reshape(-1, SNAPSHOTS, 1, POINTS, POINTS)

    def read(indices: list[int]) -> object:
        places = (divmod(index, SNAPSHOTS - 1) for index in indices)
        return torch.from_numpy(np.stack([flat[row, first : first + 2] for row, first in places]))

    return read


def the_well(folder: Path) -> Read:
    """The Well's own reader, with torch's loader around it."""
    sys.path.append(os.environ.get("PEERS_DIR", ""))
    from the_well.data import WellDataset

    warnings.filterwarnings("ignore")
    dataset = WellDataset(
        path=str(folder / "train"), use_normalization=False, n_steps_input=1, n_steps_output=1, return_grid=False
    )
    collate = torch.utils.data.default_collate
    return lambda indices: collate([dataset[index] for index in indices])


def drop(paths: Iterable[Path]) -> None:
    """Drops the pages of files from memory."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def touch(paths: Iterable[Path]) -> None:
    """Reads files, so that their pages are in memory."""
    buffer = bytearray(2**20)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def resident(paths: Iterable[Path]) -> float:
    """The share of files whose pages are in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    there, total = 0, 0
    for path in paths:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            pages = -(-len(mapped) // mmap.PAGESIZE)
            found = (ctypes.c_ubyte * pages)()
            start = np.frombuffer(mapped, np.uint8).ctypes.data
            if libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(mapped)), found):
                raise OSError(ctypes.get_errno(), "mincore")
            there, total = there + sum(value & 1 for value in found), total + pages
    return there / total


def rate(read: Read, indices: np.ndarray, batch: int) -> tuple[float, float]:
    """Windows a second of wall-clock time, and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(indices) - batch + 1, batch):
        read(indices[first : first + batch].tolist())
    count = len(indices) // batch * batch
    return count / (time.perf_counter() - wall), count / (time.process_time() - cpu)


def measure(folder: Path, side: str, trajectories: int, seed: int) -> dict[str, float]:
    """All numbers of one side; in a process of its own."""
    torch.set_num_threads(1)
    keep_freed_memory()
    make = {
        "memory": lambda: ours(folder, "memory"),
        "mapped": lambda: ours(folder, "mapped"),
        "rows": lambda: ours(folder, "rows"),
        "numpy": lambda: numpy_map(folder),
        "the_well": lambda: the_well(folder),
    }[side]
    make()
    limit = memory_in_use("VmData")
    if side != "memory" and limit is not None:
        limit += trajectories * BYTES // 2
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    files = sorted((folder / "train").iterdir()) if side in ("memory", "rows", "the_well") else []
    files = files or [folder / "mapped" / "train.f32"]
    random, found = np.random.default_rng(seed), dict[str, float]()
    for batch in BATCHES:
        read = make()
        drop(files)
        found["resident before cold"] = max(found.get("resident before cold", 0.0), resident(files))
        once = random.permutation(trajectories) * (SNAPSHOTS - 1) + random.integers(0, SNAPSHOTS - 1, trajectories)
        found[f"cold {batch}"] = rate(read, once, batch)[0]
        # Some pages of a cold pass are still on the disk: windows read parts of trajectories.
        touch(files)
        read(list(range(batch)))
        windows = random.integers(0, trajectories * (SNAPSHOTS - 1), max(trajectories, 64 * batch))
        found[f"warm {batch}"] = max(rate(read, windows, batch))
    found["anonymous MB"] = (memory_in_use("RssAnon") or 0) / 1e6
    return found


def child(folder: Path, side: str, trajectories: int, seed: int) -> dict[str, float] | str:
    """What ``measure`` gives in a new process, or why it gives nothing."""
    command = [sys.executable, str(Path(__file__)), "--side", side, "--folder", str(folder)]
    command += ["--trajectories", str(trajectories), "--seed", str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def compare(trajectories: int, rounds: int, scratch: Path) -> None:
    """Prints the table."""
    folder = scratch / "noise-0000000000"
    folder.mkdir()
    make_set(folder, trajectories)
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    reasons: dict[str, str] = {}
    for count in range(rounds):
        for side in SIDES[:: 1 if count % 2 == 0 else -1]:
            result = child(folder, side, trajectories, count)
            if isinstance(result, str):
                reasons[side] = result
            else:
                found[side].append(result)
    columns = [f"{state} {batch}" for batch in BATCHES for state in ("cold", "warm")]
    titles = [f"{state}, batch {batch}" for batch in BATCHES for state in ("cold", "warm")]
    print(f"{'windows/s':40s}" + "".join(f"{title:>16s}" for title in titles) + f"{'own memory, MB':>16s}")
    for side, rows in found.items():
        if side in reasons:
            print(f"{TITLES[side]:40s}  not measured: {reasons[side]}")
            continue
        median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        print(
            f"{TITLES[side]:40s}" + "".join(f"{median[c]:16,.0f}" for c in columns) + f"{median['anonymous MB']:16.0f}"
        )
    worst = max((row["resident before cold"] for rows in found.values() for row in rows), default=0.0)
    print(f"in memory before a cold pass, at most: {worst:.1%} of the pages (mincore)", flush=True)


def train(rounds: int, scratch: Path) -> None:
    """Prints the time of training steps."""
    from benchmarks.training_loop import prepare_callback, run

    prepare_callback(scratch)
    ways, number = ("memory", "mapped", "rows"), 0
    steps: dict[str, list[float]] = {way: [] for way in ways}
    for count in range(rounds):
        for way in ways[:: 1 if count % 2 == 0 else -1]:
            number += 1
            steps[way] += run(ROOT, "ns", scratch, number, [f"data.hold={way}"])["step"]
    for way, seconds in steps.items():
        median = statistics.median(seconds)
        ratio = median / statistics.median(steps["memory"])
        print(f"training step, {TITLES[way]:40s}{1e3 * median:10.2f} ms  {ratio:6.3f} of that from memory", flush=True)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trajectories", type=int, default=2048, help=f"of {BYTES} bytes; a multiple of {CHUNK} from {LEAST} on"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--training", action="store_true", help="measure training steps as well")
    parser.add_argument("--scratch", type=Path, help="where the set is made; a temporary folder when left out")
    for name in ("--side", "--folder", "--seed"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trajectories < LEAST or arguments.trajectories % CHUNK:
        parser.error(f"--trajectories: expected a multiple of {CHUNK} from {LEAST} on, got {arguments.trajectories}")
    if arguments.side:
        numbers = measure(Path(arguments.folder), arguments.side, arguments.trajectories, int(arguments.seed))
        print(json.dumps(numbers))
        return
    print(machine(("torch", "numpy", "h5py")))
    size = arguments.trajectories * BYTES / 1e6
    print(f"{arguments.trajectories} trajectories, {size:.0f} MB; limit of own memory {size / 2:.0f} MB (RLIMIT_DATA)")
    others = Others()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        compare(arguments.trajectories, arguments.rounds, Path(name))
        if arguments.training:
            train(arguments.rounds, Path(name))
    print(f"{others.line()}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
