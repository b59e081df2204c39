"""Runs on data files, without a problem: trained, reported, judged, loaded, resumed, found again where files moved."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tendency
from tendency.app.configuration.command_line import check_command_line
from tendency.data.manifest import read_manifest
from tendency.errors import ArtefactError, ConfigError
from tests.support.array_files import write_waves
from tests.support.same_run import contents

ROOT = Path(__file__).resolve().parents[2]

READER = "+data.reader={_target_: tests.support.array_files.ArrayReader}"
TINY = ["model.width=8", "model.modes=4", "trainer.max_epochs=2", "trainer.accelerator=cpu", "scheduler.warmup_steps=2"]
TINY += ["data.batch_size=4", "matmul_precision=highest", "callbacks.checkpoints.every_n_steps=5"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a file of twelve waves, of datasets and of runs."""
    root = tmp_path_factory.mktemp("files")
    write_waves(root / "there" / "Waves.npz", 12)
    return root


@pytest.fixture(scope="module")
def train_on(run_training, place):
    """``train_on(path, "seed=1")``: trains on data files; returns the run's folder."""

    def train(path, *overrides):
        places = [f"paths.datasets={place / 'datasets'}", f"paths.outputs={place / 'outputs'}"]
        config = run_training(["data=files", f"data.path={path}", READER, *TINY, *places, *overrides])
        return Path(config.paths.run)

    return train


@pytest.fixture(scope="module")
def run(train_on, place):
    """A finished run with its report."""
    return train_on(place / "there" / "Waves.npz")


def test_a_run_on_files_is_named_after_them_and_reported(run, place):
    assert run.name.startswith("waves-fno-increment-seed0-")
    (folder,) = (place / "datasets").iterdir()
    numbers = json.loads((run / "report" / "metrics.json").read_text())
    assert numbers["summary"][run.name]["one_step_nrmse"] > 0
    assert {"persistence", "linear Fourier model"} <= set(numbers["summary"])
    assert "no reference solver is known" in json.dumps(numbers["description"]["missing_baselines"])
    page = (run / "report" / "report.html").read_text()
    for words in (
        "FNO on the data of waves",
        "data files, not certified against a solver",
        "Waves.npz",
        "drawn from all 12",
        "trajectories of the data files when they were indexed",
        "largest change beside those around it",
    ):
        assert words in page
    configuration = (run / "config.json").read_text()
    assert str(place / "there") not in configuration
    assert "pde" not in json.loads(configuration)
    assert json.loads(configuration)["data"]["dataset"] == folder.name
    assert json.loads(configuration)["data"]["num_train"] == read_manifest(folder).counts["train"]


def test_the_same_run_is_found_where_the_files_were_moved(run, train_on, place, capsys):
    moved = place / "elsewhere" / "Waves.npz"
    moved.parent.mkdir()
    shutil.copy(place / "there" / "Waves.npz", moved)
    assert train_on(moved) == run
    assert f"done already: {run}" in capsys.readouterr().out
    assert train_on(place / "there" / "Waves.npz") == run


@pytest.mark.slow
def test_a_run_on_files_is_judged_on_its_own_and_on_other_files(run, train_on, place, run_evaluation, tmp_path):
    judge = [f"paths.datasets={place / 'datasets'}", "trust=true"]
    run_evaluation(tmp_path, f"runs=[{run}]", "name=own", *judge)
    own = json.loads((tmp_path / "own" / "metrics.json").read_text())
    there = json.loads((run / "report" / "metrics.json").read_text())
    assert own["summary"][run.name] == there["summary"][run.name]
    write_waves(tmp_path / "More.npz", 20, 5)
    other = train_on(tmp_path / "More.npz", "evaluate=false", "trainer.max_epochs=1")
    dataset = place / "datasets" / json.loads((other / "config.json").read_text())["data"]["dataset"]
    run_evaluation(tmp_path, f"runs=[{run}]", "name=other", f"dataset={dataset}", *judge, "num_test=2")
    beside = json.loads((tmp_path / "other" / "metrics.json").read_text())
    assert beside["in_distribution"]["changes"] == [
        f"dataset: {own['description']['dataset']} in training, {dataset.name} here"
    ]
    page = (tmp_path / "other" / "report.html").read_text()
    assert f"Configuration of {run.name}" in page
    with pytest.raises(ArtefactError, match=f"shift: {run.name} was trained on data files: no problem is known"):
        run_evaluation(tmp_path, f"runs=[{run}]", "shift=['pde.seed=1']", *judge)


@pytest.mark.slow
def test_a_run_whose_files_are_described_otherwise_now_is_not_compared(run, place, run_evaluation, tmp_path):
    dataset = json.loads((run / "config.json").read_text())["data"]["dataset"]
    copy = Path(shutil.copytree(place / "datasets", tmp_path / "datasets")) / dataset
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert list(checkpoint["recipe"]["chunks"]) == ["files/Waves.npz"]
    checkpoint["recipe"]["chunks"]["files/Waves.npz"] = "0" * 64
    torch.save(checkpoint, tmp_path / "other.ckpt")
    with pytest.raises(
        ArtefactError, match="was judged on other test trajectories than those of .*: files/Waves.npz had"
    ):
        run_evaluation(tmp_path, f"runs=[{tmp_path / 'other.ckpt'}]", f"paths.datasets={copy.parent}", "trust=true")


