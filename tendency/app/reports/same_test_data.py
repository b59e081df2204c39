"""The runs that stand in one report: what they are called, and whether they were judged on the same trajectories."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tendency.app.configuration.run_name import check_name
from tendency.app.configuration.settings import EvaluateSettings
from tendency.app.runs.run_folder import RunFolder
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import read_manifest
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError, ConfigError


def report_folder(name: str | None, judged: list[Any], outputs: Path) -> Path:
    """Where a report goes; one without a name is named after all that it is made of, and may be made anew.

    Raises:
        ConfigError: the name is not one, or is taken by a run or by another report.
    """
    title = name or "report-" + _digest(judged)
    check_name(title)
    folder = outputs / title
    if name is not None and folder.exists() and any(folder.iterdir()):
        raise ConfigError([f"name: {folder} exists, and nothing is overwritten; use another name, got {name!r}"])
    return folder


def run_names(checkpoints: list[Path]) -> list[str]:
    """The runs' names, made different where two are alike."""
    names = [path.parent.parent.name if path.parent.name == "checkpoints" else path.stem for path in checkpoints]
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def training_seconds(names: list[str], checkpoints: list[Path]) -> dict[str, float]:
    """What the runs recorded when they finished; those that were resumed know it of their last part alone."""
    found = {}
    for name, path in zip(names, checkpoints, strict=True):
        seconds = (RunFolder(path.parent.parent).finished() or {}).get("training_seconds")
        if path.parent.name == "checkpoints" and seconds is not None:
            found[name] = float(seconds)
    return found


def common_dataset(settings: EvaluateSettings, recipes: list[dict[str, Any]], names: list[str], root: Path) -> Path:
    """The dataset that all runs are judged on.

    Raises:
        ArtefactError: they were trained on different ones, or it is not there, or it does not fit them.
    """
    if settings.dataset is not None:
        folder = Path(settings.dataset)
    else:
        if len({recipe["dataset"] for recipe in recipes}) > 1:
            lines = [f"{name}: {recipe['dataset']}" for name, recipe in zip(names, recipes, strict=True)]
            raise ArtefactError(
                "\n".join(["runs: trained on different datasets; say dataset=... to judge all on one", *lines])
            )
        folder = root / recipes[0]["dataset"]
        require_same_trajectories(folder, recipes, names)
    require_fit(folder, recipes, names)
    return folder


def require_fit(folder: Path, recipes: list[dict[str, Any]], names: list[str]) -> None:
    """Refuses runs of other fields, parameters or boundaries than those of a dataset."""
    there = TrajectoryDataset(folder, "test", (0,)).metadata
    for name, recipe in zip(names, recipes, strict=True):
        if problems := _misfits(TrajectoryMetadata.from_dict(recipe["metadata"]), there):
            raise ArtefactError("\n".join([f"checkpoint {name} and dataset {folder} do not fit:", *problems]))


def common_num_test(recipes: list[dict[str, Any]], names: list[str]) -> int:
    """How many test trajectories the runs were judged on.

    Raises:
        ArtefactError: not all on the same ones.
    """
    counts = [recipe["num_test"] for recipe in recipes]
    if len(set(counts)) > 1:
        lines = [f"{name}: the first {count}" for name, count in zip(names, counts, strict=True)]
        raise ArtefactError(
            "\n".join(
                ["runs: judged on different test trajectories; say num_test=... to judge all on the same", *lines]
            )
        )
    return int(counts[0])


def require_same_trajectories(folder: Path, recipes: list[dict[str, Any]], names: list[str]) -> None:
    """Refuses runs that were judged on test trajectories other than those that are there now under the same name.

    Datasets of one name have the same settings, not the same bytes: those depend on the machine and the versions.
    """
    there = read_manifest(folder).chunks
    for name, recipe in zip(names, recipes, strict=True):
        for chunk, checksum in recipe.get("chunks", {}).items():
            found = there.get(chunk, {}).get("sha256")
            if chunk.startswith("test/") and found != checksum:
                raise ArtefactError(
                    f"runs: {name} was judged on other test trajectories than those of {folder}: {chunk} had sha256 "
                    f"{checksum[:16]}..., now {str(found)[:16]}...; say dataset={folder} to judge all on these"
                )


def _misfits(trained: TrajectoryMetadata, there: TrajectoryMetadata) -> list[str]:
    """What a surrogate cannot do without: the same fields, parameters and boundary."""
    pairs = {
        "channels": (list(trained.channel_names), list(there.channel_names)),
        "observed parameters": (list(trained.param_names), list(there.param_names)),
        "boundary": (trained.geometry.boundary.to_dict()["sides"], there.geometry.boundary.to_dict()["sides"]),
    }
    return [f"{what}: {a} in training, {b} in the dataset" for what, (a, b) in pairs.items() if a != b]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]
