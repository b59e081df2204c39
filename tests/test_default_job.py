"""What the default job promises, on the whole of it."""

import json
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_default_surrogate_is_worth_its_report(run_script, homes):
    """The problem is no easy one (persistence is lost long before the end), and the surrogate follows it throughout."""
    threads = {"OMP_NUM_THREADS": "2"}
    run_script("train.py", "model=fno", "pde=navier_stokes", "name=default", env=threads, timeout=1700)
    folder = Path(homes["TENDENCY_OUTPUTS"]) / "default" / "report"
    summary = json.loads((folder / "metrics.json").read_text())["summary"]
    surrogate, persistence = summary["default"], summary["persistence"]
    assert persistence["one_step_nrmse"] <= 0.3
    assert surrogate["horizon"] >= 1.5 * persistence["correlation_time_0.8"]
    assert not persistence["correlation_time_0.8_censored"]
    assert surrogate["one_step_nrmse"] < persistence["one_step_nrmse"] / 15
    assert surrogate["final_correlation"] > 0.9
    assert surrogate["stable_share"] == 1.0
