"""What was written before the packages moved below ``tendency`` is still read, judged and reported; no run goes on."""

import json
import pkgutil
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tendency
from tendency.app.configuration.build import MissingTargetError, build, build_problem
from tendency.app.configuration.moved_targets import current_target
from tendency.app.problems.dataset_problem import problem_of
from tendency.app.runs.checkpoint_reader import load_stepper, read_checkpoint
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run import Run
from tendency.app.runs.run_selection import select_runs
from tendency.data.dataset import TrajectoryDataset
from tendency.errors import ArtefactError
from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth

OLD = Path(__file__).parent / "first_layout"
TARGETS = (OLD / "targets.txt").read_text(encoding="utf-8").split()
RUNS = ("fno-derivative", "message-passing-increment")


@pytest.fixture
def old(tmp_path):
    """A copy of the old datasets and outputs."""
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path / "old"


@pytest.mark.parametrize("target", TARGETS)
def test_every_class_that_a_yaml_named_is_found(target):
    found = pkgutil.resolve_name(current_target(target))
    assert callable(found)
    assert current_target(current_target(target)) == current_target(target)


def test_classes_of_others_are_left_alone():
    for target in ("torch.nn.Linear", "data.mine.Network", "surrogates.models.fno.OwnFNO", "solvers.etdrk"):
        assert current_target(target) == target


@pytest.mark.parametrize("name", RUNS)
def test_old_checkpoints_load_and_step(name):
    surrogate = tendency.load_surrogate(OLD / "outputs" / name)
    states = surrogate.rollout(np.ones((2, 1, 1, 16), "float32"), [0.1, 0.2], params={"diffusivity": 0.3})
    assert states.shape == (2, 2, 1, 16)
    assert np.isfinite(states).all()
    assert read_checkpoint(OLD / "outputs" / name).recipe.version is None


def test_an_old_export_loads():
    surrogate = tendency.load_surrogate(OLD / "export")
    assert surrogate.rollout(np.ones((1, 1, 16), "float32"), [0.1], params={"diffusivity": 0.3}).shape == (1, 1, 16)


def test_an_old_datasets_problem_is_built():
    (folder,) = (OLD / "datasets").iterdir()
    dataset = TrajectoryDataset.whole(folder, "test")
    problem = problem_of(dataset)
    assert problem is not None
    assert torch.isfinite(dataset[0].u).all()


def test_old_runs_are_judged_together(old, run_evaluation, capsys):
    runs = ",".join(str(old / "outputs" / name) for name in RUNS)
    run_evaluation(old / "reports", f"runs=[{runs}]", f"paths.datasets={old / 'datasets'}", "name=both")
    numbers = json.loads((old / "reports" / "both" / "metrics.json").read_text())
    assert {*RUNS, "persistence"} <= set(numbers["summary"])
    assert "coarse solver" in numbers["summary"]
    assert (old / "reports" / "both" / "report.html").exists()


def test_an_old_reports_figures_have_their_present_names(tmp_path):
    figures = {"geometric_mean_nrmse": 0.5, "one_step_nrmse": None}
    old = {"summary": {"ours": figures}, "seeds": {"group": {"geometric_mean_nrmse": {"mean": 0.5}}}}
    (tmp_path / "metrics.json").write_text(json.dumps(old))
    report = ReportFolder(tmp_path)
    assert report.summary("ours") == {"rollout_nrmse": 0.5, "one_step_nrmse": None}
    assert report.numbers()["seeds"] == {"group": {"rollout_nrmse": {"mean": 0.5}}}


def test_a_shift_of_an_old_problem_is_judged(old, run_evaluation):
    chosen = [f"runs=[{old / 'outputs' / RUNS[0]}]", f"paths.datasets={old / 'datasets'}", "name=away"]
    run_evaluation(old / "reports", *chosen, 'shift=["pde.times.num_snapshots=5"]', "evaluation.batch_size=2")
    numbers = json.loads((old / "reports" / "away" / "metrics.json").read_text())
    assert numbers["in_distribution"]["changes"] == ["pde.times.num_snapshots: 9 in training, 5 here"]


