"""Data files beside our solver of their equation: right ones pass, and what is wrong with others is named."""

import math
import re
from dataclasses import replace

import pytest
import torch

from tendency.app.problems.file_data import FileData
from tendency.data.file_storage import FileStorage
from tendency.data.manifest import read_manifest
from tendency.data.solver_comparison import DIAGNOSED, compare_with_solver
from tendency.data.stored_steps import StoredSteps, read_steps
from tendency.data.suspected_changes import factor_words
from tendency.simulation.geometry import Boundary, Grid
from tests.support.array_files import ArrayReader, write_waves

SMALL = {
    "heat": ["pde.geometry.shape=[32]", "pde.times.num_snapshots=9"],
    "burgers": ["pde.geometry.shape=[32]", "pde.times.num_snapshots=9", "pde.parameters.viscosity.low=0.25"],
    "advection": ["pde.geometry.shape=[32]", "pde.times.num_snapshots=9"],
    "navier_stokes": [
        "pde.geometry.shape=[32,32]",
        "pde.times.num_snapshots=9",
        "pde.initial_condition.max_wavenumber=10",
    ],
}
PARAMETERS = {"heat": "diffusivity", "burgers": "viscosity", "advection": "speed", "navier_stokes": "viscosity"}


def compared(solver, steps):
    return compare_with_solver(solver, steps, lambda done, total: None)


@pytest.fixture(scope="module")
def solved(solve):
    """``solved("heat")``: a solver, and steps of what it solved, rounded to single precision as files are."""
    made = {}

    def steps_of(pde):
        if pde not in made:
            solution = solve(pde, *SMALL[pde], trajectories=4)
            row, k = torch.arange(4).repeat_interleave(2), torch.tensor([0, 7] * 4)
            u, t = solution.u.float().double(), solution.t
            steps = StoredSteps(
                u[row, k], u[row, k + 1], t[row, k], t[row, k + 1] - t[row, k], solution.conditions[row], row
            )
            made[pde] = (solution.problem.simulator, steps)
        return made[pde]

    return steps_of


def stated(steps, name, factor):
    """The steps of files that state a parameter so many times as large as it is."""
    names = [*steps.conditions.param_names, *steps.conditions.hidden_names]
    assert name in names
    column = torch.tensor([factor if each == name else 1.0 for each in steps.conditions.param_names]).double()
    return replace(steps, conditions=replace(steps.conditions, params=steps.conditions.params * column))


def backwards(steps, pde):
    return replace(steps, u=steps.v, v=steps.u)


def viscosity_off_by_pi(steps, pde):
    return stated(steps, PARAMETERS[pde], math.pi)


def spacing_off(steps, pde):
    return replace(steps, dt=steps.dt / 1.04)


def other_sign(steps, pde):
    return replace(steps, u=-steps.u, v=-steps.v)


def domain_off(steps, pde):
    return replace(steps, conditions=replace(steps.conditions, extent=steps.conditions.extent * 2))


def right(pde):
    slow = pde in ("advection", "navier_stokes")
    return pytest.param(pde, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("pde", [right(pde) for pde in SMALL])
def test_a_right_file_passes_in_single_precision_and_nothing_is_suspected(solved, pde):
    solver, steps = solved(pde)
    found = compared(solver, steps)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"certified against a solver: the data files solve {solver.title}, one step of")
    assert "median of 8 steps of 4 trajectories" in found.notes[0]
    assert all(figure.holds and not figure.binding for figure in found.figures)
    assert found.figures[0].value < 1e-4


