"""Files from anybody: nothing that they name runs, nothing leaves their folder, and each is refused in one sentence."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

import tendency
from tendency.app.configuration.identity import identity
from tendency.app.problems.dataset_problem import problem_of
from tendency.app.problems.shifted_dataset import shifted_dataset
from tendency.app.runs.exported_files import RECIPE, WEIGHTS
from tendency.app.runs.run import Run
from tendency.app.runs.run_selection import select_runs
from tendency.app.studies.training_record import RecordFolder
from tendency.data.dataset import TrajectoryDataset
from tendency.errors import ArtefactError, ConfigError

OLD = Path(__file__).parent / "first_layout"
RUN = OLD / "outputs" / "fno-derivative"
CANARY = "canary"
FNO = "tendency.surrogates.models.fno.FNO"
EXTERNAL = "tendency.surrogates.models.external.External"
WRITES = {"_target_": "tendency.export_surrogate.export", "source": str(OLD / "export"), "folder": CANARY}
"""A function of ours that writes files."""


def bomb(levels=7, width=9):
    """9^7 entries in a file of a few hundred bytes: a list is written once, however often it is named."""
    value = ["x"] * width
    for _ in range(levels - 1):
        value = [value] * width
    return value


def deep(levels=100):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def node(target, **arguments):
    return {"_target_": target, **arguments}


def change(**parts):
    """A change of a recipe: ``a__b=value`` sets recipe["a"]["b"]."""

    def apply(recipe):
        for path, value in parts.items():
            *keys, last = path.split("__")
            place = recipe
            for key in keys:
                place = place[key]
            place[last] = value

    return apply


def without(*path):
    def apply(recipe):
        place = recipe
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return apply


ANOTHER, DAMAGED = "another version of this program", "is damaged"
FOREIGN = r"names code outside this project .*say trust=true"
HOSTILE = {
    # Functions and methods of ours, and what our modules import.
    "a function of ours that writes": (change(model=WRITES), ANOTHER),
    "as a prediction": (change(prediction=WRITES), ANOTHER),
    "the loader that is told to trust": (
        change(model=node("tendency.trained_surrogate.load_surrogate", path="x", trust=True)),
        ANOTHER,
    ),
    "the builder of nodes": (change(model=node("tendency.app.configuration.build.build", node=WRITES)), ANOTHER),
    "the builder of networks": (
        change(model=node("tendency.app.configuration.build.build_surrogate", node=WRITES)),
        ANOTHER,
    ),
    "a writer of texts": (
        change(prediction=node("tendency.data.whole_file.write_whole", path=CANARY, text="ran")),
        ANOTHER,
    ),
    "a writer of JSON": (
        change(prediction=node("tendency.app.runs.run_folder.write_json", path=CANARY, content={})),
        ANOTHER,
    ),
    "a method of an imported class": (
        change(prediction=node("tendency.data.manifest.Path.write_text", self=CANARY, data="ran")),
        ANOTHER,
    ),
    "torch through a module of ours": (
        change(prediction=node("tendency.surrogates.stepper.torch.load", f=CANARY, weights_only=False)),
        ANOTHER,
    ),
    "numpy through a module of ours": (
        change(prediction=node("tendency.data.trajectory_file.np.load", file=CANARY, allow_pickle=True)),
        ANOTHER,
    ),
    "subprocess through a module of ours": (
        change(prediction=node("tendency.version.subprocess.run", args=["touch", CANARY])),
        ANOTHER,
    ),
    "a method of a class of ours": (
        change(model=node("tendency.app.runs.run_folder.RunFolder.finish", self={}, figures={})),
        ANOTHER,
    ),
    "a class method of ours": (change(prediction=node("tendency.app.runs.run.Run.read", path="x")), ANOTHER),
    "a module": (change(model=node("tendency.data.manifest")), ANOTHER),
    "the package": (change(model=node("tendency")), ANOTHER),
    "a path with a colon": (change(model=node("tendency.data.manifest:Path")), ANOTHER),
    # Classes of ours, at places where they do not belong.
    "a class that starts processes": (change(model=node("tendency.app.studies.processes.Processes")), ANOTHER),
    "a dataset": (change(prediction=node("tendency.data.dataset.TrajectoryDataset", folder=CANARY)), ANOTHER),
    "a prediction as a model": (
        change(model=node("tendency.surrogates.predictions.state.StatePrediction")),
        "expected a Surrogate",
    ),
    "an integrator as a difference": (
        change(prediction__difference=node("tendency.surrogates.integrators.runge_kutta.ForwardEuler")),
        "prediction.difference: expected a Difference, got ForwardEuler",
    ),
    "the abstract class": (change(model=node("tendency.surrogates.surrogate.Surrogate")), "expected a Surrogate"),
    "a node where a number belongs": (change(model__width=WRITES), "model.width: "),
    "a node in a list": (change(model__modes=[WRITES]), r"model.modes\[0\]: "),
    "a node in an unknown argument": (change(model__further={"a": [{"b": WRITES}]}), r"model.further.a\[0\].b: "),
    "a node inside a node": (change(prediction__integrator__order=WRITES), "prediction.integrator.order: "),
    "a class of ours as a foreign network": (
        change(model=node(EXTERNAL, network=node(FNO, _partial_=True), sizes={})),
        "model.network: expected no class at this place",
    ),
    "a function of ours as a foreign network": (
        change(model=node(EXTERNAL, network={**WRITES, "_partial_": True}, sizes={})),
        ANOTHER,
    ),
    # Code of others.
    "a shell": (change(model=node("os.system", command=f"touch {CANARY}")), FOREIGN),
    "eval": (change(prediction=node("builtins.eval", source="1")), FOREIGN),
    "a foreign network": (change(model=node(EXTERNAL, network=node("antigravity.Net"), sizes={})), FOREIGN),
    "a foreign class in a list": (change(prediction__conditioned_on=[node("os.getcwd")]), FOREIGN),
    "a foreign class in an unknown argument": (change(model__further={"a": node("shutil.rmtree", path=".")}), FOREIGN),
    "our name as the beginning of another": (change(model=node("tendencyx.surrogates.Net")), FOREIGN),
    # What steers the building of nodes.
    "partial": (change(model___partial_=True), r"model._partial_: not taken from a file"),
    "args": (change(model___args_=[1]), "model._args_: not taken from a file"),
    "not recursive": (change(prediction___recursive_=False), "prediction._recursive_: not taken from a file"),
    "convert": (change(prediction__integrator___convert_="none"), "integrator._convert_: not taken from a file"),
    "an environment variable": (change(model__width="${oc.env:HOME}"), "an interpolation is not taken from a file"),
    "a reference": (change(prediction__history="${model.width}"), "an interpolation is not taken from a file"),
    "an interpolated target": (change(model=node("tendency.${oc.env:HOME}")), ANOTHER),
    "a target that is a list": (change(model=node(["os.system"])), "expected the path of a class"),
    "no target": (change(model={"width": 4}), "model: expected a node with a _target_"),
    "a missing value": (change(model__width="???"), "model.width: a value is required"),
    # What another version wrote.
    "a class that was renamed": (
        change(model__target="x", model___target_="tendency.surrogates.models.fno.OldFNO"),
        r"another version of this program \(9.9.9; this is .*no class tendency.surrogates.models.fno.OldFNO",
    ),
    "an argument that was renamed": (change(model__breadth=4), ANOTHER),
    "an argument that was removed": (without("model", "width"), "model.width: FNO requires it"),
    "a value that is refused now": (change(prediction__history=3, prediction__conditioned_on=["dt"]), ANOTHER),
    # Sizes.
    "a wide network": (
        change(model__width=20_000),
        r"asks for a network of [\d,]{10,} numbers or more, and it holds [\d,]+$",
    ),
    "an absurdly wide network": (change(model__width=10**9), r"asks for a network of [\d,]{13,} numbers or more"),
    "very many layers": (change(model__num_layers=10**9), "asks for a network of more than [0-9,]+ parts"),
    "very many modes": (change(model__modes=10**12), r"asks for a network of [\d,]{14,} numbers or more"),
    "nested aliases": (change(model__further=bomb()), "damaged .expected at most [0-9,]+ entries"),
    "deep lists": (change(run={"a": deep()}), "damaged .expected at most 64 levels"),
    # Paths.
    "a dataset above": (change(dataset="../../etc"), "dataset: "),
    "a dataset at the root": (change(dataset="/etc"), "dataset: "),
    "a dataset with a newline": (change(dataset="heat\n"), "dataset: "),
    "a problem above": (change(metadata__name="../up"), "metadata.name: "),
    # Types.
    "a model that is a list": (change(model=[FNO]), DAMAGED),
    "no metadata": (without("metadata"), "lacks"),
    "metadata without fields": (without("metadata", "fields"), DAMAGED),
    "metadata with an unknown entry": (change(metadata__further=1), DAMAGED),
    "a field that is a number": (change(metadata__fields=[3]), DAMAGED),
    "a field of many axes": (change(metadata__fields=[{"name": "u", "rank": 10**6}]), DAMAGED),
    "a step that is no number": (change(metadata__dt="long"), DAMAGED),
    "a step of zero": (change(metadata__dt=0.0), DAMAGED),
    "an unknown geometry": (change(metadata__geometry__kind="mesh"), DAMAGED),
    "a geometry without a boundary": (without("metadata", "geometry", "boundary"), DAMAGED),
    "a grid of a huge shape": (change(metadata__geometry__shape=[10**30]), r"expected at most [\d,]+ points"),
    "chunks that are a list": (change(chunks=["test"]), DAMAGED),
    "a stride of zero": (change(stride=0), DAMAGED),
    "a negative number of trajectories": (change(num_test=-1), DAMAGED),
    "a version that is a mapping": (change(version={"a": 1}), DAMAGED),
    "a run that is a text": (change(run="x"), DAMAGED),
    "parameters that are a list": (change(run={"pde": {"parameters": [1]}}), DAMAGED),
}


@pytest.fixture(scope="module")
def stored():
    content = torch.load(RUN / "checkpoints" / "best.ckpt", weights_only=True)
    kept = {"recipe": content["recipe"] | {"version": "9.9.9"}, "state_dict": content["state_dict"]}
    weights = save({key.removeprefix("stepper."): value for key, value in content["state_dict"].items()})
    return kept | {"weights": weights}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, so that a relative path that is written to is seen here."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def a_few(cases, step=3):
    """Every third of the cases is quick."""
    return [pytest.param(case, marks=[pytest.mark.slow] if i % step else []) for i, case in enumerate(cases)]


def everything(folder):
    return sorted((str(path), path.stat().st_size) for path in folder.rglob("*"))


def refused(action, place, message):
    before = everything(place.parent)
    with pytest.raises(ArtefactError, match=message) as caught:
        action()
    assert not (place / CANARY).exists()
    assert everything(place.parent) == before
    text = str(caught.value)
    assert len(text) < 1500
    assert text.count("\n") <= (5 if "do not fit its recipe" in text else 0)


@pytest.mark.parametrize("form", ["checkpoint", pytest.param("export", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", a_few(HOSTILE))
def test_a_hostile_recipe_is_refused(stored, place, case, form):
    apply, message = HOSTILE[case]
    recipe = copy.deepcopy(stored["recipe"])
    apply(recipe)
    path = place / "given"
    if form == "checkpoint":
        torch.save({"recipe": recipe, "state_dict": stored["state_dict"]}, path)
    else:
        path.mkdir()
        (path / RECIPE).write_text(json.dumps(recipe))
        (path / WEIGHTS).write_bytes(stored["weights"])
    refused(lambda: tendency.load_surrogate(path), place, message)
    if message != FOREIGN:
        # Whoever is trusted, a function of ours is no network.
        refused(lambda: tendency.load_surrogate(path, trust=True), place, message)


PROBLEMS = {
    "a function of ours that writes": WRITES,
    "a function inside": {"simulator__equation": WRITES},
    "a function as a parameter": {"parameters__diffusivity": WRITES},
    "a function in a list": {"extent": [WRITES]},
    "the loader that is told to trust": node("tendency.trained_surrogate.load_surrogate", path="x", trust=True),
    "another maker": {"store_on": node("tendency.simulation.geometry.geometry_from_dict", plain={"kind": "grid"})},
    "a problem by its name": node("tendency.app.configuration.build.load_problem", name="../../x"),
    "numpy through a module of ours": node("tendency.data.trajectory_file.np.load", file=CANARY, allow_pickle=True),
    "a shell": node("os.system", command=f"touch {CANARY}"),
    "a shell inside": {"initial_condition": node("os.system", command=f"touch {CANARY}")},
    "a network as an initial condition": {"initial_condition": node(FNO, width=4, modes=2, num_layers=1)},
    "an equation as a solver": {"simulator": node("tendency.solvers.pdes.heat.Heat")},
    "an environment variable": {"name": "${oc.env:HOME}"},
    "partial": {"times___partial_": True},
    "nested aliases": {"further": bomb(5, 12)},
    "very many nodes": {
        "store_on": node(
            "tendency.simulation.geometry.random_nodes",
            num_nodes=10**12,
            boundary=node("tendency.simulation.geometry.Boundary", sides=[["periodic", "periodic"]]),
        )
    },
    "a text": "tendency",
    "a list": [WRITES],
}


@pytest.fixture(scope="module")
def dataset():
    (folder,) = (OLD / "datasets").iterdir()
    return TrajectoryDataset.whole(folder, "test")


def changed(problem, case):
    if not isinstance(case, dict) or "_target_" in case:
        return case
    problem = copy.deepcopy(problem)
    change(**case)(problem)
    return problem


@pytest.mark.parametrize("case", a_few(PROBLEMS))
def test_a_manifest_builds_nothing_but_a_problem_of_ours(dataset, place, case):
    description = dataset.manifest.description
    given = copy.copy(dataset)
    given.manifest = replace(dataset.manifest, description={"problem": changed(description["problem"], PROBLEMS[case])})
    assert problem_of(dataset) is not None
    assert problem_of(given) is None
    assert everything(place.parent) == [(str(place), place.stat().st_size)]


@pytest.fixture
def run(place):
    shutil.copytree(RUN, place / "run")
    return place / "run"


def shifted(run, place, shift="pde.times.num_snapshots=5"):
    return shifted_dataset([Run.read(run)], [shift], 2, place, lambda problem: None)


@pytest.mark.parametrize("case", a_few(PROBLEMS))
def test_the_configuration_of_a_run_builds_nothing_but_a_problem_of_ours(run, place, case):
    config = json.loads((run / "config.json").read_text())
    config["pde"] = changed(config["pde"], PROBLEMS[case])
    (run / "config.json").write_text(json.dumps(config))
    refused(lambda: shifted(run, place), place, "shift|pde|problem")


@pytest.mark.parametrize(
    "data",
    [WRITES, node("os.system", command=f"touch {CANARY}"), {"chunk_size": WRITES}, {"further": 1}, {"_args_": []}],
)
def test_the_configuration_of_a_run_builds_no_other_data(run, place, data):
    config = json.loads((run / "config.json").read_text())
    config["data"] |= data
    (run / "config.json").write_text(json.dumps(config))
    refused(lambda: shifted(run, place), place, "^shift: ")


@pytest.mark.parametrize("key", ["geometry.shape=[2000000000]", "times.num_snapshots=1000000000"])
def test_a_shift_to_what_has_no_room_is_refused_before_any_of_it_is_made(run, place, key):
    with pytest.raises(ConfigError, match=rf"^shift: pde.{key.partition('=')[0]}=.*expected .*, got "):
        shifted(run, place, f"pde.{key}")


def test_what_a_configuration_is_called_by_imports_nothing(monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"{name} was imported"))
    for target in ("antigravity.x", "tendency.surrogates.stepper.torch.hub.load", "tendency.data.manifest.os.system"):
        assert identity({"model": node(target)})["model"]["_target_"]


def test_a_pattern_judges_the_good_runs_and_names_the_others(run, place):
    kept = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    bad = {
        "renamed": change(model___target_="tendency.surrogates.models.fno.OldFNO"),
        "argument": change(model__breadth=3),
        "writes": change(model=WRITES),
        "wide": change(model__width=20_000),
        "above": change(dataset="../x"),
        "foreign": change(model=node(EXTERNAL, network=node("antigravity.Net", _partial_=True), sizes={})),
    }
    for name, apply in bad.items():
        shutil.copytree(run, place / name)
        content = copy.deepcopy(kept)
        apply(content["recipe"])
        torch.save(content, place / name / "checkpoints" / "best.ckpt")
    shutil.copytree(run, place / "not-finite")
    content = copy.deepcopy(kept)
    next(iter(content["state_dict"].values())).view(-1)[0] = torch.nan
    torch.save(content, place / "not-finite" / "checkpoints" / "best.ckpt")
    shutil.copytree(run, place / "finished")
    (place / "finished" / "finished.json").write_text("[")
    selection = select_runs([str(place / "*")])
    assert [one.name for one in selection.runs] == ["run"]
    assert set(selection.skipped) == {*bad, "not-finite", "finished"}
    assert "another version of this program (unknown; this is" in selection.skipped["renamed"]
    assert "say trust=true" in selection.skipped["foreign"]
    assert "not finite" in selection.skipped["not-finite"]
    assert "finished.json: damaged" in selection.skipped["finished"]
    assert not (place / CANARY).exists()


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "training record", "identity": "../up"},
        {"kind": "training record", "identity": "a", "run": WRITES},
        {"kind": "training record", **dict.fromkeys(("identity", "run"), "a"), "configuration": {"model": WRITES}},
        WRITES,
        [WRITES],
        node("os.system", command=f"touch {CANARY}"),
    ],
)
def test_records_are_plain_data(place, content):
    (place / "a.json").write_text(json.dumps(content))
    before = everything(place.parent)
    folder = RecordFolder.read(place)
    assert folder.records == {}
    assert len(folder.left_out) == 1
    assert everything(place.parent) == before


@pytest.mark.slow
@pytest.mark.parametrize("case", ["a function of ours that writes", "a foreign network", "a class that was renamed"])
def test_a_report_of_a_hostile_run_is_not_begun(run, place, run_evaluation, case):
    path = run / "checkpoints" / "best.ckpt"
    content = torch.load(path, weights_only=True)
    HOSTILE[case][0](content["recipe"])
    torch.save(content, path)
    refused(lambda: run_evaluation(place / "reports", f"runs=[{run}]", f"paths.datasets={place}"), place, "")
