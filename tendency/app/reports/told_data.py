"""What a report tells of the data: the problem in words, its equation, and what the dataset holds."""

import math
from collections.abc import Mapping
from typing import Any

from tendency.app.problems.dataset_problem import problem_node_of, problem_of
from tendency.data.certify_files import FILES_UNCERTIFIED
from tendency.data.dataset import TrajectoryDataset
from tendency.data.manifest import Manifest
from tendency.simulation.geometry import Grid
from tendency.simulation.simulator import WrittenEquation

MOST_NAMES = 4
"""Of data files that a report lists."""


def problem_words(test: TrajectoryDataset) -> tuple[str, str]:
    """The problem as in "trained on 2D Navier-Stokes", and its equation in LaTeX, which may be empty."""
    metadata, problem = test.metadata, problem_of(test)
    solver = None if problem is None else problem.simulator
    title, formula = metadata.equation.replace("_", " "), ""
    if isinstance(solver, WrittenEquation):
        title, formula = solver.title, solver.formula
    return f"{metadata.spatial_dims}D {title}" if title else f"the data of {metadata.name}", formula


def data_facts(test: TrajectoryDataset) -> dict[str, str]:
    """What the dataset holds, by what it is."""
    metadata, manifest = test.metadata, test.manifest
    counts = manifest.counts
    shape = metadata.geometry.shape
    where = f"{' × '.join(map(str, shape))} points" if isinstance(metadata.geometry, Grid) else f"{shape[0]} nodes"
    sides = metadata.geometry.boundary.to_dict()["sides"]
    boundary = "periodic" if all(metadata.geometry.boundary.periodic_axes) else f"boundaries {sides}"
    step = "differs between trajectories" if metadata.dt is None else f"{metadata.dt * test.stride:.4g}"
    return {
        "problem": metadata.name,
        "dataset": test.folder.name,
        "trajectories": ", ".join(f"{count} {split}" for split, count in counts.items()),
        "snapshots": f"{metadata.num_snapshots} each, time between them {step}",
        "grid": f"{where}, {boundary}",
        "fields": ", ".join(metadata.channel_names),
        **({"constant fields": ", ".join(metadata.given_names)} if metadata.given else {}),
        **({"forcing": ", ".join(field.name for field in metadata.forcing)} if metadata.forcing else {}),
        **_parameters(problem_node_of(manifest).get("parameters") or {}),
        **_files(manifest),
        "certificate": _certificate(manifest),
    }


def _files(manifest: Manifest) -> dict[str, str]:
    """Which data files there are, where the dataset lies in some."""
    if manifest.files is None:
        return {}
    names = [file.name for file in manifest.files.files]
    shown = names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], f"and {len(names) - MOST_NAMES} more"]
    split = {"split": str(manifest.provenance["split"])} if "split" in manifest.provenance else {}
    return {"data files": ", ".join(shown)} | split


def _parameters(nodes: Mapping[str, Any]) -> dict[str, str]:
    """What the parameters are drawn from, those that vary."""
    ranges = {name: f"{node['low']:.4g} to {node['high']:.4g}" for name, node in nodes.items() if _is_range(node)}
    return {"parameters": "; ".join(f"{name} {text}" for name, text in ranges.items())} if 0 < len(ranges) <= 6 else {}


def _is_range(node: Any) -> bool:
    return isinstance(node, Mapping) and "low" in node and "high" in node and math.isfinite(float(node["low"]))


def _certificate(manifest: Manifest) -> str:
    content = manifest.certificate.to_dict()
    figures = content["figures"]
    if not figures:
        return "never certified" if manifest.files is None else FILES_UNCERTIFIED
    failed = sum(1 for one in figures if not one["value"] <= one["tolerance"])
    held = f"all {len(figures)} figures hold, measured on {content['trajectories']} trajectories"
    figures_told = f"{failed} of {len(figures)} figures are above their tolerance" if failed else held
    return "; ".join([*content.get("notes", [])[:1], figures_told])
