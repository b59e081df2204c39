"""Users' stories, told through the commands that they type."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tendency.errors import guarded

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "model.width=8",
    "model.modes=4",
    "data.num_train=4",
    "data.num_valid=2",
    "data.num_test=3",
    "data.chunk_size=2",
    "data.workers=1",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=2",
    "scheduler.warmup_steps=2",
]


def outputs(homes):
    return Path(homes["TENDENCY_OUTPUTS"])


@pytest.fixture(scope="module")
def first_run(run_script, homes):
    """A finished run and what it printed."""
    done = run_script("train.py", *SMALL, "name=first")
    return outputs(homes) / "first", done


def test_training_ends_with_a_table_and_a_report(first_run):
    folder, done = first_run
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "checkpoints",
        "config.json",
        "finished.json",
        "metrics.jsonl",
        "report",
    ]
    assert f"report: {folder}/report/report.html" in done.stdout
    assert "persistence" in done.stdout
    assert done.stderr == ""
    assert (folder / "report" / "report.html").exists()
    numbers = json.loads((folder / "report" / "metrics.json").read_text())
    assert numbers["summary"]["first"]["trajectories"] == 3


def test_the_same_command_again_says_that_it_is_done(first_run, run_script):
    folder, _ = first_run
    before = (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    for more in ([], ["resume=auto"]):
        again = run_script("train.py", *SMALL, "name=first", *more)
        assert "done already" in again.stdout
        assert "report.html" in again.stdout
    assert (folder / "checkpoints" / "last.ckpt").stat().st_mtime_ns == before


def test_a_finished_run_is_not_taken_for_one_with_another_setting(first_run, run_script):
    refused = run_script("train.py", *SMALL, "name=first", "optimizer.lr=0.5", code=3)
    assert "optimizer.lr: 0.003 there, 0.5 here" in refused.stderr
    assert "done already" not in refused.stdout


def test_a_report_overwrites_neither_a_run_nor_another_report(first_run, run_script):
    folder, _ = first_run
    before = sorted(folder.rglob("*"))
    refused = run_script("evaluate.py", f"runs=[{folder}]", "name=first", code=2)
    assert "nothing is overwritten; use another name" in " ".join(refused.stderr.split())
    assert sorted(folder.rglob("*")) == before


def test_the_rollouts_of_one_simulator_are_selected_by_its_name(first_run):
    import xarray as xr

    folder, _ = first_run
    with xr.open_dataset(folder / "report" / "rollouts.nc", engine="h5netcdf") as rollouts:
        still = rollouts.prediction.sel(simulator="persistence").values
        assert (still == rollouts.truth.values[:, :1]).all()
        learned = rollouts.prediction.sel(simulator="first").values
        assert (learned[:, 1:] != learned[:, :1]).any()


def test_several_runs_in_one_report(first_run, run_script, homes, tmp_path):
    folder, _ = first_run
    run_script("train.py", *SMALL, "name=second", "prediction=derivative", "evaluate=false")
    # From a folder that has a data/ of its own, as users' folders do.
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("raise RuntimeError('the wrong data')")
    runs = f"runs=[{folder},{outputs(homes) / 'second' / 'checkpoints' / 'last.ckpt'}]"
    done = run_script("evaluate.py", runs, "name=both", cwd=tmp_path)
    numbers = json.loads((outputs(homes) / "both" / "metrics.json").read_text())
    assert list(numbers["summary"])[:3] == ["first", "second", "persistence"]
    assert "second" in done.stdout


def test_the_python_face(first_run, homes):
    import tendency

    folder, _ = first_run
    stepper = tendency.load_surrogate(folder)
    (dataset,) = [
        path
        for path in Path(homes["TENDENCY_DATASETS"]).iterdir()
        if path.name == torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["recipe"]["dataset"]
    ]
    window = tendency.open_windows(dataset, "test")[0]
    start = tendency.begin(stepper, *window.history(stepper.history), window.conditions, window.index)
    with torch.no_grad():
        (state,) = tendency.rollout(stepper, start, window.times(1, 1), window.conditions)
    assert (state.u - window.at(1)).norm() < 0.2 * window.at(1).norm()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tendency.nothing


def test_a_run_that_is_told_to_stop_goes_on_with_resume_auto(run_script, homes):
    command = [sys.executable, str(ROOT / "train.py"), *SMALL, "name=stopped", "trainer.max_epochs=400"]
    process = subprocess.Popen(
        command, env=homes, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log = outputs(homes) / "stopped" / "metrics.jsonl"
    try:
        deadline = time.monotonic() + 120
        while not log.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 143, error
    assert error == "error: stopped by SIGTERM; the same command with resume=auto goes on\n"
    checkpoint = outputs(homes) / "stopped" / "checkpoints" / "last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] >= 1
    refused = run_script("train.py", *SMALL, "name=stopped", "trainer.max_epochs=400", code=2)
    assert "add resume=auto to continue it, or name=" in " ".join(refused.stderr.split())
    # Another end of the run is another configuration, which the folder's name does not allow by itself.
    changed = run_script("train.py", *SMALL, "name=stopped", "trainer.max_epochs=3", "resume=auto", code=3)
    assert "trainer.max_epochs: 400 there, 3 here" in changed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["pde.seed=5", "data.generate=false"], 3, "no dataset at .* data.generate=false forbids making it"),
        (["model.width=0", "trainer.max_epochs=lots"], 2, "(?s)model.width.*greater than or equal to 1.*max_epochs"),
        (["ckpt_path={first}", "model.width=16"], 3, "(?s)disagree:.*model.width: 8 there, 16 here"),
    ],
)
def test_bad_input_is_answered_in_a_few_lines(first_run, run_script, homes, arguments, code, expected):
    folder, _ = first_run
    arguments = [text.format(first=folder / "checkpoints" / "last.ckpt") for text in arguments]
    done = run_script("train.py", *SMALL, "name=bad", *arguments, code=code)
    assert_answered(done.stderr, expected, homes)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["model.modes=12"], 2, "model.modes: a grid of 16 points keeps 9 modes, got 12"),
        (["+trainer.devicez=4"], 2, "trainer.devicez: unknown argument of make_trainer; did you mean 'devices'"),
        (["+trainer.options.detect_anomalies=true"], 2, "options.detect_anomalies: .*did you mean 'detect_anomaly'"),
        (["+trainer.options.max_epochs=3"], 2, "trainer.options.max_epochs: set trainer.max_epochs in its place"),
        (["data.batch_size=1000"], 2, "data.batch_size: expected at most 32, the training windows, got 1000"),
        (["scheduler.warmup_steps=16"], 2, "scheduler.warmup_steps: expected fewer than the 16 steps of .*, got 16"),
        (["trainer.accelerator=gpu"], 2, "trainer.accelerator: gpu was asked for, this machine shows none"),
        (
            ["pde.parameters.diffusivity.low=2"],
            2,
            "pde.parameters.diffusivity: expected low < high, got low=2.*, high=0.8",
        ),
        (["ckpt_path=nowhere.ckpt"], 3, "checkpoint .*nowhere.ckpt does not exist"),
        (["prediction=derivative", "prediction/difference=stored"], 2, "add data.store_u_t=true"),
        (["+callbacks.step_seed.sede=1"], 2, "callbacks.step_seed.sede: unknown argument of StepSeed"),
    ],
)
def test_more_of_bad_input(run_training, homes, capsys, arguments, code, expected):
    """As the one above, without processes of their own, which take seconds."""
    with pytest.raises(SystemExit) as ended:
        guarded(lambda: run_training([*SMALL, "name=bad", *arguments]))
    assert ended.value.code == code
    assert_answered(capsys.readouterr().err, expected, homes)


def assert_answered(error, expected, homes):
    assert re.search(expected, " ".join(error.split())), error
    assert len(error.splitlines()) <= 12
    assert "Traceback" not in error
    assert not (outputs(homes) / "bad" / "checkpoints").exists()


def test_a_damaged_chunk_stops_an_evaluation(first_run, run_script, homes, tmp_path):
    folder, _ = first_run
    name = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["recipe"]["dataset"]
    copy = tmp_path / name
    shutil.copytree(Path(homes["TENDENCY_DATASETS"]) / name, copy)
    chunk = copy / "test" / "chunk-00001.hdf5"
    chunk.write_bytes(chunk.read_bytes()[:-100])
    done = run_script("evaluate.py", f"runs=[{folder}]", f"dataset={copy}", "name=damaged", code=3)
    assert "chunk-00001.hdf5 is damaged: expected" in " ".join(done.stderr.split())
    assert not (outputs(homes) / "damaged" / "report.html").exists()


def test_an_unstable_solver_names_step_and_remedy(run_script, homes):
    arguments = ["pde=navier_stokes", "pde.geometry.shape=[16,16]", "pde.initial_condition.max_wavenumber=5"]
    arguments += ["pde.simulator.max_step=20", "pde.times.dt.value=20", "data.workers=1", "pde.tolerances.window=200"]
    done = run_script("generate.py", *arguments, code=4)
    text = " ".join(done.stderr.split())
    assert "navier_stokes became unstable by t = " in text
    assert "lower pde.simulator.max_step (now 20)" in text
    assert len(done.stderr.splitlines()) <= 12


def test_a_wheel_runs_without_the_checkout(homes, tmp_path):
    """Built as a user's pip builds it, and started from an empty folder."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *quiet, "-w", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("tendency-*.whl")
    target = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", *quiet, "--target", str(target), str(wheel)], check=True)
    code = (
        "import sys; sys.path[:] = [p for p in sys.path if p != sys.argv[1]]; sys.path.insert(0, sys.argv[2])\n"
        "import tendency, tendency.data.dataset as data; sys.argv = ['generate.py', *sys.argv[3:]]\n"
        "assert tendency.__file__.startswith(sys.path[0]) and data.__file__.startswith(sys.path[0])\n"
        "from tendency.app.commands.entry import generate; generate()\n"
    )
    command = [sys.executable, "-c", code, str(ROOT), str(target), *SMALL[:3], *SMALL[5:10]]
    done = subprocess.run(command, cwd=tmp_path, env=homes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "next:    python train.py pde=heat 'pde.geometry.shape=[16]'" in done.stdout
