"""A generation job from its configuration to its certificate."""

import shlex
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.groups import INJECTED, settings_of
from tendency.app.configuration.settings import GenerateSettings, PathSettings
from tendency.app.configuration.signatures import check_nodes, check_settings
from tendency.app.problems.convert_dataset import convert_dataset
from tendency.app.problems.data_source import DataSource, data_of
from tendency.data.certify_files import FILES_UNCERTIFIED
from tendency.data.manifest import Manifest
from tendency.simulation.problem import Problem


def generate(config: DictConfig) -> None:
    """Makes the dataset, or adds what is missing to it, and shows its certificate.

    Raises:
        ConfigError: the configuration is wrong; nothing was built.
        DatasetError: the certificate fails, or a trajectory is not usable.
    """
    content: dict[str, Any] = plain(config)
    settings = settings_of(content, "generate")
    check_settings(settings, GenerateSettings)
    # What does not go together.
    GenerateSettings(**settings)
    check_settings(content["paths"], PathSettings, "paths")
    nodes = {key: content[key] for key in ("pde", "data") if content.get(key)}
    check_nodes(nodes, INJECTED, {"pde": Problem, "data": DataSource})
    data = data_of(content)
    if content["inspect"]:
        print(data.inspect())
        return
    if content["certify"] == "only":
        certificate = data.certify()
        certificate.require()
        print("\n".join(certificate.lines()))
        return
    if content["verify"] or content["repair"]:
        if content["repair"]:
            data.repair()
        data.verify()
        return
    data.look()
    data.check()
    for line in data.lines():
        print(line, flush=True)
    if content["convert"]:
        root = Path(content["paths"]["datasets"])
        converted = convert_dataset(data, root, content["convert_every"], content["convert_stride"])
        print(f"dataset: {converted}")
        print(f"next:    {shlex.join(['python', 'train.py', 'data=files', f'data.path={converted}'])}")
        return
    folder, manifest = data.folder, data.prepare()
    certified = manifest.files is None or manifest.certificate.certified
    # What is told of data files stands among their lines already.
    table = manifest.certificate.lines()[: 1 + len(manifest.certificate.figures)]
    print("\n".join(table if certified else [f"certificate: {FILES_UNCERTIFIED}"]))
    for line in settled_lines(manifest):
        print(line)
    counts = ", ".join(f"{n} {split}" for split, n in manifest.counts.items())
    print(f"dataset: {folder} ({counts})")
    parts = f"{len(manifest.chunks)} chunks" if manifest.files is None else f"{len(manifest.files.files)} data files"
    print(f"looked at: the manifest, and the sizes of {parts}; verify=true reads them")
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
