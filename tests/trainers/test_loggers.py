"""Mirrors of the local log: a real offline wandb run and real TensorBoard event files."""

import json
from pathlib import Path

import pytest
from wandb_records import records

SMALL = [
    "pde=heat",
    "pde.geometry.shape=[16]",
    "pde.times.num_snapshots=9",
    "model=unet",
    "model.width=8",
    "data.num_train=4",
    "data.num_valid=2",
    "data.num_test=2",
    "data.chunk_size=2",
    "data.workers=1",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=2",
    "scheduler.warmup_steps=2",
]


def test_one_wandb_run_carries_the_configuration_the_curves_and_the_report(run_script, homes):
    nowhere = {"WANDB_MODE": None, "WANDB_API_KEY": None, "NETRC": "/nonexistent", "WANDB_SILENT": "true"}
    done = run_script("train.py", *SMALL, "logger=wandb", "name=mirrored", env=nowhere)
    folder = Path(homes["TENDENCY_OUTPUTS"]) / "mirrored"
    assert "no key found, so this run is logged offline" in done.stdout
    assert (folder / "metrics.jsonl").stat().st_size > 0
    (run,) = (folder / "wandb").glob("offline-run-*")
    (file,) = run.glob("run-*.wandb")
    found = records(file)
    (start,) = (record.run for record in found if record.HasField("run"))
    assert start.run_id == "mirrored", "a resumed part joins the same run"
    told = {item.key: item.value_json for record in found if record.HasField("config") for item in record.config.update}
    told |= {item.key: item.value_json for item in start.config.update}
    assert json.loads(told["model"])["width"] == 8
    assert json.loads(told["pde"])["name"] == "heat"
    items = [item for record in found if record.HasField("history") for item in record.history.item]
    logged = [("/".join(item.nested_key) or item.key, item.value_json) for item in items]
    keys = {key for key, _ in logged}
    assert {"train/loss", "valid/rollout_nrmse", "learning_rate"} <= keys
    curve = [float(value) for key, value in logged if key == "train/loss"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert curve == pytest.approx([line["train/loss"] for line in lines if "train/loss" in line], rel=1e-6)

    pictures = {key for key in keys if key.startswith("report/")}
    assert pictures, "the report's pictures are shown"
    assert list(run.rglob("*.png"))
    (artifact,) = (record.artifact for record in found if record.HasField("artifact"))
    assert (artifact.name, artifact.type) == ("mirrored-report", "report")
    contents = {entry.path for entry in artifact.manifest.contents}
    assert {"report.html", "metrics.nc", "metrics.json"} <= contents
    assert "rollouts.nc" not in contents


MIRRORS = {
    "a" * 125: {"WANDB_MODE": "offline"},
    "disabled": {"WANDB_MODE": "disabled"},
    "no-network": {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"},
}
"""Names of runs, and environments in which a mirror has no easy life."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MIRRORS, ids=lambda name: name[:10])
def test_no_mirror_costs_a_run_its_end(run_script, homes, name):
    unset: dict[str, str | None] = {"WANDB_MODE": None, "WANDB_API_KEY": None}
    quiet = {"NETRC": "/nonexistent", "WANDB_SILENT": "true", "WANDB_INIT_TIMEOUT": "10"}
    done = run_script("train.py", *SMALL, "logger=wandb", f"name={name}", env=unset | quiet | MIRRORS[name])
    folder = Path(homes["TENDENCY_OUTPUTS"]) / name
    assert json.loads((folder / "finished.json").read_text())["report"] == str(folder / "report" / "report.html")
    assert "Traceback" not in done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("wandb: ")]
    assert len(said) == (1 if name == "no-network" else 0), said
    runs = list((folder / "wandb").glob("offline-run-*")) if (folder / "wandb").exists() else []
    assert len(runs) == (0 if name == "disabled" else 1)


def test_tensorboard(run_script, homes):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run_script("train.py", *SMALL, "logger=tensorboard", "name=curves", "evaluate=false")
    folder = Path(homes["TENDENCY_OUTPUTS"]) / "curves"
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    local = [record["train/loss"] for record in records if "train/loss" in record]
    assert [scalar.value for scalar in events.Scalars("train/loss")] == pytest.approx(local, rel=1e-6)
    assert len(local) >= 3
    assert len(events.Scalars("valid/rollout_nrmse")) == 1
