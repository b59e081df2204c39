"""Whether runs can be judged on the same test trajectories, and where their report goes."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tendency.app.configuration.run_name import check_name
from tendency.app.configuration.settings import EvaluateSettings
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run import Run
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError, ConfigError


def report_folder(name: str | None, judged: list[Any], outputs: Path) -> Path:
    """Where a report goes; one without a name is named after all that it is made of, and may be made anew.

    A report that was never finished does not keep its name.

    Raises:
        ConfigError: the name is not one, or is taken by a run or by another report.
    """
    title = name or "report-" + _digest(judged)
    check_name(title)
    folder = outputs / title
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise ConfigError([f"name: expected a folder or nothing at {folder}, got something else; move it away"])
    if name is not None and folder.exists() and any(folder.iterdir()) and not ReportFolder(folder).half_done():
        raise ConfigError([f"name: {folder} exists, and nothing is overwritten; use another name, got {name!r}"])
    return folder


def common_dataset(settings: EvaluateSettings, runs: Sequence[Run], root: Path) -> Path:
    """The dataset that all runs are judged on.

    Raises:
        ArtefactError: they were trained on different ones, or it is not there, or it does not fit them.
    """
    if settings.dataset is not None:
        given = Path(settings.dataset)
        folder = given if given.is_dir() else root / given
    else:
        if len({run.recipe.dataset for run in runs}) > 1:
            lines = [f"{run.name}: {run.recipe.dataset}" for run in runs]
            raise ArtefactError(
                "\n".join(["runs: trained on different datasets; say dataset=... to judge all on one", *lines])
            )
        folder = root / runs[0].recipe.dataset
        require_same_trajectories(folder, runs)
    require_fit(folder, runs)
    return folder


def require_fit(folder: Path, runs: Sequence[Run]) -> None:
    """Refuses runs of other fields, parameters or boundaries than those of a dataset."""
    there = TrajectoryDataset(folder, "test", (0,)).metadata
    for run in runs:
        if problems := _misfits(run.recipe.metadata, there):
            raise ArtefactError("\n".join([f"checkpoint {run.name} and dataset {folder} do not fit:", *problems]))


def common_num_test(runs: Sequence[Run]) -> int:
    """How many test trajectories the runs were judged on.

    Raises:
        ArtefactError: not all on the same ones.
    """
    counts = [require_num_test(run) for run in runs]
    if len(set(counts)) > 1:
        lines = [f"{run.name}: the first {count}" for run, count in zip(runs, counts, strict=True)]
        raise ArtefactError(
            "\n".join(
                ["runs: judged on different test trajectories; say num_test=... to judge all on the same", *lines]
            )
        )
    return counts[0]


def require_num_test(run: Run) -> int:
    """How many test trajectories a run was judged on.

    Raises:
        ArtefactError: its checkpoint does not say.
    """
    if run.recipe.num_test is None:
        raise ArtefactError(f"checkpoint {run.name}: it does not say how many test trajectories; say num_test=...")
    return run.recipe.num_test


def require_same_trajectories(folder: Path, runs: Sequence[Run]) -> None:
    """Refuses runs that were judged on test trajectories other than those that are there now under the same name.

    Datasets of one name have the same settings, not the same bytes: those depend on the machine and the versions.
    """
    manifest = read_manifest(folder)
    there = manifest.checksums(manifest.counts)
    for run in runs:
        for chunk, checksum in run.recipe.chunks.items():
            found = there.get(chunk)
            if chunk.startswith(("test/", "files/")) and found != checksum:
                raise ArtefactError(
                    f"runs: {run.name} was judged on other test trajectories than those of {folder}: {chunk} had "
                    "sha256 "
                    f"{checksum[:16]}..., now {str(found)[:16]}...; say dataset={folder} to judge all on these"
                )


def _misfits(trained: TrajectoryMetadata, there: TrajectoryMetadata) -> list[str]:
    """What a surrogate cannot do without: the same fields, known fields, parameters and boundary."""
    pairs = {
        "channels": (list(trained.channel_names), list(there.channel_names)),
        "constant fields": (list(trained.given_names), list(there.given_names)),
        "forcing": ([field.name for field in trained.forcing], [field.name for field in there.forcing]),
        "observed parameters": (list(trained.param_names), list(there.param_names)),
        "boundary": (trained.geometry.boundary.to_dict()["sides"], there.geometry.boundary.to_dict()["sides"]),
    }
    return [f"{what}: {a} in training, {b} in the dataset" for what, (a, b) in pairs.items() if a != b]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]
