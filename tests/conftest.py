"""Fixtures shared by all tests: composed configurations, and small real datasets."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")


@pytest.fixture(scope="session")
def compose_config() -> Callable[..., dict[str, Any]]:
    """``compose_config("train", ["pde=heat"])``: a resolved configuration as plain data."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from tendency.compose import conf_folder
    from tendency.small_form import settle

    def composed(name: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose(name, list(overrides))
        if "pde" in config:
            settle(config, overrides)
        return OmegaConf.to_container(config, resolve=True)

    return composed


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
        environment = homes | changes.pop("env", {})
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
