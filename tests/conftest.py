"""Fixtures shared by all tests: composed configurations, and small real datasets."""

import functools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")
# A shell that runs the tests in the background leaves Ctrl-C ignored, which every process below would inherit.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says so, loudly, where no browser was found: tests that were skipped are easily taken for tests that passed."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any("no browser" in str(report.longrepr) for report in skipped):
        terminalreporter.write_sep("=", "THE REPORT'S PAGE WENT UNTESTED", red=True, bold=True)
        terminalreporter.write_line(
            "NO CHROMIUM, CHROME OR EDGE WAS FOUND. INSTALL ONE, OR NAME ITS PATH IN TENDENCY_BROWSER.", red=True
        )


@pytest.fixture(scope="session")
def compose_config() -> Callable[..., dict[str, Any]]:
    """``compose_config("train", ["pde=heat"])``: a resolved configuration as plain data."""
    from tendency.app.configuration.composed import compose_command
    from tendency.app.configuration.conf_files import plain

    return lambda name, overrides=(): plain(compose_command(name, overrides)[0])


@pytest.fixture(scope="session")
def owner() -> Callable[[str], str]:
    """``owner("prediction/integrator")``: an option of the parent group that has this group inside."""
    from tendency.app.configuration.conf_files import conf_folder

    def find(group: str) -> str:
        parent, child = group.split("/")
        for path in sorted((conf_folder() / parent).glob("*.yaml")):
            if re.search(rf"^ *- (override )?{child}: ", path.read_text(encoding="utf-8"), re.MULTILINE):
                return path.stem
        raise AssertionError(f"no option of {parent} has a {child}")

    return find


@pytest.fixture(scope="session")
def options(
    compose_config: Callable[..., dict[str, Any]], owner: Callable[[str], str]
) -> Callable[..., dict[str, Any]]:
    """``options("objective")``: the composed node of each option of a group by name, made once."""
    from tendency.app.configuration.conf_files import conf_folder

    @functools.cache
    def composed(group: str, pde: str = "heat") -> dict[str, Any]:
        paths = (conf_folder() / group).glob("*.yaml")
        # What wants a value cannot be built without it.
        names = sorted(path.stem for path in paths if "???" not in path.read_text())
        small = [f"pde={pde}", "small=true", "name=test"]
        if "/" not in group:
            return {name: compose_config("train", [*small, f"{group}={name}"])[group] for name in names}
        parent, child = group.split("/")
        chosen = [*small, f"{parent}={owner(group)}"]
        return {name: compose_config("train", [*chosen, f"{group}={name}"])[parent][child] for name in names}

    return composed


class SolvedProblem:
    """Training trajectories of a problem in memory, float64, and all their windows."""

    def __init__(self, problem: Any, num_trajectories: int) -> None:
        import torch

        from tendency.data.metadata import metadata_of
        from tendency.simulation.simulator import begin, rollout

        solver, draw = problem.simulator, problem.draws("train", range(num_trajectories))
        self.problem, self.conditions, self.t = problem, draw.conditions, draw.times
        index = torch.arange(num_trajectories)
        start = begin(solver, draw.u[:, None], draw.times[:, :1], draw.conditions, index)
        states = [start, *rollout(solver, start, draw.times[:, 1:], draw.conditions)]
        self.u = torch.stack([state.u for state in states], 1)
        derivatives = [solver.time_derivative(state.u, state.t, draw.conditions) for state in states]
        self.u_t = torch.stack(derivatives, 1)
        self.metadata = replace(metadata_of(problem), has_time_derivative=True)

    def windows(self, required: Sequence[int], wanted: Sequence[int]) -> Any:
        """Every window with those offsets, as one batch; see ``tendency.data.dataset.TrajectoryDataset``."""
        import torch

        from tendency.simulation.window import Window

        snapshots = self.u.shape[1]
        low, high = min(*required, *wanted, 0), max(*required, *wanted, 0)
        presents = torch.arange(max(0, -min(required)), snapshots - max(0, *required))
        row = torch.arange(len(self.u)).repeat_interleave(len(presents))
        present = presents.repeat(len(self.u))
        first = (present + low).clamp(0, snapshots - (high - low + 1))
        at = first[:, None] + torch.arange(high - low + 1)
        return Window(
            u=self.u[row[:, None], at],
            t=self.t[row[:, None], at],
            conditions=self.conditions[row],
            u_t=self.u_t[row[:, None], at],
            index=torch.arange(len(row)),
            present=present - first,
            stride=torch.ones_like(present),
        )


@pytest.fixture(scope="session")
def solve(compose_config: Callable[..., dict[str, Any]]) -> Callable[..., SolvedProblem]:
    """``solve("heat", "pde.geometry.shape=[16]", trajectories=2)``: trajectories in memory."""
    from tendency.app.configuration.build import build_problem

    def solved(pde: str, *overrides: str, trajectories: int = 2) -> SolvedProblem:
        config = compose_config("generate", [f"pde={pde}", *overrides])
        return SolvedProblem(build_problem(config["pde"]), trajectories)

    return solved


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose datasets and outputs lie in a temporary folder, shared by the tests of a session."""
    root = tmp_path_factory.mktemp("homes")
    return os.environ | {
        "TENDENCY_DATASETS": str(root / "datasets"),
        "TENDENCY_OUTPUTS": str(root / "outputs"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def run_script(homes: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``run_script("train.py", "pde=heat")``: a command as a user runs it; its output is captured."""

    def run(
        script: str, *arguments: str, code: int | None = 0, timeout: float = 540, **changes: Any
    ) -> subprocess.CompletedProcess[str]:
        # None takes a variable away.
        environment = {name: value for name, value in (homes | changes.pop("env", {})).items() if value is not None}
        command = [sys.executable, str(ROOT / script), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=timeout, check=False, **changes
        )
        if code is not None:
            assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def killed_later() -> Callable[[subprocess.Popen[str]], None]:
    """Kills a process and all that it started, however the test ends."""

    def kill(process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    return kill


@pytest.fixture
def bounded_wait():
    """A test that waits for a pipe fails after 20 seconds in place of never ending."""

    def fail(signum: int, frame: Any) -> None:
        raise TimeoutError("waited for a pipe")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