@pytest.mark.slow
def test_a_surrogate_of_data_files_is_loaded_knows_its_domain_and_is_exported(run, tmp_path):
    surrogate = tendency.load_surrogate(run)
    assert surrogate.extent == [2 * np.pi]
    assert surrogate.dt == 0.1
    u = np.sin(2 * np.pi * np.arange(16) / 16)[None].astype(np.float32)
    later = surrogate.rollout(u, [0.1, 0.2], params={"speed": 1.0})
    assert later.shape == (2, 1, 16)
    tendency.export(run, tmp_path / "export")
    again = tendency.load_surrogate(tmp_path / "export")
    assert np.array_equal(again.rollout(u, [0.1, 0.2], params={"speed": 1.0}), later)
    for loaded in (surrogate, again):
        with pytest.warns(UserWarning, match=r"params\['speed'\]: 40 is beyond the training data, which go from 0.5"):
            loaded.rollout(u, [0.1], params={"speed": 40.0})


@pytest.mark.slow
def test_a_problem_beside_the_files_gives_the_report_its_solver(train_on, place):
    run = train_on(place / "there" / "Waves.npz", "pde=advection", "prediction=derivative", "trainer.max_epochs=1")
    numbers = json.loads((run / "report" / "metrics.json").read_text())
    assert any("coarse" in name for name in numbers["summary"])
    surrogate = tendency.load_surrogate(run)
    # The problem's own yaml has a domain of length 16.
    assert surrogate.extent == [2 * np.pi]
    assert surrogate.recipe.pde["times"]["num_snapshots"] == 9


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["prediction.bundle=9"], r"prediction.bundle: expected at most 8.*\(data.num_snapshots, data.stride\), got 9"),
        (["data.batch_size=1000"], "data.batch_size: expected at most 80, the training windows, got 1000"),
        (
            ["prediction=correction"],
            r"prediction.simulator: it is taken from a problem, expected one \(pde=...\), got none",
        ),
        (["small=true"], r"small=true: expected a problem, whose yaml states its small form \(pde=...\), got none"),
        (["data.num_train=11"], "data.num_train: expected at most 10, the train trajectories of"),
    ],
)
def test_what_makes_no_sense_without_a_problem_is_refused_in_a_sentence(train_on, place, overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        train_on(place / "there" / "Waves.npz", *overrides)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["model=fno"], "^pde= is required, one of: advection, "),
        (["data=solved", "model.widht=3"], r"(?s)^pde= is required, one of: .*\nunknown key 'widht'"),
        (["data=files"], "^data.path= is required$"),
        (["pde=heat", "data.path=x"], "unknown key 'path' in data"),
    ],
)
def test_a_command_line_without_a_problem_is_answered_as_well_as_before(arguments, expected):
    with pytest.raises(ConfigError, match=expected):
        check_command_line("train", arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("train", ["data=files", "data.path=x"]),
        ("generate", ["data=files", "data.path=x", "pde=heat"]),
        ("train", ["pde=heat", "data=default"]),
        ("train", ["experiment=predicting_change/heat_fno"]),
    ],
)
def test_a_command_line_with_data_or_a_problem_is_complete(command, arguments):
    check_command_line(command, arguments)


@pytest.fixture
def command(tmp_path):
    """The command line of a training on data files that a reader of the user's own reads."""
    write_waves(tmp_path / "Waves.npz", 12)
    (tmp_path / "mine" / "data" / "reader").mkdir(parents=True)
    reader = tmp_path / "mine" / "data" / "reader" / "waves.yaml"
    reader.write_text("_target_: tests.support.array_files.ArrayReader\n")
    places = [f"paths.datasets={tmp_path / 'datasets'}", f"paths.outputs={tmp_path / 'outputs'}"]
    chosen = ["data=files", f"data.path={tmp_path / 'Waves.npz'}", "data/reader=waves", *TINY, *places]
    return ["--config-dir", str(tmp_path / "mine"), *chosen, "resume=auto", "evaluate=false"]


@pytest.mark.slow
@pytest.mark.parametrize("kill_after", [1, 2])
def test_a_training_on_files_that_is_killed_ends_like_one_that_is_not(command, run_script, homes, tmp_path, kill_after):
    outputs, environment = tmp_path / "outputs", homes | {"PYTHONPATH": str(ROOT)}
    run_script("train.py", *command, "name=whole", env=environment)
    last = outputs / "killed" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *command, "name=killed"], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        written = set()
        while process.poll() is None and len(written) < kill_after:
            if last.exists():
                written.add(last.stat().st_mtime_ns)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (outputs / "killed" / "finished.json").exists()
    resumed = run_script("train.py", *command, "name=killed", env=environment)
    assert "resuming from" in resumed.stdout
    assert contents(outputs / "whole") == contents(outputs / "killed")


@pytest.mark.slow
def test_the_commands_index_and_verify_data_files(command, run_script, tmp_path):
    environment = {"PYTHONPATH": str(ROOT)}
    settings = ("--config-dir", str(tmp_path / "mine"), "data=", "data/", "data.path", "paths")
    chosen = [part for part in command if part.startswith(settings)]
    made = run_script("generate.py", *chosen, env=environment)
    assert "checked  data files, not certified against a solver" in made.stdout
    assert "10 train, 1 valid, 1 test" in made.stdout
    whole = run_script("generate.py", *chosen, "verify=true", env=environment)
    assert "1 data files, 12 trajectories, as they were indexed" in whole.stdout
    (folder,) = (tmp_path / "datasets").iterdir()
    refused = run_script("generate.py", f"dataset={folder}", "verify=true", code=3, env=environment)
    assert "is not one of this project" in " ".join(refused.stderr.split())
    refused = run_script("generate.py", *chosen, "data.boundary=walls", code=2, env=environment)
    assert "data.boundary: boundary kind: expected one of" in " ".join(refused.stderr.split())
    write_waves(tmp_path / "Waves.npz", 12, times=None)
    refused = run_script("train.py", *command, code=2, env=environment)
    assert "does not say: data.dt=0.01" in " ".join(refused.stderr.split())
