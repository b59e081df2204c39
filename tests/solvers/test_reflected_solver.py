"""Walls: exact modes between them, flow in a box, and what is refused."""

import math

import pytest
import torch

from tendency.data.certificate import certify
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.parameters import Constant, Uniform
from tendency.simulation.problem import Problem, Times, Tolerances
from tendency.simulation.simulator import begin, rollout
from tendency.solvers.etdrk import ETDRK4
from tendency.solvers.forcing import DiagonalForcing
from tendency.solvers.initial_conditions.random_fourier import RandomFourierSeries
from tendency.solvers.pdes.allen_cahn import AllenCahn
from tendency.solvers.pdes.burgers import Burgers
from tendency.solvers.pdes.fitzhugh_nagumo import FitzHughNagumo
from tendency.solvers.pdes.heat import Heat
from tendency.solvers.pdes.navier_stokes import NavierStokes
from tendency.solvers.reflected_solver import ReflectedSolver


def walled(shape, sides, extent, **parameters):
    values = torch.tensor([list(row) for row in zip(*parameters.values(), strict=True)], dtype=torch.float64)
    empty = torch.zeros(len(values), 0, dtype=torch.float64)
    lengths = torch.tensor([extent] * len(values), dtype=torch.float64)
    return Conditions(values, empty, lengths, empty, Grid(shape, Boundary(sides)), tuple(parameters), ())


def solve(equation, u, conditions, end, step=0.05):
    solver = ReflectedSolver(equation, ETDRK4(), step)
    solver.check(conditions)
    t = torch.zeros(len(u), 1, dtype=torch.float64)
    progress = begin(solver, u[:, None], t, conditions, torch.arange(len(u)))
    return next(iter(rollout(solver, progress, t + end, conditions))).u


MODES = {
    ("dirichlet", "dirichlet"): lambda x, n: torch.sin(n * math.pi * x),
    ("neumann", "neumann"): lambda x, n: torch.cos(n * math.pi * x),
    ("dirichlet", "neumann"): lambda x, n: torch.sin((n - 0.5) * math.pi * x),
    ("neumann", "dirichlet"): lambda x, n: torch.cos((n - 0.5) * math.pi * x),
}


@pytest.mark.parametrize("walls", MODES, ids="-".join)
def test_heat_decays_mode_by_mode_between_walls(walls):
    length, diffusivity = 3.0, 0.4
    c = walled([32], [list(walls)], [length], diffusivity=[diffusivity, diffusivity])
    x = c.geometry.coordinates(c.extent)[0] / length
    numbers = torch.tensor([1.0, 3.0], dtype=torch.float64).reshape(2, 1, 1)
    start = torch.cat([MODES[walls](x, int(n)) for n in numbers.flatten()])[:, None]
    waves = numbers if walls[0] == walls[1] else numbers - 0.5
    exact = start * torch.exp(-diffusivity * (waves * math.pi / length) ** 2 * 0.7)
    assert torch.allclose(solve(Heat(), start, c, 0.7), exact, atol=1e-12)
    solver = ReflectedSolver(Heat(), ETDRK4(), 0.1)
    rate = solver.time_derivative(start, torch.zeros(2), c)
    assert torch.allclose(rate, -diffusivity * (waves * math.pi / length) ** 2 * start, atol=1e-11)
    for shape in ([64], [16]):
        finer = solver.resample(start, c, shape)
        other = walled(shape, [list(walls)], [length], diffusivity=[diffusivity, diffusivity])
        x_other = other.geometry.coordinates(other.extent)[0] / length
        expected = torch.cat([MODES[walls](x_other, int(n)) for n in numbers.flatten()])[:, None]
        assert torch.allclose(finer, expected, atol=1e-12)


def test_walls_on_one_axis_and_a_torus_along_the_other():
    c = walled([16, 24], [["periodic"] * 2, ["dirichlet"] * 2], [2.0, 3.0], diffusivity=[0.2])
    x, y = c.geometry.coordinates(c.extent)[0]
    start = (torch.cos(math.pi * x) * torch.sin(2 * math.pi * y / 3))[None, None]
    rate = 0.2 * (math.pi**2 + (2 * math.pi / 3) ** 2)
    assert torch.allclose(solve(Heat(), start, c, 0.5), math.exp(-0.5 * rate) * start, atol=1e-12)