def test_no_run_goes_on_from_an_old_one(old, run_training):
    config = json.loads((old / "outputs" / RUNS[0] / "config.json").read_text())
    shape = [f"pde.geometry.shape={config['pde']['geometry']['shape']}", "pde.times.num_snapshots=9"]
    small = [*shape, "model.modes=4", "data.num_train=4", "data.num_valid=2", "data.num_test=3", "data.batch_size=4"]
    chosen = ["pde=heat", *small, "scheduler.warmup_steps=2", "trainer.accelerator=cpu", "resume=auto"]
    place = f"paths.outputs={old / 'outputs'}"
    with pytest.raises(ArtefactError, match="older version of this program.*judged but not resumed; use another name="):
        run_training([*chosen, place, f"name={RUNS[0]}"])
    checkpoint = old / "outputs" / RUNS[0] / "checkpoints" / "last.ckpt"
    with pytest.raises(ArtefactError, match="older version of this program; it can be loaded and judged, but no run"):
        run_training([*chosen, f"ckpt_path={checkpoint}", "name=on"])


def test_an_old_and_a_new_configuration_are_the_same_method():
    run = Run.read(OLD / "outputs" / RUNS[0])
    assert run.configuration["model"]["_target_"] == "tendency.surrogates.models.fno.FNO"
    assert isinstance(load_stepper(OLD / "outputs" / RUNS[0]).prediction.integrator, AdamsBashforth)


def test_a_class_that_is_gone_is_one_sentence(old):
    path = old / "outputs" / RUNS[0] / "checkpoints" / "best.ckpt"
    content = torch.load(path, weights_only=True)
    content["recipe"]["model"]["_target_"] = "surrogates.models.gone.Gone"
    torch.save(content, path)
    with pytest.raises(ArtefactError, match=r"names code outside this project \(model: surrogates.models.gone.Gone\)"):
        load_stepper(path)
    content["recipe"]["model"]["_target_"] = "tendency.surrogates.models.gone.Gone"
    torch.save(content, path)
    with pytest.raises(
        ArtefactError, match="another version.*model: this version has no class tendency.surrogates.models.gone.Gone"
    ):
        load_stepper(path)
    with pytest.raises(ArtefactError, match="model: this version has no class tendency.surrogates.models.gone.Gone"):
        load_stepper(path, trust=True)
    with pytest.raises(
        MissingTargetError, match=r"pde.simulator: cannot import tendency.solvers.gone.Gone \(No module"
    ):
        build({"_target_": "tendency.solvers.gone.Gone"}, "pde.simulator")
    with pytest.raises(MissingTargetError, match=r"pde: cannot import tendency\.nowhere\.Thing \(No module"):
        build_problem({"_target_": "tendency.nowhere.Thing"})


def test_a_network_from_elsewhere_that_cannot_be_imported_names_the_cause(old, tmp_path, monkeypatch):
    (tmp_path / "own_network.py").write_text("import a_package_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = old / "outputs" / RUNS[0] / "checkpoints" / "best.ckpt"
    content = torch.load(path, weights_only=True)
    content["recipe"]["model"] = {
        "_target_": "tendency.surrogates.models.external.External",
        "network": {"_target_": "own_network.Net"},
    }
    torch.save(content, path)
    with pytest.raises(
        ArtefactError, match="model.network._target_: cannot import 'own_network.Net' .*a_package_that_is_missing"
    ):
        load_stepper(path, trust=True)


@pytest.mark.parametrize(
    "target",
    [
        "tendency.export_surrogate.torch.load",
        "tendency.data.manifest.Path",
        "tendency.data.trajectory_reader.h5py.File",
        "tendency.app.runs.run_folder.json.loads",
    ],
)
def test_what_our_modules_import_is_not_ours(old, target):
    path = old / "outputs" / RUNS[0] / "checkpoints" / "best.ckpt"
    content = torch.load(path, weights_only=True)
    content["recipe"]["prediction"] = {"_target_": target, "f": str(path)}
    torch.save(content, path)
    with pytest.raises(ArtefactError, match=f"prediction: this version has no class {target}"):
        load_stepper(path)
    (folder,) = (old / "datasets").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["description"]["problem"] = {"_target_": target, "f": str(path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert problem_of(TrajectoryDataset.whole(folder, "test")) is None


def test_a_damaged_configuration_is_named_and_leaves_the_other_runs_be(old):
    (old / "outputs" / RUNS[1] / "config.json").write_text("{")
    selection = select_runs([str(old / "outputs" / "*")])
    assert [run.name for run in selection.runs] == [RUNS[0]]
    assert "config.json: damaged" in selection.skipped[RUNS[1]]