@pytest.mark.parametrize(
    ("pde", "spoil", "named"),
    [
        ("burgers", viscosity_off_by_pi, r"explained by viscosity times 0\.318\d \(1/pi\), which leaves \S+$"),
        ("heat", spacing_off, r"explained by diffusivity times 1\.04, .*the time between snapshots times 1\.04"),
        *(
            pytest.param(pde, spoil, named, marks=pytest.mark.slow)
            for pde, spoil, named in [
                ("heat", backwards, r"explained by reversed time: .* to the first, which leaves \S+$"),
                ("heat", viscosity_off_by_pi, r"explained by diffusivity times 0\.318\d \(1/pi\), .*; as well by the"),
                ("burgers", backwards, "explained by reversed time: the snapshots are stored from the last to the f"),
                ("burgers", spacing_off, r"explained by the time between snapshots times 1\.04, which leaves \S+$"),
                ("burgers", other_sign, r"explained by the other sign of the fields, or of a quadratic term, which"),
                ("burgers", domain_off, r"explained by the side lengths times 0\.5 \(1/2\), which leaves \S+$"),
                ("advection", backwards, "explained by reversed time: .*; as well by speed times -1 "),
                ("advection", spacing_off, r"speed times 1\.04, .*the time between snapshots times 1\.04"),
                ("navier_stokes", viscosity_off_by_pi, r"explained by viscosity times 0\.318\d \(1/pi\), which leaves"),
                ("navier_stokes", spacing_off, r"explained by the time between snapshots times 1\.04, which leaves"),
                ("navier_stokes", backwards, "explained by reversed time"),
            ]
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_the_error_that_is_left(solved, pde, spoil, named):
    solver, steps = solved(pde)
    found = compared(solver, spoil(steps, pde))
    assert found.notes[0].startswith(f"not certified: the data files do not solve {solver.title} as stated, one step")
    assert re.search(named, found.notes[1]), found.notes[1]
    assert found.figures[0].value > 10 * DIAGNOSED
    assert float(re.search(r"which leaves (\S+?)(;|$)", found.notes[1])[1]) < 1e-3


@pytest.mark.slow
def test_a_forcing_that_was_left_out_is_a_field_that_is_missing_in_all_snapshots(solved, solve):
    _, steps = solved("navier_stokes")
    unforced = solve("navier_stokes_decaying", *SMALL["navier_stokes"][::2], trajectories=1).problem.simulator
    found = compared(unforced, steps)
    # The forcing's amplitude is 0.1 in a sine and a cosine.
    assert "explained by a constant term: what is missing is the same field in all snapshots" in found.notes[1]
    assert "of size 0.1, which leaves" in found.notes[1]


def test_a_difference_that_no_simple_change_explains_is_told_as_such(solved):
    solver, steps = solved("heat")
    noise = torch.randn(steps.v.shape, generator=torch.Generator().manual_seed(0)).double()
    found = compared(solver, replace(steps, v=steps.v + 0.3 * (steps.v - steps.u).std() * noise))
    assert found.notes[1].startswith("no simple change explains it (reversed time, factors of parameters, time, sides")


def test_a_trajectory_of_another_equation_is_named(solved):
    solver, steps = solved("heat")
    v = steps.v.clone()
    v[steps.numbers == 2] = steps.u[steps.numbers == 2].roll(3, -1)
    found = compared(solver, replace(steps, v=v))
    assert found.notes[0].startswith("certified against a solver")
    assert found.figures[1].remedy == "all its steps miss: trajectory 2; leave out by data.leave_out=[2]"


def test_a_solver_whose_own_steps_are_far_too_long_is_refined_before_it_judges(solved):
    solver, steps = solved("burgers")
    coarse = solver.with_settings(replace(solver.settings(), step=100.0))
    found = compared(coarse, steps)
    assert found.figures[0].value < 1e-4


@pytest.mark.parametrize(("factor", "words"), [(3.1415, "3.142 (pi)"), (-0.5, "-0.5 (-1/2)"), (1.04, "1.04"), (2, "2")])
def test_a_factor_is_called_by_its_name(factor, words):
    assert factor_words(factor) == words


def test_a_file_is_compared_when_it_is_indexed_and_says_so(tmp_path, compose_config):
    path = write_waves(tmp_path / "waves.npz")

    def certificate(pde, **settings):
        node = compose_config("generate", [f"pde={pde}"])["pde"]
        settings = {"batch_size": 1, "reader": ArrayReader()} | settings
        data = FileData(tmp_path / "datasets", node, str(path), **settings)
        assert data.certify() == read_manifest(data.folder).certificate
        return data.certify(), data

    found, data = certificate("advection")
    assert found.told()[0].startswith("certified against a solver: the data files solve advection")
    assert any(line.startswith("checked  certified against a solver") for line in data.lines())
    assert len([figure for figure in found.figures if "solver" in figure.name]) == 3
    wrong, _ = certificate("advection", dt=0.05)
    assert "explained by speed times 2, " in wrong.notes[1]
    assert wrong.passed
    walls, _ = certificate("advection", boundary="neumann")
    assert walls.notes[0].startswith("data files, not certified against a solver: pde.geometry: the spectral solver")


def test_steps_are_spread_over_trajectories_and_snapshots(tmp_path):
    path = write_waves(tmp_path / "waves.npz", 20)
    data = FileData(tmp_path / "datasets", None, str(path), 1, ArrayReader())
    steps = read_steps({s: FileStorage(data.folder, data.manifest, data.index, s) for s in ("train", "valid", "test")})
    assert len(steps) == 32
    assert len(steps.numbers.unique()) == 8
    assert sorted(steps.t.unique().tolist()) == pytest.approx([0.0, 0.2, 0.5, 0.7])
    assert steps.dt.tolist() == pytest.approx([0.1] * 32)


@pytest.mark.slow
def test_on_a_grid_that_is_too_coarse_for_our_solver_nothing_is_claimed(solve):
    thin = ["pde.geometry.shape=[256]", "pde.parameters.viscosity.low=0.02", "pde.parameters.viscosity.high=0.021"]
    solution = solve("burgers", *thin, "pde.times.num_snapshots=41", trajectories=2)
    u, t = solution.u[..., ::16].float().double(), solution.t
    coarse = replace(solution.conditions, geometry=Grid([16], Boundary.periodic(1)))
    row, k = torch.tensor([0, 0, 1, 1]), torch.tensor([30, 39] * 2)
    steps = StoredSteps(u[row, k], u[row, k + 1], t[row, k], t[row, k + 1] - t[row, k], coarse[row], row)
    found = compared(solution.problem.simulator, steps)
    assert found.notes[0].startswith("not certified: whether the data files solve Burgers cannot be told on their grid")
    assert len(found.notes) == 1
    assert found.figures[2].remedy == "the files' grid is too coarse for it"
    assert not found.figures[2].holds
