"""Trajectories with an obstacle: errors over the fluid alone, said on the page, and pictures that show what is told."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from tendency.evaluation.metrics import pointwise
from tendency.evaluation.metrics.boundary_error import BoundaryError
from tendency.evaluation.metrics.context import BatchContext, Subject
from tendency.evaluation.report.report import write_report
from tendency.evaluation.report.report_source import ReportSource
from tendency.evaluation.report.sentences import mask_sentences
from tendency.evaluation.report.space import Space
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import evaluate_rollouts
from tendency.evaluation.rollouts.rollout_reader import RolloutReader
from tendency.evaluation.rollouts.trajectory_errors import measure_trajectories
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid

METRICS = (
    pointwise.mse,
    pointwise.max_error,
    pointwise.nrmse,
    pointwise.combined_nrmse,
    pointwise.vrmse,
    pointwise.combined_vrmse,
    pointwise.correlation,
    pointwise.combined_correlation,
)
NASTY = "wind <b>$x_1$ & |co|"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_metric_with_an_obstacle_is_that_of_the_fluid_s_points(metric):
    generator = torch.Generator().manual_seed(0)
    truth, noise = torch.randn(2, 3, 2, 5, 8, generator=generator)
    weights = 0.1 + torch.rand(3, 5, 8, generator=generator)
    fluid = torch.rand(5, 8, generator=generator) > 0.3
    prediction = truth + 0.1 * noise
    expected = metric(prediction[:, :, fluid], truth[:, :, fluid], weights[:, fluid])
    # Whatever stands in the obstacle.
    wild, still = torch.where(fluid, prediction, 1e9 * noise), torch.where(fluid, truth, -3.0)
    assert torch.allclose(metric(wild, still, weights * fluid), expected, rtol=1e-10)
    assert not torch.allclose(metric(wild, still, weights), expected, rtol=1e-2)


class Wild:
    """Off by a share of the truth in the fluid, and wrong in the obstacle."""

    history = 1

    def __init__(self, truth, share):
        self.truth, self.share = truth, share

    def start(self, u, t, conditions, seed):
        return {"step": torch.ones_like(seed)}

    def advance(self, u, t, dt, conditions, memory):
        step = (self.truth.t - (t + dt)[:, None]).abs().argmin(1)
        right = self.truth.u[torch.arange(len(u)), step] * (1 - self.share)
        return torch.where(self.truth.conditions.given[:, :1] > 0.5, right, 1e3), memory


@pytest.fixture
def window(trajectories):
    plain = trajectories(3, dims=2)
    times = plain.t[:1].expand(3, -1)
    mask = (torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.3).float()
    mask[:, :, 4:8, 6:] = 0
    wind = torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    conditions = plain.conditions.with_given(torch.cat([mask, wind], 1), ["mask", NASTY])
    return replace(plain, t=times, conditions=conditions)


def judged(window, folder, share):
    simulators = {"wild": Wild(window, share)}
    return evaluate_rollouts(simulators, [window], ["u"], folder, description=ReportDescription())


def test_errors_and_pictures_are_those_of_the_fluid(window, tmp_path):
    results = judged(window, tmp_path, 0.25)
    assert results.nrmse.values[:, :, 1:] == pytest.approx(0.25)
    assert results.one_step_nrmse.values[:, :, 1:] == pytest.approx(0.25)
    assert (results.correlation.values > 1 - 1e-12).all()
    assert not results.blew_up.values.any()
    errors = measure_trajectories(Wild(window, 0.25), window)
    assert errors.one_step_nrmse.numpy() == pytest.approx(0.25)
    description = ReportDescription.of_results(results)
    assert list(description.given) == ["mask", NASTY]
    (sentence,) = mask_sentences(description)
    assert "over the points where mask is above 0.5" in sentence
    assert not mask_sentences(ReportDescription(given=["wind"]))
    mask = window.conditions.given[:, 0].numpy()
    with RolloutReader(tmp_path / "rollouts.nc", results.trajectory.values) as reader:
        assert reader.given == ["mask", NASTY]
        for row in range(3):
            shown = reader.compare("wild", row, [0, 3], 0)
            for values in shown.values():
                assert np.array_equal(np.isnan(values), np.broadcast_to(mask[row] <= 0.5, values.shape))
            assert np.allclose(shown["truth"][1][mask[row] > 0.5], window.u[row, 3, 0].numpy()[mask[row] > 0.5])
            assert np.array_equal(reader.constant_field(row, NASTY), window.conditions.given[row, 1].numpy())


def test_a_mask_that_leaves_nothing_is_refused(window, tmp_path):
    given = window.conditions.given.clone()
    given[1, 0] = 0
    told = replace(window, conditions=replace(window.conditions, given=given))
    with pytest.raises(ValueError, match=r"mask: expected points above 0.5 in each trajectory .*got none in 1 of 3"):
        judged(told, tmp_path, 0.1)


def test_walls_behind_an_obstacle_have_no_error():
    grid = Grid([6], Boundary([["dirichlet", "dirichlet"]]))
    mask = torch.tensor([0.0, 1, 1, 1, 1, 0])
    truth, sides = torch.ones(2, 1, 6), torch.ones(2, 1, dtype=torch.float64)
    conditions = Conditions.from_values(grid, [1.0], {}, {}, 2)
    context = BatchContext(Subject((Field("u"),), grid), conditions, sides, truth, mask.expand(2, -1))
    assert BoundaryError().measure(truth + 1, truth, context)["boundary_error"].tolist() == [0.0, 0.0]


@pytest.mark.slow
def test_the_page_shows_what_the_methods_are_told(window, tmp_path):
    results = judged(window, tmp_path, 0.1)
    source = ReportSource("A report", {"model": "fno"}, {"trajectories": 0, "figures": []}, {"torch": "2"})
    page = write_report(results, tmp_path, source, Space(window.conditions.geometry, window.conditions.extent.numpy()))
    text = page.read_text(encoding="utf-8")
    assert "over the points where mask is above 0.5" in text
    assert NASTY not in text
    (picture,) = re.findall(r'<img class="picture" src="data:image/png;base64,[^"]{1000,}" alt="([^"]*)">', text)
    assert picture.startswith("What the methods are told of each point")
    assert "mask, wind &lt;b&gt;" in picture
    assert "figures/constant_fields.png" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "figures" / "constant_fields.svg").stat().st_size > 1000
