"""The claims of conf/comparison, once more with one seed and little training; compare.py makes the pages in docs/."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.studies.run_comparison import ComparisonSettings, compare, ratios, trials_of

FEW = ["data.num_valid=2", "data.num_test=8", "data.workers=2"]
LESS = {
    "told_viscosity": ["data.batches_per_epoch=120", "trainer.max_epochs=5"],
    "twice_the_resolution": ["data.num_train=96", "data.batches_per_epoch=60", "trainer.max_epochs=4"],
    "scattered_nodes": ["data.num_train=48", "data.batches_per_epoch=60", "trainer.max_epochs=6"],
    "corrected_solver": ["data.num_train=64", "data.batches_per_epoch=150", "trainer.max_epochs=2"],
    "default_navier_stokes": ["data.num_train=64", "data.batches_per_epoch=200"],
}
"""What shortens each."""


@pytest.mark.slow
# The longest takes more than ten minutes on a processor without AVX-512.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in sorted((conf_folder() / "comparison").glob("*.yaml"))],
)
def test_it_holds_with_one_seed_and_little_training(path, homes, tmp_path, monkeypatch):
    places = {"datasets": homes["TENDENCY_DATASETS"], "outputs": str(tmp_path / "outputs")}
    monkeypatch.setenv("TENDENCY_DATASETS", places["datasets"])
    monkeypatch.setenv("TENDENCY_OUTPUTS", places["outputs"])
    node = OmegaConf.to_container(OmegaConf.load(path))
    settings = {"seeds": [0], "overrides": [*FEW, *LESS[path.stem]], "processes": 2, "write": None}
    compare(OmegaConf.create({"comparison": node, "paths": places, **settings}))
    comparison = build(node, "comparison")
    trials = trials_of(comparison, ComparisonSettings(**settings))
    found = ratios(comparison, trials, Path(places["datasets"]))
    broken = [
        f"{ratio.of} / {ratio.to}: {measured.mean:.3g}, {ratio.claim}"
        for ratio, measured in found
        if not ratio.holds(measured.mean)
    ]
    assert not broken
