"""Every problem of conf/pde in its small form: generated, certified, learned better than persistence knows it."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.build import build, load_problem
from tendency.app.configuration.conf_files import conf_folder
from tendency.data.manifest import read_manifest
from tendency.simulation.geometry import Grid

PDES = sorted(path.stem for path in (conf_folder() / "pde").glob("*.yaml"))
NODES = ["model=message_passing", "model.width=32", "model.num_layers=4"]
BUDGET = [
    "small=true",
    "data.batch_size=8",
    "data.chunk_size=8",
    "data.workers=1",
    "trainer.max_epochs=12",
    "trainer.accelerator=cpu",
    "scheduler.warmup_steps=20",
    "optimizer.lr=3e-3",
    "matmul_precision=highest",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", PDES)
def test_a_small_model_learns_the_small_form(name, run_training):
    problem = load_problem(name, small=True)
    modes = min(8, min(problem.stored_geometry.shape) // 2)
    fno = ["model=fno", "model.width=16", f"model.modes={modes}", "model.num_layers=3"]
    model = fno if isinstance(problem.stored_geometry, Grid) else NODES
    config = run_training([f"pde={name}", *model, *BUDGET, f"name=small-{name}"])
    report = Path(config.paths.run) / "report" / "metrics.json"
    numbers = json.loads(report.read_text(encoding="utf-8"))
    (learned,) = numbers["description"]["learned"]
    surrogate, persistence = numbers["summary"][learned], numbers["summary"]["persistence"]
    assert surrogate["one_step_nrmse"] < persistence["one_step_nrmse"]
    plan = build(OmegaConf.to_container(config.data, resolve=True))
    folder = plan.folder(Path(config.paths.datasets), OmegaConf.to_container(config.pde, resolve=True), problem)
    certificate = read_manifest(folder).certificate
    assert certificate.passed
    assert problem.resolution == "as_published" or all(figure.holds for figure in certificate.figures)


@pytest.mark.parametrize("name", PDES)
def test_a_small_form_changes_sizes_and_nothing_else(name):
    """The equation, its terms and its fields are those of the full form; every problem of ours has one."""
    small = OmegaConf.load(conf_folder() / "pde" / f"{name}.yaml").get("small")
    if small is None:
        pytest.skip("states no small form")
    full, quick = load_problem(name), load_problem(name, small=True)
    assert quick.simulator.name == full.simulator.name
    assert quick.fields == full.fields
    assert (quick.param_names, quick.hidden_names) == (full.param_names, full.hidden_names)
    assert quick.geometry.boundary == full.geometry.boundary
    assert len(quick.stored_geometry.shape) == len(full.stored_geometry.shape)
    size = [problem.times.num_snapshots * problem.geometry.shape[0] for problem in (quick, full)]
    assert size[0] < size[1]
    assert set(small) == {"pde", "data"}


def test_the_command_line_stands_above_the_small_form(compose_config):
    config = compose_config("train", ["pde=heat", "small=true", "pde.geometry.shape=[48]", "data.num_train=9"])
    assert config["pde"]["geometry"]["shape"] == [48]
    assert config["pde"]["times"]["num_snapshots"] == 21
    assert (config["data"]["num_train"], config["data"]["num_test"]) == (9, 4)
    assert "small" not in config["pde"]
    full = compose_config("train", ["pde=heat"])
    assert full["pde"]["geometry"]["shape"] == [128]
    assert "small" not in full["pde"]


def test_a_problem_without_a_small_form_says_so(run_script, tmp_path):
    folder = tmp_path / "pde"
    folder.mkdir()
    text = (conf_folder() / "pde" / "heat.yaml").read_text(encoding="utf-8")
    (folder / "bare.yaml").write_text(text.split("small:")[0], encoding="utf-8")
    (folder / "odd.yaml").write_text(text.replace("  data: {", "  trainer: {"), encoding="utf-8")
    done = run_script("generate.py", "--config-dir", str(tmp_path), "pde=bare", "small=true", code=2)
    assert "small=true: pde heat states no small form" in done.stderr
    done = run_script("generate.py", "--config-dir", str(tmp_path), "pde=odd", "small=true", code=2)
    assert "pde.small.trainer: a small form has the parts pde, data" in done.stderr
