"""Comparisons: what they train and judge, what they claim, and whether their page says what the reports say."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.conf_files import conf_folder, plain
from tendency.app.configuration.signatures import check_nodes
from tendency.app.runs.run_folder import RunFolder
from tendency.app.studies.collect_record import report_figures
from tendency.app.studies.comparison_page import NOTHING_LEARNED, UNDEFINED, page_text, verdict
from tendency.app.studies.comparison_plan import ComparisonPlan, ComparisonSettings, distinct_trainings, trials_of
from tendency.app.studies.comparison_rows import ComparisonResults, ComparisonRow, MeasuredRatio, results_of
from tendency.app.studies.comparison_table import markdown_table
from tendency.app.studies.run_comparison import compare
from tendency.app.studies.scale import Scale
from tendency.app.studies.training_record import RecordFolder, TrainingRecord
from tendency.app.studies.variants import Comparison, Ratio, Variant
from tendency.errors import ArtefactError
from tendency.evaluation.statistics.intervals import Interval

COMPARISONS = sorted((conf_folder() / "comparison").glob("*.yaml"))
TINY = ["data.num_train=4", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"]
TINY += ["data.batch_size=4", "trainer.max_epochs=2", "trainer.accelerator=cpu", "matmul_precision=highest"]
TINY += ["pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=8", "model.width=8", "model.modes=4"]


def planned(comparison, *seeds):
    return ComparisonPlan.of(comparison, Scale("unchanged", list(seeds)), ComparisonSettings())


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_every_variant_of_every_comparison_composes(path):
    config = plain(compose_command("compare", [f"comparison={path.stem}"])[0])
    check_nodes({key: config[key] for key in ("comparison", "scale", "executor")})
    comparison = build(config["comparison"])
    plan = ComparisonPlan.of(comparison, build(config["scale"]), ComparisonSettings(seeds=[0]))
    trials = trials_of(plan)
    assert len(trials) == len(plan.problems) * len(plan.models) * len(plan.variants)
    assert len({(trial.problem, trial.model, trial.name, trial.seed) for trial in trials}) == len(trials)
    runs = [training.folder.path for training in distinct_trainings(trials)]
    assert len(set(runs)) == len(runs)
    for ratio in comparison.ratios:
        assert ratio.of != ratio.to


@pytest.mark.parametrize("scale", [path.stem for path in (conf_folder() / "scale").glob("*.yaml")])
def test_every_scale_is_a_part_of_predicting_change(scale):
    config = plain(compose_command("compare", ["comparison=predicting_change", f"scale={scale}"])[0])
    check_nodes({"scale": config["scale"]})
    plan = ComparisonPlan.of(build(config["comparison"]), build(config["scale"]), ComparisonSettings())
    assert plan.scale.name == scale
    known = {"all", *plan.comparison.problems, *plan.comparison.models, *plan.comparison.variants}
    assert {part for key in plan.scale.train for part in key.split("/")} <= known, "settings of nothing"


def test_variants_that_are_trained_alike_share_their_network():
    variants = {"here": Variant(), "there": Variant(judge=["pde.geometry.shape=[32]"]), "still": Variant(method="x")}
    variants["euler"] = Variant(network="here", integrator="euler")
    here, there, still, euler = trials_of(planned(Comparison("A title", "A question?", TINY, variants), 0))
    assert here.training is there.training is still.training is euler.training
    root = Path("datasets")
    assert here.dataset(root) != there.dataset(root)
    assert here.report(root) == still.report(root) == here.training.folder.report
    assert there.report_name(root) == f"report-on-{there.dataset(root).name}"
    assert euler.report_name(root) == "report-euler"


def test_the_identity_of_a_training_is_what_its_figures_depend_on(tmp_path, monkeypatch):
    def identity(*overrides):
        (trial,) = trials_of(planned(Comparison("t", "q", [*TINY, *overrides], {"a": Variant()}), 0))
        return trial.training.identity

    first = identity()
    assert identity("resume=auto", "logger=wandb") == first
    monkeypatch.setenv("TENDENCY_OUTPUTS", str(tmp_path))
    assert identity() == first, "it does not depend on where the run lies"
    assert identity("optimizer.lr=0.1") != first
    assert identity("evaluation.stride=2") != first, "how it is judged"


def test_claims_hold_on_their_side_of_the_bound():
    assert Ratio("a", "b", at_least=2).holds(2.0)
    assert not Ratio("a", "b", at_least=2).holds(1.99)
    assert Ratio("a", "b", at_most=1.2).holds(1.2)
    assert not Ratio("a", "b", at_most=1.2).holds(1.21)
    assert not Ratio("a", "b", at_least=2).holds(float("nan"))
    with pytest.raises(ValueError, match="expected one of at_least and at_most"):
        Ratio("a", "b")
    with pytest.raises(ValueError, match="figure: expected one of"):
        Ratio("a", "b", "loss", at_least=1)
    with pytest.raises(ValueError, match=r"ratios\[0\].to: expected one of \['a'\], got 'b'"):
        Comparison("t", "q", TINY, {"a": Variant()}, [Ratio("a", "b", at_least=1)])
    with pytest.raises(ValueError, match=r"variants.b.network: expected one of \['a'\], got 'c'"):
        Comparison("t", "q", TINY, {"a": Variant(), "b": Variant(network="c")})
    with pytest.raises(ValueError, match="network: a variant that shares the networks of 'a' has no train"):
        Variant(train=["model=unet"], network="a")


ONE_SEED = "holds with the one seed; no interval"


def row(name, error, method=None):
    return ComparisonRow("-", "-", name, name, 1, nrmse=Interval(error), one_step=Interval(error), method=method)


def test_notes_say_what_a_row_must_not_be_read_as():
    rows = (
        replace(row("short", 0.1), short_curve=True),
        replace(row("learning", 0.1), falls=0.2, stable=0.75),
        replace(row("converged", 0.1), falls=0.01, stable=1.0),
        row("still", 1.0, "persistence"),
    )
    lines = markdown_table(ComparisonResults(rows, ()), rows)
    assert lines[0] == "| variant | seeds | rollout nRMSE | one-step nRMSE | notes |", "what is not known has no column"
    notes = [line.split(" | ")[-1].removesuffix(" |") for line in lines[2:]]
    learning = "not converged: error fell by 20 % in the last quarter; 25 % blew up"
    assert notes == ["learning curve too short to judge", learning, "", "no network"]


def test_a_claim_has_no_verdict_where_a_network_learned_nothing():
    ratio = Ratio("a", "b", at_least=2)
    found = MeasuredRatio("-", "-", "a", "b", "one_step_nrmse", Interval(10.0))
    still = row("persistence", 1.0, "persistence")
    assert verdict(ratio, found, ComparisonResults((row("a", 0.9), row("b", 0.09), still), (found,))) == ONE_SEED
    for a, b in ((9.8, 0.98), (0.99, 0.099)):
        results = ComparisonResults((row("a", a), row("b", b), still), (found,))
        assert verdict(ratio, found, results) == NOTHING_LEARNED
    # A method without a network has nothing to learn, and persistence may itself be compared with.
    itself = ComparisonResults((row("a", 1.0, "persistence"), row("b", 0.1)), (found,))
    assert verdict(ratio, found, itself) == ONE_SEED


@pytest.mark.parametrize(
    ("bound", "measured", "said"),
    [
        ({"at_least": 2}, Interval(3.0, 2.1, 4.0), "holds"),
        ({"at_least": 2}, Interval(3.0, 1.9, 4.0), "holds on the mean; the interval contains 2"),
        ({"at_least": 2}, Interval(1.8, 1.2, 2.2), "**does not hold** on the mean; the interval contains 2"),
        ({"at_least": 2}, Interval(1.5, 1.2, 1.9), "**does not hold**"),
        ({"at_most": 1.5}, Interval(1.2, 1.1, 1.4), "holds"),
        ({"at_most": 1.5}, Interval(1.2, 0.9, 1.6), "holds on the mean; the interval contains 1.5"),
        ({"at_most": 1.5}, Interval(1.6, 1.4, 2.0), "**does not hold** on the mean; the interval contains 1.5"),
        ({"at_most": 1.5}, Interval(3.0, 2.0, 4.0), "**does not hold**"),
        ({"at_most": 1.5}, Interval(1.2), ONE_SEED),
        ({"at_most": 1.5}, Interval(1.8), "**does not hold** with the one seed; no interval"),
    ],
)
def test_a_verdict_says_how_sure_it_is(bound, measured, said):
    found = MeasuredRatio("-", "-", "a", "b", "one_step_nrmse", measured)
    results = ComparisonResults((row("a", 0.1), row("b", 0.1), row("persistence", 1.0, "persistence")), (found,))
    assert verdict(Ratio("a", "b", **bound), found, results) == said


@pytest.mark.parametrize(
    "errors", [(math.inf, math.inf), (math.inf, 0.1), (0.1, math.inf), (0.0, 0.1), (0.1, 0.0), (0.0, 0.0)]
)
@pytest.mark.parametrize("bound", [{"at_least": 2}, {"at_most": 2}])
def test_a_claim_has_no_verdict_where_its_ratio_is_not_defined(errors, bound):
    variants = {"a": Variant(), "b": Variant(train=["model.width=4"])}
    plan = planned(Comparison("A title", "A question?", TINY, variants, [Ratio("a", "b", **bound)]), 0)
    trials = trials_of(plan)
    records = {}
    for trial, error in zip(trials, errors, strict=True):
        value = error if math.isfinite(error) else None
        network = {"one_step_nrmse": value, "rollout_nrmse": value, "stable_share": 1.0}
        still = {"one_step_nrmse": 1.0, "rollout_nrmse": 1.0, "stable_share": 1.0}
        identity = trial.training.identity
        reports = {"report": {"network": network, "persistence": still}}
        records[identity] = TrainingRecord(identity, "run", {}, reports, {}, 1, None, (), {})
    results = results_of(plan, trials, records, Path("datasets"))
    assert verdict(plan.comparison.ratios[0], results.ratios[0], results) == UNDEFINED
    assert f"| undefined | {UNDEFINED} |" in page_text(plan, results)


def test_what_learned_nothing_is_said_by_the_criterion_that_is_applied():
    ratio = Ratio("a", "b", at_least=2)
    found = MeasuredRatio("-", "-", "a", "b", "one_step_nrmse", Interval(3.0))
    rows = (row("a", 0.96), row("b", 0.32), row("persistence", 1.0, "persistence"))
    assert verdict(ratio, found, ComparisonResults(rows, ())) == "none: an error is not below 0.95 of persistence's"


def test_a_method_that_is_not_trained_says_whose_reports_it_comes_from():
    variants = {
        "net": Variant(),
        "persistence": Variant(method="persistence"),
        "solver": Variant(method="coarse solver", train=["model=unet"]),
        "still": Variant(method="persistence", network="net"),
    }
    text = page_text(planned(Comparison("A title", "A question?", TINY, variants), 0), ComparisonResults((), ()))
    assert "- net: nothing\n" in text
    assert "- persistence: from the reports of these networks\n" in text
    assert "- solver: coarse solver, from the reports of the networks trained with `model=unet`\n" in text
    assert "- still: persistence, from the reports of the networks of net\n" in text


def test_jobs_that_fail_are_named_and_nothing_is_claimed(homes, tmp_path, monkeypatch, capsys):
    places = {"datasets": homes["TENDENCY_DATASETS"], "outputs": str(tmp_path / "outputs")}
    for key, place in places.items():
        monkeypatch.setenv(f"TENDENCY_{key.upper()}", place)
    chosen = ["comparison=told_viscosity", "seeds=[0]", "variants=[fno_told]", f"write={tmp_path}/page"]
    config, _ = compose_command("compare", chosen)
    config.overrides, config.paths = ["pde=heat", *TINY], places
    config.executor = {
        "_target_": "tendency.app.studies.processes.Processes",
        "command": [sys.executable, "-c", "import sys; sys.exit(sys.argv[1:2] == ['train'] and 4)"],
    }
    config.comparison.train = ["pde=heat"]
    with pytest.raises(
        ArtefactError, match="some of the comparison failed; the same command tries again:\nfno_told"
    ) as e:
        compare(config)
    assert "seed 0: exit code 4, see " in str(e.value)
    assert "failed (4)" in capsys.readouterr().out
    assert not (tmp_path / "page.md").exists()


def finished_run(folder, called):
    """What a run leaves that is read of it first: neither a checkpoint nor a dataset."""
    folder.report.path.mkdir(parents=True)
    (folder.path / "config.json").write_text("{}")
    folder.finish({})
    folder.report.page.write_text("")
    summary = {called: {"one_step_nrmse": 0.1}, "persistence": {"one_step_nrmse": 1.0}}
    numbers = {"summary": summary, "description": {"learned": [called]}, "figures": {}}
    (folder.report.path / "metrics.json").write_text(json.dumps(numbers))
    return summary


def test_a_run_that_gives_no_record_is_named_beside_the_page_of_the_others(tmp_path, monkeypatch):
    places = {"datasets": str(tmp_path / "datasets"), "outputs": str(tmp_path / "outputs")}
    for key, place in places.items():
        monkeypatch.setenv(f"TENDENCY_{key.upper()}", place)
    variant = {"_target_": "tendency.app.studies.variants.Variant"}
    node = {"_target_": "tendency.app.studies.variants.Comparison", "title": "Two", "question": "?", "train": TINY}
    node["variants"] = {"net": variant}
    scale = {"_target_": "tendency.app.studies.scale.Scale", "name": "unchanged", "seeds": [0, 1]}
    executor = {"_target_": "tendency.app.studies.processes.Processes", "processes": 1}
    settings = {"results": str(tmp_path / "results"), "write": str(tmp_path / "page")}
    config = {"comparison": node, "scale": scale, "executor": executor, "paths": places} | settings
    lost, kept = (trial.training for trial in trials_of(planned(build(node), 0, 1)))
    finished_run(lost.folder, lost.folder.path.name)
    figures = {"one_step_nrmse": 0.1, "rollout_nrmse": 0.2, "stable_share": 1.0}
    known = TrainingRecord(kept.identity, "run", {}, {"report": {"network": figures}}, {}, 1, None, (), {})
    RecordFolder(tmp_path / "results").write(known)
    finished_run(kept.folder, "run")
    with pytest.raises(ArtefactError, match="seed 0: no record of .*checkpoint"):
        compare(OmegaConf.create(config))
    assert "| net | 1 | 1 | 0.2 | 0.1 |" in (tmp_path / "page.md").read_text()


def test_the_network_of_a_run_whose_folder_was_renamed_is_found(tmp_path):
    folder = RunFolder(tmp_path / "now")
    summary = finished_run(folder, "before")
    found = report_figures(folder.report.path, "now")
    assert found == {"network": summary["before"], "persistence": summary["persistence"]}
    numbers = {"summary": summary, "description": {}, "figures": {}}
    (folder.report.path / "metrics.json").write_text(json.dumps(numbers))
    with pytest.raises(ArtefactError, match="expected one trained method, such as now, got"):
        report_figures(folder.report.path, "now")
    # Reports that do not say what their figures are began elsewhere and took other medians.
    (folder.report.path / "metrics.json").write_text(json.dumps({"summary": summary, "description": {}}))
    with pytest.raises(ArtefactError, match="its figures have the definitions 1 and do not belong"):
        report_figures(folder.report.path, "now")


@pytest.mark.slow
def test_a_comparison_trains_judges_elsewhere_and_says_what_the_reports_say(homes, tmp_path, monkeypatch, capsys):
    places = {"datasets": homes["TENDENCY_DATASETS"], "outputs": str(tmp_path / "outputs")}
    monkeypatch.setenv("TENDENCY_DATASETS", places["datasets"])
    monkeypatch.setenv("TENDENCY_OUTPUTS", places["outputs"])
    variant = {"_target_": "tendency.app.studies.variants.Variant"}
    node = {
        "_target_": "tendency.app.studies.variants.Comparison",
        "title": "Finer",
        "question": "Does it work on a finer grid?",
        "train": TINY,
        "variants": {
            "trained": variant,
            "finer": variant | {"judge": ["pde.geometry.shape=[32]"]},
            "persistence": variant | {"method": "persistence"},
        },
        "ratios": [
            {"_target_": "tendency.app.studies.variants.Ratio", "of": "finer", "to": "trained", "at_most": 1e9},
            {"_target_": "tendency.app.studies.variants.Ratio", "of": "persistence", "to": "trained", "at_least": 1e9},
        ],
    }
    scale = {"_target_": "tendency.app.studies.scale.Scale", "name": "unchanged", "seeds": [3]}
    executor = {"_target_": "tendency.app.studies.processes.Processes", "processes": 1}
    config = OmegaConf.create({"comparison": node, "scale": scale, "executor": executor, "paths": places})
    compare(config)
    first = capsys.readouterr().out
    assert "0 of 1 trainings are done already" in first
    compare(config)
    again = capsys.readouterr().out
    assert "1 of 1 trainings are done already" in again
    assert "min left" not in again
    assert again.split("# Finer")[1] == first.split("# Finer")[1], "the page comes from the records"

    plan = planned(build(node), 3)
    trials = trials_of(plan)
    finer = trials[1]
    datasets, folder = Path(places["datasets"]), Path(places["outputs"]) / "comparison-finer"
    assert json.loads((finer.report(datasets).path / "metrics.json").read_text())["description"]["resolution"]
    summaries = [
        trial.report(datasets).summary(trial.variant.method or trial.training.folder.path.name) for trial in trials
    ]
    errors = [summary["one_step_nrmse"] for summary in summaries]
    assert errors[2] != errors[0]
    results = results_of(plan, trials, RecordFolder.read(folder / "results").records, datasets)
    measured = [found.measured.mean for found in results.ratios]
    assert measured == pytest.approx([errors[1] / errors[0], errors[2] / errors[0]])
    there = finer.report(datasets).summary("persistence")["one_step_nrmse"]
    assert results.rows[-1].title == "persistence, on the data of finer"
    assert results.rows[-1].one_step.mean == pytest.approx(there)
    text = page_text(plan, results)
    assert "| finer / trained | one-step nRMSE | at most 1e+09 |" in text
    verdicts = [
        verdict(ratio, found, results) for ratio, found in zip(plan.comparison.ratios, results.ratios, strict=True)
    ]
    assert all(f"| {text_} |" in text for text_ in verdicts)
    assert verdicts[1] == NOTHING_LEARNED or verdicts[1].startswith("**does not hold**")
    assert "| trained | " in text
    assert " min |" in text, "how long the trainings took"
    assert text in (folder / "page.md").read_text()
