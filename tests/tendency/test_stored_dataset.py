"""generate.py on a dataset that is there: verified, repaired, and shared by trainings that start together."""

import functools
import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tendency.app.problems.data_source import build_data
from tendency.data.generation import generate
from tendency.data.generation_job import GenerationJob
from tendency.data.manifest import read_manifest
from tendency.data.manifest_schema import content_digest
from tendency.data.metadata import DatasetError
from tendency.errors import ArtefactError, ConfigError

ROOT = Path(__file__).resolve().parents[2]
DATA = [
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "data.num_train=4",
    "data.num_valid=2",
    "data.num_test=3",
    "data.chunk_size=2",
    "data.workers=1",
]
TRAINING = [
    *DATA,
    "model.width=8",
    "model.modes=4",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "scheduler.warmup_steps=2",
]


@pytest.fixture
def command(compose_config):
    """``command("generate", ...)``: one of the two forms of generate.py, in this process."""
    from omegaconf import OmegaConf

    from tendency.app.problems.stored_dataset import look_after

    return lambda *overrides: look_after(OmegaConf.create(compose_config("stored_dataset", overrides)))


@pytest.fixture(scope="module")
def config(compose_config):
    """The configuration of the dataset."""
    return compose_config("generate", DATA)


@pytest.fixture(scope="module")
def made(config, tmp_path_factory):
    """A dataset in a folder of all datasets."""
    data = build_data(config["data"], tmp_path_factory.mktemp("datasets"), config["pde"])
    data.prepare()
    return data.folder


@pytest.fixture
def stored(made, tmp_path):
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "datasets" / made.name))


def test_a_dataset_is_verified_and_repaired_from_its_manifest_alone(stored, command, capsys):
    by_name = [f"dataset={stored.name}", f"paths.datasets={stored.parent}"]
    command(*by_name, "verify=true")
    assert f"verified: {stored}, 5 chunks" in capsys.readouterr().out
    before = {path: path.read_bytes() for path in stored.glob("*/*.hdf5")}
    broken, lost = stored / "train" / "chunk-00001.hdf5", stored / "test" / "chunk-00000.hdf5"
    broken.write_bytes(before[broken][:-1] + b"!")
    lost.unlink()
    with pytest.raises(DatasetError, match=rf"{stored}: 2 of 5 chunks are damaged; python generate.py .*repair=true"):
        command(*by_name, "verify=true")
    shown = capsys.readouterr().out
    assert re.search(f"^chunk {broken} is (damaged: .*|whole, but not .*)$", shown, re.MULTILINE)
    assert f"chunk {lost} is missing\n" in shown
    command(f"dataset={stored}", "repair=true")
    shown = capsys.readouterr().out
    assert shown.count("it has the checksum that the manifest says") == 2
    assert "verified" in shown
    assert {path: path.read_bytes() for path in stored.glob("*/*.hdf5")} == before


def test_a_manifest_whose_problem_was_changed_repairs_nothing(stored, command):
    content = json.loads((stored / "manifest.json").read_text())
    content["description"]["problem"]["seed"] += 1
    content["sha256"] = content_digest(content)
    (stored / "manifest.json").write_text(json.dumps(content))
    lost = stored / "test" / "chunk-00000.hdf5"
    lost.unlink()
    before = {path: path.read_bytes() for path in stored.rglob("*.*") if path.is_file()}
    with pytest.raises(
        DatasetError, match="train/chunk-00000.hdf5 is whole, and not what the manifest's problem gives"
    ):
        command(f"dataset={stored}", "repair=true")
    assert {path: path.read_bytes() for path in stored.rglob("*.*") if path.is_file()} == before


