"""No tolerance is loose: each problem passes its certificate, and fails it with 8 steps in one or half the modes."""

import pytest

from data.certificate import certify
from simulation import InstabilityError
from tendency.build import build_problem
from tendency.compose import conf_folder
from tendency.small_form import problem_node

PDES = sorted(path.stem for path in (conf_folder() / "pde").glob("*.yaml"))
EXACT = {"advection", "heat", "heat_dirichlet", "heat_neumann", "wave_dirichlet", "wave_neumann"}
"""Linear with initial states of few modes: any step and any grid will do."""
AS_PUBLISHED = {"combined_e2", "combined_e3"}
"""Labelled as under-resolved in their source, and so refused by nothing."""
EXPENSIVE = {"diffusion_reaction", "gray_scott", "kolmogorov_flow", "lid_driven_cavity", "navier_stokes_3d"}
STABILITY_BOUND = {"lid_driven_cavity"}
"""Explicit, in steps that stability keeps far shorter than accuracy asks for, whatever max_step is."""


def marked(names):
    return [pytest.param(name, marks=pytest.mark.slow if name in EXPENSIVE else ()) for name in names]


def problem(name, spoil=lambda config: None):
    config = problem_node(name)
    spoil(config)
    return build_problem(config)


def eight_steps_in_one(config):
    step = 8 * float(config["simulator"]["max_step"])
    times = config["times"]
    config["simulator"]["max_step"] = step
    # Steps end at the stored snapshots, which must not be what keeps them short.
    spacing = max(float(times["dt"]["value"]), step)
    times["dt"]["value"], times["num_snapshots"] = spacing, 4
    config["tolerances"]["window"] = max(float(config["tolerances"]["window"]), spacing)


def half_the_modes(config):
    config["geometry"]["shape"] = [n // 2 for n in config["geometry"]["shape"]]
    config["times"]["num_snapshots"] = 4
    initial = config["initial_condition"]
    if "GaussianRandomField" in initial["_target_"]:
        initial["max_wavenumber"] = min(initial["max_wavenumber"], config["geometry"]["shape"][0] // 2 - 1)


@pytest.mark.parametrize("name", marked(PDES))
def test_every_problem_passes_its_certificate(name):
    def fewer_snapshots(config):
        config["times"]["num_snapshots"] = 4

    certificate = certify(problem(name, fewer_snapshots))
    assert certificate.passed, "\n".join(certificate.lines())


@pytest.mark.parametrize("spoil", [eight_steps_in_one, half_the_modes])
@pytest.mark.parametrize("name", marked([name for name in PDES if name not in EXACT | AS_PUBLISHED]))
def test_coarser_steps_or_grids_are_refused(name, spoil):
    if spoil is eight_steps_in_one and name in STABILITY_BOUND:
        pytest.skip("its steps cannot be made too long")
    spoiled = problem(name, spoil)
    try:
        certificate = certify(spoiled)
    except InstabilityError:
        return
    assert not certificate.passed, "\n".join(certificate.lines())
