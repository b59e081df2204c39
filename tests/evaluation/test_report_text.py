"""What a report says in words and formulas, and what it weighs."""

import base64
import importlib
import pkgutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from tendency.evaluation.baselines.persistence import Persistence
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.evaluation.report.charts import packed
from tendency.evaluation.report.findings import NOT_MEASURED, finding_sentences
from tendency.evaluation.report.headline import headline_sentences
from tendency.evaluation.report.mathml import mathml
from tendency.evaluation.report.page import render_page
from tendency.evaluation.report.player import PlayerRollouts
from tendency.evaluation.report.report import prepare_page
from tendency.evaluation.report.report_source import ReportSource, TrainingHistory, Trainings
from tendency.evaluation.report.sentences import lead_sentence
from tendency.evaluation.report.summary_table import summary_rows
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.rollouts.evaluate_rollouts import evaluate_rollouts
from tendency.evaluation.statistics.seed_intervals import intervals_over_seeds
from tendency.evaluation.statistics.summary import summarise
from tendency.simulation.problem import CharacteristicTime
from tendency.simulation.simulator import WrittenEquation
from tendency.solvers import pdes
from tendency.solvers.equations import ConservationLaw, MethodOfLines, SemilinearPDE
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.pdes.korteweg_de_vries import KortewegDeVries
from tendency.solvers.spectral_solver import SpectralSolver

CERTIFICATE = {"trajectories": 2, "figures": []}
HISTORY = TrainingHistory([(0, 1.0), (50, 0.1)], {"validation, rollout nRMSE": [(49, 0.2)]})
ONE = Trainings(["FNO"], "for 2 epochs on 16 trajectories", {"slow": {"epochs": "2"}}, {"slow": HISTORY})
SOURCE = ReportSource("FNO on 1D heat conduction", {}, CERTIFICATE, {}, "1D heat conduction", "u = 0", {}, ONE)
SEEDS = {"net (2 seeds)": ["net0", "net1"]}


@pytest.fixture
def results_of(rotation, trajectories, tmp_path):
    """``results_of({"slow": 0.9})``: results of rotations at these speeds, and of persistence."""

    def evaluated(speeds, **known):
        simulators = {name: rotation(speed) for name, speed in speeds.items()} | {"persistence": Persistence()}
        description = ReportDescription(pde="heat", learned=list(speeds), **known)
        return evaluate_rollouts(simulators, [trajectories()], ["u"], tmp_path, description=description)

    return evaluated


def test_a_formula_is_drawn_by_the_browser_itself():
    drawn = mathml(r"\partial_t u = \nu \nabla^2 u + \frac{u_x^2}{2} \\ v = 0.5 \mathbf{a} < 1 , \quad - b")
    tree = ElementTree.fromstring(drawn)  # noqa: S314  our own
    assert tree.tag == "math"
    assert len(tree.findall(".//mtr")) == 2
    (fraction,) = tree.findall(".//mfrac")
    assert len(fraction) == 2
    assert len(fraction.find(".//msubsup")) == 3
    assert "".join(tree.itertext()) == "∂tu=ν∇2u+ux22v=0.5a<1,−b"


@pytest.mark.parametrize("module", [one.name for one in pkgutil.iter_modules(pdes.__path__)])
def test_every_equation_says_its_name_and_how_it_is_written(module):
    found = vars(importlib.import_module(f"{pdes.__name__}.{module}")).values()
    kinds = (SemilinearPDE, ConservationLaw, MethodOfLines)
    equations = [one for one in found if isinstance(one, type) and issubclass(one, kinds) and one not in kinds]
    assert equations
    for equation in equations:
        assert equation().title
        assert "∂" in mathml(equation().formula)


@pytest.mark.parametrize("formula", [r"\script u", r"\frac{a}", "{a", "a^"])
def test_what_is_no_formula_is_refused_and_left_out_of_the_page(formula):
    with pytest.raises(ValueError, match="formula"):
        mathml(formula)


def test_what_was_done_is_said_in_the_first_sentence(results_of):
    results = results_of({"slow": 0.9})
    turnover = CharacteristicTime("eddy-turnover time", 0.5)
    description = ReportDescription(pde="heat", learned=["slow"], characteristic_time=turnover)
    horizon = float(results.time.max())
    assert lead_sentence(results, description, SOURCE) == (
        "FNO, trained for 2 epochs on 16 trajectories of 1D heat conduction, predicts 5 test trajectories over "
        f"{horizon:.4g} units of time ({2 * horizon:.2g} eddy-turnover times), step by step from the first snapshot "
        "alone."
    )
    many = replace(SOURCE, trainings=Trainings(["FNO", "UNet"]))
    three = results_of({"a": 0.9, "b": 0.8, "c": 0.7})
    said = lead_sentence(three, ReportDescription(pde="heat"), many)
    assert said.startswith("FNO and UNet, trained 3 times on 1D heat conduction, predict 5 test trajectories")
    published = ReportDescription(pde="heat", resolution="as_published")
    unknown = lead_sentence(results, published, ReportSource("a", {}, CERTIFICATE, {}))
    assert unknown.startswith("5 test trajectories of heat, rolled out over")
    assert unknown.endswith("as published in their source.")


