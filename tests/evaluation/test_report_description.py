"""What a report is about, as the files of this and of earlier versions hold it."""

import json

import xarray as xr

from tendency.evaluation.report.report_numbers import ReportNumbers
from tendency.evaluation.report_description import ReportDescription
from tendency.evaluation.statistics.ranking import learned_methods
from tendency.simulation.problem import CharacteristicTime

DESCRIPTION = ReportDescription(
    "ks-1",
    "kuramoto_sivashinsky",
    step=0.2,
    network_calls={"a": "4"},
    learned=["a"],
    characteristic_time=CharacteristicTime("Lyapunov time", 20.0),
    seeds={"a (2 seeds)": ["a0", "a1"]},
    not_applicable={"crps": "one rollout is no ensemble"},
)


def test_a_description_comes_back_from_json_as_it_was():
    content = json.loads(json.dumps(DESCRIPTION.to_dict()))
    assert content["characteristic_time"] == {"name": "Lyapunov time", "value": 20.0}
    assert ReportDescription.from_dict(content) == DESCRIPTION


def test_a_description_with_fewer_or_more_entries_is_read():
    content = {"pde": "heat", "from_a_later_version": 1}
    assert ReportDescription.from_dict(content) == ReportDescription(pde="heat")
    assert ReportDescription.of_results(xr.Dataset()) == ReportDescription()


def test_without_a_list_of_trained_methods_all_but_persistence_are_taken_for_trained():
    methods = xr.Dataset({}, {"simulator": ["a", "line", "persistence"]})
    assert learned_methods(methods) == ["a", "line"]
    methods.attrs = {"description": json.dumps(DESCRIPTION.to_dict())}
    assert learned_methods(methods) == ["a"]


def test_numbers_that_were_not_measured_are_no_entries():
    assert list(ReportNumbers(DESCRIPTION, {}, {}, seeds={}).to_dict()) == [
        "definitions",
        "description",
        "summary",
        "per_trajectory",
        "seeds",
    ]
