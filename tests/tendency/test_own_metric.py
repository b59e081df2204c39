"""A user's own metric, one file and one line of yaml, is shown, ranked and compared like those of every report."""

import json
import re

import pytest
import torch

from tendency.app.runs.run_selection import note_run

SSIM = '''
"""Structural similarity of whole snapshots: luminance, contrast and structure (Wang et al. 2004, equation 13)."""

from tendency.evaluation.metrics.as_metric import as_metric
from tendency.evaluation.metrics.figure import LARGER, MetricFigure
from tendency.evaluation.metrics.pointwise import mean_over_space


def ssim(prediction, truth, weights):
    p, y = prediction.double(), truth.double()
    mean = lambda a: mean_over_space(a, weights)
    size = y.flatten(1).abs().amax(1)[:, None] ** 2
    c1, c2 = 1e-4 * size, 9e-4 * size
    both = mean(p * y) - mean(p) * mean(y)
    variances = mean(p * p) - mean(p) ** 2 + mean(y * y) - mean(y) ** 2
    shape = (2 * mean(p) * mean(y) + c1) * (2 * both + c2)
    return (shape / ((mean(p) ** 2 + mean(y) ** 2 + c1) * (variances + c2))).mean(1)


StructuralSimilarity = as_metric(ssim, MetricFigure("ssim", "structural similarity", LARGER))
'''
FNO = ["model=fno", "model.modes=4", "model.num_layers=1", "pde.geometry.shape=[16]", "prediction=increment"]
KEY = "final_ssim"


@pytest.fixture(scope="module")
def folder(small_run, run_evaluation, tmp_path_factory):
    """A leaderboard of two methods on heat: one that has learned something, and one that blows up."""
    outputs = tmp_path_factory.mktemp("own")
    (outputs / "own_similarity.py").write_text(SSIM)
    good = small_run("heat", [*FNO, "model.width=8", "name=own-good", "trainer.max_epochs=60"])
    lost = small_run("heat", [*FNO, "model.width=4", "name=own-lost"])
    for path in (lost / "checkpoints").glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        for name, value in content["state_dict"].items():
            if "surrogate" in name and value.is_floating_point():
                content["state_dict"][name] = 1e6 * value
        torch.save(content, path)
    for run in (good, lost):
        note_run(outputs / "sweep", run)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(outputs))
        cheap = ["~evaluation.baselines.coarse_solver", "~evaluation.baselines.linear_fourier_model"]
        line = "+evaluation.metrics.ssim._target_=own_similarity.StructuralSimilarity"
        run_evaluation(outputs, *cheap, f"sweep={outputs}/sweep", "name=board", line)
    return outputs / "board"


@pytest.fixture(scope="module")
def numbers(folder):
    return json.loads((folder / "heat" / "metrics.json").read_text())


def test_it_is_in_the_page_the_text_and_the_choice_of_curves(folder, numbers):
    page = (folder / "heat" / "report.html").read_text()
    assert re.search(r"<option>structural similarity</option>", page)
    assert "structural similarity at the horizon</button>" in page
    text = (folder / "heat" / "report.md").read_text()
    assert "structural similarity at the horizon" in text.split("\n| own-good")[0]
    assert "(figures/ssim.png)" in text
    assert len(numbers["per_trajectory"]["own-good"][KEY]) == 2


def test_a_blow_up_is_the_worst_value_in_its_own_direction(numbers):
    summary = numbers["summary"]
    assert summary["own-lost"][KEY] is None
    assert 0 < summary["own-good"][KEY] <= 1
    stated = {figure["key"]: figure for figure in numbers["figures"]["summary"]}
    assert stated[KEY]["better"] == "larger"
    pairs = {(one["first"], one["second"]): one for one in numbers["comparisons"] if one["figure"] == KEY}
    pair = pairs["own-good", "own-lost"]
    assert pair["advantage"] > 0
    assert pair["low"] > 0
    assert pair["share"] == 1
    assert pair["sentence"].startswith("own-good is better than own-lost in structural similarity at the horizon: by ")
    assert pairs["own-lost", "persistence"]["share"] == 0


def test_the_leaderboard_ranks_by_it_the_right_way_round(folder):
    records = json.loads((folder / "leaderboard.json").read_text())["standings"]
    ranks = {one["method"]: one["rank"] for one in records if one["figure"] == KEY}
    means = {one["method"]: one["mean"] for one in records if one["figure"] == KEY}
    good, lost = "FNO increment, model.width=8", "FNO increment, model.width=4"
    assert means[lost] is None
    assert ranks[lost] == len(ranks)
    assert ranks[good] == 1 or means[good] < max(value for value in means.values() if value is not None)
    finite = sorted((name for name in means if means[name] is not None), key=lambda name: -means[name])
    assert [ranks[name] for name in finite] == sorted(ranks[name] for name in finite)
    text = (folder / "leaderboard.md").read_text()
    assert "## structural similarity at the horizon" in text