def test_it_is_said_from_which_wavenumber_the_spectrum_departs(results_of):
    results = results_of({"slow": 0.98})
    summary = summarise(results)
    useful, scales, cost = finding_sentences(results, summary, None, {"slow": "The FNO"})
    assert useful.startswith("The FNO stays useful")
    assert f"over all of the {float(results.time.max()):.4g} units of time" in useful
    assert (
        scales == "At the end of its rollouts the energy of every wavenumber is within a factor of two of the truth's."
    )
    assert cost == NOT_MEASURED
    # Of the two wavenumbers that hold energy the second loses most of it.
    results["spectrum"].loc[{"simulator": "slow", "moment": "end"}][..., 2] *= 0.3
    _, scales, cost = finding_sentences(results, summary, ["Never"], {})
    assert "departs from the truth's from wavenumber 2 on, where it holds less than half the energy" in scales
    assert cost == "Never."
    # What rounding left beyond them says nothing.
    results["spectrum"].loc[{"simulator": "slow", "moment": "end"}][..., 2] /= 0.3
    results["spectrum"].loc[{"simulator": "slow", "moment": "end"}][..., 5] *= 1e6
    assert "every wavenumber" in finding_sentences(results, summary, None, {})[1]


def test_until_when_a_method_is_useful_is_said_for_each_of_its_seeds(results_of):
    results = results_of({"net0": 0.4, "net1": 0.1}, seeds=SEEDS)
    summary = summarise(results)
    times = sorted(summary[name]["correlation_time_0.8"] for name in ("net0", "net1"))
    said = finding_sentences(results, summary, None, {})[0]
    assert said.startswith("net (2 seeds) stays useful")
    assert f"until t = {times[0]:.3g} to {times[1]:.3g}, by the seed, of" in said


def test_of_several_methods_the_best_is_meant_and_none_where_none_is_ranked(results_of):
    results = results_of({"slow": 0.9, "slower": 0.6})
    said = finding_sentences(results, summarise(results), None, {})
    assert said[0].startswith("slow, whose rollouts have the smallest error, stays useful")
    still = results_of({"still": 0.0, "wrong": -0.5})
    assert finding_sentences(still, summarise(still), None, {}) == [NOT_MEASURED]


@pytest.mark.parametrize("speeds", [{"slow": 0.9}, {"still": 0.0}, {"wrong": -0.5}, {"still": 0.0, "wrong": -0.5}])
def test_a_page_says_that_nothing_was_learned_or_until_when_it_is_useful(results_of, speeds):
    results = results_of(speeds)
    headline = headline_sentences(results, summarise(results))
    found = finding_sentences(results, summarise(results), None, {})
    said = ["Nothing was learned" in headline, any("stays useful" in sentence for sentence in found)]
    assert said == [False, True] if speeds == {"slow": 0.9} else said == [True, False]


def test_an_equation_without_a_title_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(KortewegDeVries, "title", "")
    solver = SpectralSolver(KortewegDeVries(1.0), ETDRK4(), 1.0)
    assert isinstance(solver, WrittenEquation)
    assert solver.title == "korteweg de vries"
    assert solver.formula == r"\partial_t u + u \, \partial_x u + \partial_x^3 u = 0"


def test_no_mean_over_seeds_is_given_of_times_that_are_not_known(results_of):
    results = results_of({"net0": 0.98, "net1": 0.1}, seeds=SEEDS)
    summary, stated = summarise(results), StatedFigures.of_results(results)
    seeds = intervals_over_seeds(summary, SEEDS, stated)
    rows = summary_rows(stated.in_table, summary, ["net0", "net1"], {}, seeds, SEEDS)
    cells = dict(zip([one.key for one in stated.in_table], rows[0].cells, strict=False))
    assert summary["net0"]["correlation_time_0.8_censored"]
    assert not summary["net1"]["correlation_time_0.8_censored"]
    assert cells["correlation_time_0.8"].text.startswith("> ")
    assert "[" not in cells["correlation_time_0.8"].text
    assert cells["stable_share"].text == "100 %"
    assert "[" in cells["rollout_nrmse"].text


def test_a_page_weighs_little_beside_its_rollouts_and_tells_of_the_training(results_of, tmp_path):
    content = prepare_page(results_of({"slow": 0.9}), tmp_path, SOURCE)
    page = render_page(content, lambda most_bytes: PlayerRollouts())
    assert len(page.encode()) < 900_000
    assert "<h1>FNO on 1D heat conduction</h1>" in page
    assert "The dataset was never certified" in page
    assert "Permission is hereby granted" in page
    assert [chart.name for chart in content.charts] == ["errors", "spectra", "training"]
    figure = content.charts[-1].figures["loss and errors"]
    assert [trace["name"] for trace in figure["data"]] == ["training loss", "validation, rollout nRMSE"]
    two = replace(ONE, facts={"a": {"epochs": "2", "seed": "0"}, "b": {"epochs": "2", "seed": "1"}})
    assert two.shared == {"epochs": "2"}
    assert two.differing == ["seed"]


def test_a_formula_that_cannot_be_drawn_is_left_out(results_of, tmp_path):
    content = prepare_page(results_of({"slow": 0.9}), tmp_path, replace(SOURCE, formula=r"\unknown"))
    assert content.equation == ""


def test_a_curve_of_bytes_is_read_back():
    values = np.array([[1.5, np.nan], [3.0, 4.0], [5.0, 6.0]])
    content = packed(values)
    assert content["shape"] == "3, 2"
    again = np.frombuffer(base64.b64decode(content["bdata"]), "<f4").reshape(3, 2)
    assert np.array_equal(again, values.astype("f4"), equal_nan=True)