def test_nothing_leaves_through_insulating_walls():
    c = walled([48], [["neumann"] * 2], [2.0], diffusivity=[0.3])
    x = c.geometry.coordinates(c.extent)
    start = torch.exp(-((x - 0.4) ** 2) * 20)
    solver = ReflectedSolver(Heat(), ETDRK4(), 0.1)
    end = solve(Heat(), start, c, 5.0)
    assert solver.conserved(end, c)["mean"].mean().item() == pytest.approx(start.mean().item(), rel=1e-12)
    assert float(end.max() - end.min()) < 0.1 * float(start.max() - start.min())
    cold = walled([48], [["dirichlet"] * 2], [2.0], diffusivity=[0.3])
    assert solver.conserved(end, cold) == {}
    assert solve(Heat(), start, cold, 5.0).mean() < 0.1 * start.mean()


def test_reactions_in_a_box_converge_at_fourth_order():
    """A pattern of PDEBench's kind: no exact solution, but one order and one limit."""
    c = walled(
        [32, 32], [["neumann"] * 2] * 2, [2.0, 2.0], diffusivity_u=[5e-2], diffusivity_v=[1e-1], excitation=[5e-3]
    )
    x, y = c.geometry.coordinates(c.extent)[0]
    u = torch.stack([torch.cos(math.pi * x) * torch.cos(math.pi * y / 2), torch.cos(math.pi * y)])[None]
    ends = [solve(FitzHughNagumo(), u, c, 1.0, step) for step in (0.1, 0.05, 0.0125)]
    errors = [float((end - ends[2]).norm()) for end in ends[:2]]
    assert math.log2(errors[0] / errors[1]) > 3.5


def test_a_flow_slips_along_its_walls_and_keeps_its_energy():
    c = walled([32, 32], [["dirichlet"] * 2] * 2, [math.pi, math.pi], viscosity=[1e-12])
    x, y = c.geometry.coordinates(c.extent)[0]
    w = torch.sin(x) * torch.sin(y) + 0.7 * torch.sin(2 * x) * torch.sin(y) + 0.5 * torch.sin(x) * torch.sin(3 * y)
    end = solve(NavierStokes(), w[None, None], c, 1.0, 0.01)
    assert float(end.square().sum()) == pytest.approx(float(w.square().sum()), rel=1e-8)
    assert float((end - w).norm() / w.norm()) > 0.05


def test_a_batch_equals_its_members():
    c = walled([32], [["dirichlet", "neumann"]], [4.0], diffusivity=[0.3, 0.05])
    x = c.geometry.coordinates(c.extent)
    u = torch.sin(math.pi * x / 8) + 0.3 * torch.sin(5 * math.pi * x / 8)
    both = solve(AllenCahn(), u, c, 1.0)
    for row in range(2):
        alone = walled([32], [["dirichlet", "neumann"]], [4.0], diffusivity=[[0.3, 0.05][row]])
        assert torch.allclose(solve(AllenCahn(), u[row : row + 1], alone, 1.0), both[row : row + 1], rtol=1e-12)


@pytest.mark.parametrize(
    ("equation", "sides", "message"),
    [
        (Burgers(), [["neumann"] * 2], r"sides\[0\]\[0\]: burgers expects periodic for u, got neumann"),
        (FitzHughNagumo(), [["neumann", "dirichlet"]], r"sides\[0\]\[1\]: fitzhugh_nagumo expects periodic or neumann"),
        (Heat(), [["open", "open"]], r"heat expects periodic or neumann or dirichlet for u, got open"),
        (NavierStokes(DiagonalForcing()), [["dirichlet"] * 2] * 2, r"navier_stokes expects periodic for vorticity"),
    ],
)
def test_walls_that_an_equation_does_not_allow_are_refused(equation, sides, message):
    parameters = {name: [0.1] for name in equation.parameter_names}
    c = walled([16] * len(sides), sides, [1.0] * len(sides), **parameters)
    with pytest.raises(ValueError, match=message):
        ReflectedSolver(equation, ETDRK4(), 0.1).check(c)


def test_a_problem_with_walls_is_certified():
    problem = Problem(
        name="heated_rod",
        simulator=ReflectedSolver(Heat(), ETDRK4(), 1.0),
        geometry=Grid([32], Boundary([["neumann", "neumann"]])),
        extent=[Constant(1.0)],
        parameters={"diffusivity": Uniform(0.01, 0.05)},
        initial_condition=RandomFourierSeries(num_terms=3),
        times=Times(Constant(0.1), 6, burn_in=0.2),
        tolerances=Tolerances(window=0.5, refinement=1e-2, derivative=1e-6),
    )
    certificate = certify(problem)
    assert certificate.passed, "\n".join(certificate.lines())
