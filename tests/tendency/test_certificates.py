"""No tolerance is loose: each problem passes its certificate, and fails it with 8 steps in one or half the modes."""

import pytest

from tendency.app.configuration.build import build_problem
from tendency.app.configuration.conf_files import conf_folder
from tendency.app.configuration.small_form import problem_node
from tendency.data.certificate import certify
from tendency.simulation.simulator import InstabilityError

PDES = sorted(path.stem for path in (conf_folder() / "pde").glob("*.yaml"))
EXACT = {"advection", "heat", "wave"}
"""Equations that are solved exactly whatever the step; their initial states have few modes, so any grid will do."""
STABILITY_BOUND = {"lid_driven_cavity"}
"""Explicit, in steps that stability keeps far shorter than accuracy asks for, whatever max_step is."""
OVER_RESOLVED = {"fno_navier_stokes_v1e3", "pdebench_reaction_diffusion"}
"""Published grids finer than their data need: on half of the points the error is as small."""
QUICK = {"allen_cahn", "burgers", "inviscid_burgers", "korteweg_de_vries", "navier_stokes_decaying"}
"""Spoiled in every test run; the others with the slow tests."""


def problem(name, spoil=lambda config: None, small=False):
    config = problem_node(name, small)
    spoil(config)
    return build_problem(config)


def not_run_here(name):
    head = (conf_folder() / "pde" / f"{name}.yaml").read_text(encoding="utf-8").split("_target_")[0]
    return "not run here at full size" in " ".join(head.replace("#", "").split()).lower()


def fewer_snapshots(config):
    config["times"]["num_snapshots"] = 4


def eight_steps_in_one(config):
    simulator, times, tolerances = config["simulator"], config["times"], config["tolerances"]
    dt = times["dt"]
    longest = float(dt["high"] if "high" in dt else dt["value"])
    # Steps end at the stored snapshots, which must not be what keeps them short.
    if "cfl" in simulator:
        simulator["cfl"] = 8 * float(simulator["cfl"])
        spacing = 8 * longest
    else:
        simulator["max_step"] = 8 * float(simulator["max_step"])
        spacing = max(longest, simulator["max_step"])
    times["dt"] = {"_target_": "tendency.simulation.parameters.Constant", "value": spacing}
    times["num_snapshots"] = 4
    tolerances["window"] = max(float(tolerances["window"]), spacing)


def half_the_modes(config):
    config["geometry"]["shape"] = [n // 2 for n in config["geometry"]["shape"]]
    config["times"]["num_snapshots"] = 4
    initial = config["initial_condition"]
    if "GaussianRandomField" in initial["_target_"]:
        initial["max_wavenumber"] = min(initial["max_wavenumber"], config["geometry"]["shape"][0] // 2 - 1)


@pytest.mark.parametrize("name", PDES)
def test_every_small_form_passes_its_certificate(name):
    certificate = certify(problem(name, fewer_snapshots, small=True))
    assert certificate.passed, "\n".join(certificate.lines())


@pytest.mark.slow
@pytest.mark.parametrize("name", PDES)
def test_every_problem_passes_its_certificate(name):
    if not_run_here(name):
        pytest.skip("its full size is not run here, as its yaml says")
    certificate = certify(problem(name, fewer_snapshots))
    assert certificate.passed, "\n".join(certificate.lines())


@pytest.mark.parametrize("spoil", [eight_steps_in_one, half_the_modes])
@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in PDES])
def test_coarser_steps_or_grids_are_refused(name, spoil):
    whole = problem(name)
    if whole.simulator.name in EXACT or whole.resolution == "as_published":
        pytest.skip("exact in the step and the grid, or labelled and refused by nothing")
    if spoil is eight_steps_in_one and name in STABILITY_BOUND:
        pytest.skip("its steps cannot be made too long")
    if spoil is half_the_modes and name in OVER_RESOLVED:
        pytest.skip("its published grid is finer than it needs")
    if not_run_here(name):
        pytest.skip("its full size is not run here, as its yaml says")
    spoiled = problem(name, spoil)
    try:
        certificate = certify(spoiled)
    except InstabilityError:
        return
    assert not certificate.passed, "\n".join(certificate.lines())
