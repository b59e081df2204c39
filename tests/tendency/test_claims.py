"""The claims of conf/comparison, once more with one seed and little training; compare.py makes the pages in docs/."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.composed import compose_command
from tendency.app.studies.comparison_page import verdict
from tendency.app.studies.comparison_plan import ComparisonPlan, ComparisonSettings, trials_of
from tendency.app.studies.comparison_rows import results_of
from tendency.app.studies.run_comparison import compare
from tendency.app.studies.training_record import RecordFolder

FEW = ["data.num_valid=2", "data.num_test=8", "data.workers=2"]
LESS = {
    "told_viscosity": ["data.batches_per_epoch=120", "trainer.max_epochs=5"],
    "twice_the_resolution": ["data.num_train=96", "data.batches_per_epoch=60", "trainer.max_epochs=4"],
    "scattered_nodes": ["data.num_train=48", "data.batches_per_epoch=60", "trainer.max_epochs=6"],
    "corrected_solver": ["data.num_train=64", "data.batches_per_epoch=150", "trainer.max_epochs=2"],
    "default_navier_stokes": ["data.num_train=64", "data.batches_per_epoch=200"],
}
"""What shortens each; predicting_change claims nothing."""


@pytest.mark.slow
# The longest takes more than ten minutes on a processor without AVX-512.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", LESS)
def test_it_holds_with_one_seed_and_little_training(name, homes, tmp_path, monkeypatch):
    places = {"datasets": homes["TENDENCY_DATASETS"], "outputs": str(tmp_path / "outputs")}
    monkeypatch.setenv("TENDENCY_DATASETS", places["datasets"])
    monkeypatch.setenv("TENDENCY_OUTPUTS", places["outputs"])
    config, _ = compose_command("compare", [f"comparison={name}", "executor.processes=2", "seeds=[0]"])
    config.overrides, config.paths, config.results = [*FEW, *LESS[name]], places, str(tmp_path / "results")
    compare(config)
    settings = ComparisonSettings(seeds=[0], overrides=list(config.overrides))
    plan = ComparisonPlan.of(build(OmegaConf.to_container(config.comparison)), build(config.scale), settings)
    records = RecordFolder.read(tmp_path / "results").records
    results = results_of(plan, trials_of(plan), records, Path(places["datasets"]))
    assert len(results.ratios) == len(plan.comparison.ratios)
    broken = [
        f"{ratio.of} / {ratio.to}: {found.measured.mean:.3g}, {ratio.claim}"
        for ratio, found in zip(plan.comparison.ratios, results.ratios, strict=True)
        if not verdict(ratio, found, results).startswith("holds")
    ]
    assert not broken