def test_what_cannot_be_looked_after_is_one_sentence(stored, command, tmp_path):
    with pytest.raises(ConfigError, match="expected verify=true or repair=true beside it"):
        command(f"dataset={stored}")
    with pytest.raises(DatasetError, match="no dataset at"):
        command("dataset=nowhere", f"paths.datasets={tmp_path}", "verify=true")
    manifest = stored / "manifest.json"
    content = json.loads(manifest.read_text())
    del content["sha256"]
    foreign = content["description"] | {"problem": {"_target_": "os.system", "command": "true"}}
    manifest.write_text(json.dumps(content | {"schema": 1, "description": foreign}))
    (stored / "valid" / "chunk-00000.hdf5").unlink()
    with pytest.raises(ArtefactError, match="names code outside this project"):
        command(f"dataset={stored}", "repair=true")


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("pde", {"seed": 7}, "pde.seed: 0 there, 7 here"),
        ("pde", {"extent": [{"_target_": "tendency.simulation.parameters.Constant", "value": 8.0}]}, "pde.extent"),
        ("data", {"chunk_size": 3}, "chunk_size: 2 there, 3 here"),
        ("data", {"settled": "redraw"}, "settled: 'keep' there, 'redraw' here"),
    ],
)
def test_a_dataset_that_was_copied_to_the_name_of_another_is_refused(made, config, tmp_path, part, value, said):
    asked = config | {part: config[part] | value}
    makes, takes = (
        build_data(asked["data"] | {"generate": generate}, tmp_path, asked["pde"]) for generate in (True, False)
    )
    folder = makes.folder
    shutil.copytree(made, folder)
    assert folder.name != made.name
    before = (folder / "manifest.json").read_bytes()
    for use in (makes.prepare, makes.lacks, takes.prepare, takes.look):
        with pytest.raises(DatasetError, match=f"{folder} is not the one that this name stands for") as refused:
            use()
        assert said in str(refused.value)
    with pytest.raises(DatasetError, match="is not the one"):
        makes.read()
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("value", [math.nan, 1.0])
def test_a_dataset_whose_certificate_fails_is_refused(stored, config, value):
    from tendency.app.configuration.build import build_problem

    manifest = read_manifest(stored)
    first, *rest = manifest.certificate.figures
    failing = replace(manifest.certificate, figures=(replace(first, value=value), *rest))
    replace(manifest, certificate=failing).write(stored)
    data = build_data(config["data"], stored.parent, config["pde"])
    for use in (data.prepare, data.lacks):
        with pytest.raises(DatasetError, match=f"(?s)certificate fails.*{first.name}.*FAILS"):
            use()
    make_problem = functools.partial(build_problem, config["pde"])
    with pytest.raises(DatasetError, match="certificate fails"):
        generate(GenerationJob(make_problem, stored, 2), manifest.description, manifest.counts)


def test_chunks_that_were_solved_anew_are_told_by_every_verification(stored, command, capsys):
    manifest, name = read_manifest(stored), "valid/chunk-00000.hdf5"
    replace(manifest, provenance=manifest.provenance | {"solved_anew": [name]}).write(stored)
    command(f"dataset={stored}", "verify=true")
    expected = f"solved anew by a repair, with other bytes than were on record before: {name}\n"
    assert capsys.readouterr().out.endswith(expected)


def test_an_old_dataset_under_the_name_of_today_is_the_one_asked_for(config, tmp_path):
    from tendency.app.problems.dataset_problem import problem_node_of

    (old,) = (Path(__file__).parent / "first_layout" / "datasets").iterdir()
    manifest = read_manifest(old)
    assert manifest.description["problem"]["_target_"] == "simulation.problem.Problem"
    data = build_data(config["data"] | {"generate": False}, tmp_path, problem_node_of(manifest))
    shutil.copytree(old, data.folder)
    assert data.prepare() == manifest


@pytest.mark.slow
def test_the_commands_end_with_their_codes(run_script, tmp_path):
    home = {"env": {"TENDENCY_DATASETS": str(tmp_path)}}
    first = run_script("generate.py", *DATA, **home)
    assert "looked at: the manifest, and the sizes of 5 chunks; verify=true reads them" in first.stdout
    (folder,) = tmp_path.iterdir()
    path = folder / "test" / "chunk-00001.hdf5"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    for arguments in ([*DATA, "verify=true"], [f"dataset={folder.name}", "verify=true"]):
        refused = run_script("generate.py", *arguments, code=3, **home)
        assert "1 of 5 chunks are damaged" in " ".join(refused.stderr.split())
        assert f"chunk {path} is" in refused.stdout
    refused = run_script("train.py", *TRAINING, f"paths.outputs={tmp_path / 'outputs'}", code=3, **home)
    assert f"error: chunk {path}" in refused.stderr
    assert "repair=true" in refused.stderr
    repaired = run_script("generate.py", *DATA, "repair=true", **home)
    assert "verified" in repaired.stdout
    refused = run_script("generate.py", "dataset=x", "repare=true", code=2, **home)
    assert "did you mean 'repair'?" in refused.stderr


@pytest.mark.slow
def test_two_trainings_at_once_make_a_new_dataset_once(homes, tmp_path):
    environment = homes | {"TENDENCY_DATASETS": str(tmp_path), "TENDENCY_OUTPUTS": str(tmp_path / "outputs")}
    # Long enough that the second is sure to begin before the first has done.
    data = ["data.num_train=64", "data.chunk_size=1", "pde.times.num_snapshots=200", "evaluate=false"]
    running = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *TRAINING, *data, f"name={name}", "data.batch_size=64"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("one", "two")
    ]
    shown = [process.communicate(timeout=500)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], shown
    waited = [text for text in shown if "waiting for process" in text]
    assert len(waited) == 1, shown
    assert "generating heat" not in waited[0]
    assert f"waiting for process {running[1 - shown.index(waited[0])].pid} on " in waited[0]
    (folder,) = tmp_path.glob("heat-*")
    assert len((folder / "seconds.jsonl").read_text().splitlines()) == 64 + 2 + 3
