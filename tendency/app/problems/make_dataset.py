"""A generation job from its configuration to its certificate."""

import shlex
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import settings_of
from tendency.app.configuration.settings import GenerateSettings, PathSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.problems.data_plan import DataPlan, bounded_problem
from tendency.app.problems.dataset_size import DatasetSize, check_first_trajectory
from tendency.app.problems.stored_dataset import repair_folder, verify_folder
from tendency.data.certificate import certify
from tendency.data.manifest import Manifest
from tendency.simulation.problem import Problem


def generate(config: DictConfig) -> None:
    """Makes the dataset, or adds what is missing to it, and shows its certificate.

    Raises:
        ConfigError: the configuration is wrong; nothing was built.
        DatasetError: the certificate fails, or a trajectory is not usable.
    """
    content: dict[str, Any] = plain(config)
    check_settings(settings_of(content, "generate"), GenerateSettings)
    check_settings(content["paths"], PathSettings, "paths")
    check_nodes({key: content[key] for key in ("pde", "data")}, kinds={"pde": Problem, "data": DataPlan})
    plan: DataPlan = build(content["data"], "data")
    problem = bounded_problem(content["pde"])
    if content["certify"] == "only":
        check_first_trajectory(problem, content["pde"])
        problem.simulator.check(problem.draws("train", [0, 1]).conditions)
        certificate = certify(problem)
        certificate.require()
        print("\n".join(certificate.lines()))
        return
    root = Path(content["paths"]["datasets"])
    if content["verify"] or content["repair"]:
        folder = plan.folder(root, content["pde"], problem)
        manifest = plan.read(folder, content["pde"], problem)
        if content["repair"]:
            manifest = repair_folder(folder, content["pde"], manifest, plan.workers)
        verify_folder(folder, manifest)
        return
    plan.look(root, content["pde"], problem)
    if plan.lacks(root, content["pde"], problem):
        size = DatasetSize.of(problem, plan)
        size.check(root)
        check_first_trajectory(problem, content["pde"])
        print(f"to solve {size.line()}", flush=True)
    folder, manifest = plan.prepare(root, content["pde"], problem)
    print("\n".join(manifest.certificate.lines()))
    for line in settled_lines(manifest):
        print(line)
    counts = ", ".join(f"{n} {split}" for split, n in manifest.counts.items())
    print(f"dataset: {folder} ({counts})")
    print(f"looked at: the manifest, and the sizes of {len(manifest.chunks)} chunks; verify=true reads them")
    # With every override: without them another dataset would be made and trained on.
    print(f"next:    {shlex.join(['python', 'train.py', *HydraConfig.get().overrides.task])}")


def settled_lines(manifest: Manifest) -> list[str]:
    """Which trajectories come to rest in the digits that are stored, a line for each split."""
    lines = []
    for split, rests in manifest.settled().items():
        index, snapshot = min(rests.items(), key=lambda rest: rest[1])
        share = f"{len(rests)} of {manifest.counts[split]} {split} trajectories come to rest"
        first = f"trajectory {index} from snapshot {snapshot} of {manifest.metadata.num_snapshots} on"
        lines.append(f"settled: {share}, {first}; data.settled=redraw draws others in their place, refuse refuses them")
    return lines
