"""Comparisons: what they train and judge, what they claim, and whether their page says what the reports say."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.studies.run_comparison import ComparisonSettings, compare, page, ratios, trials_of
from tendency.app.studies.variants import Comparison, Ratio, Variant

COMPARISONS = sorted((conf_folder() / "comparison").glob("*.yaml"))
TINY = ["data.num_train=4", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"]
TINY += ["data.batch_size=4", "trainer.max_epochs=2", "trainer.accelerator=cpu", "matmul_precision=highest"]
TINY += ["pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=8", "model.width=8", "model.modes=4"]


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_every_variant_of_every_comparison_composes(path):
    comparison = build(OmegaConf.to_container(OmegaConf.load(path)))
    trials = trials_of(comparison, ComparisonSettings(seeds=[0, 1]))
    assert len(trials) == 2 * len(comparison.variants)
    assert len({(trial.name, trial.seed) for trial in trials}) == len(trials)
    for ratio in comparison.ratios:
        assert ratio.of != ratio.to


def test_variants_that_are_trained_alike_share_their_network():
    variants = {"here": Variant(), "there": Variant(judge=["pde.geometry.shape=[32]"]), "still": Variant(method="x")}
    comparison = Comparison("A title", "A question?", TINY, variants, [])
    here, there, still = trials_of(comparison, ComparisonSettings(seeds=[0]))
    assert here.folder.path == there.folder.path == still.folder.path
    root = Path("datasets")
    assert here.dataset(root) != there.dataset(root)
    assert here.report(root) == still.report(root) == here.folder.report
    assert there.report(root).path.name == f"report-on-{there.dataset(root).name}"


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
    config = OmegaConf.create({"comparison": node, "paths": places, "seeds": [3], "processes": 1, "write": None})
    compare(config)
    first = capsys.readouterr().out
    assert "0 of 1 trainings are done already" in first
    compare(config)
    again = capsys.readouterr().out
    assert "1 of 1 trainings are done already" in again
    assert "min left" not in again

    comparison, settings = build(node), ComparisonSettings(seeds=[3])
    trials = trials_of(comparison, settings)
    trained, finer, persistence = trials
    datasets = Path(places["datasets"])
    assert json.loads((finer.report(datasets).path / "metrics.json").read_text())["description"]["resolution"]
    summaries = [trial.summary(datasets) for trial in trials]
    assert persistence.summary(datasets)["one_step_nrmse"] != trained.summary(datasets)["one_step_nrmse"]
    measured = [interval.mean for _, interval in ratios(comparison, trials, datasets)]
    errors = [summary["one_step_nrmse"] for summary in summaries]
    assert measured == pytest.approx([errors[1] / errors[0], errors[2] / errors[0]])
    text = page(comparison, trials, settings, Path(places["outputs"]) / "comparison-finer", datasets)
    assert "| finer / trained | one-step nRMSE | at most 1e+09 |" in text
    assert text.count("| holds |") == 1
    assert text.count("**does not hold**") == 1
    assert "| trained | " in text
    assert " min |" in text, "how long the trainings took"
    # All but what a step costs, which is measured anew.
    assert text.split("| variant |")[0] in first
