"""Finite volumes: orders of convergence, what is conserved, symmetries, walls, viscosity, gradients, refusals."""

import math

import pytest
import torch

from tendency.simulation.simulator import InstabilityError, begin, rollout
from tendency.solvers.explicit_runge_kutta import ExplicitSSPRK3
from tendency.solvers.finite_volume import HLL, HLLC, MUSCL, WENO5, MonotonizedCentral, Unlimited, VanLeer
from tendency.solvers.finite_volume_solver import FiniteVolumeSolver
from tendency.solvers.pdes.compressible_flow import CompressibleFlow, NewtonianStress
from tendency.solvers.pdes.inviscid_burgers import InviscidBurgers
from tendency.solvers.pdes.shallow_water import ShallowWater

MC = MUSCL(MonotonizedCentral())
WALL = [["neumann", "dirichlet", "neumann"], ["neumann", "dirichlet", "neumann"]]
PERIODIC = ["periodic", "periodic"]


def solve(solver, u, conditions, end):
    t = torch.zeros(len(u), 1, dtype=torch.float64)
    progress = begin(solver, u[:, None], t, conditions, torch.arange(len(u)))
    return next(iter(rollout(solver, progress, t + end, conditions))).u


def solver(equation=None, reconstruction=MC, riemann=None, cfl=0.4):
    return FiniteVolumeSolver(equation or CompressibleFlow(), reconstruction, riemann or HLLC(), ExplicitSSPRK3(), cfl)


def smooth(conditions, fields=3):
    """(B, fields, *N): sums of sines about 2, of another shape in each field; velocities about 0.3."""
    x = conditions.geometry.coordinates(conditions.extent) / conditions.extent.reshape(
        *conditions.extent.shape, *[1] * conditions.geometry.spatial_dims
    )
    channels = []
    for c in range(fields):
        wave = sum((0.2 + 0.1 * c) * torch.sin(2 * math.pi * (axis + 1) * x[:, axis] + c) for axis in range(x.shape[1]))
        channels.append(wave + (2.0 if c in (0, fields - 1) else 0.3))
    return torch.stack(channels, 1)


def density_wave(n, conditions, shift):
    """Cell averages of 1 + 0.3 sin(2 pi (x - shift)), carried at speed 1 under a constant pressure."""
    x = conditions.geometry.coordinates(conditions.extent)[0, 0]
    average = math.sin(math.pi / n) / (math.pi / n)
    rho = 1 + 0.3 * average * torch.sin(2 * math.pi * (x - shift))
    return torch.stack([rho, torch.ones_like(rho), torch.ones_like(rho)])[None]


@pytest.mark.parametrize(
    ("reconstruction", "sizes", "order"), [(MUSCL(Unlimited()), (32, 64), 1.9), (WENO5(), (24, 48), 4.5)]
)
def test_a_smooth_density_wave_converges_at_the_order_of_the_scheme(conditions, reconstruction, sizes, order):
    errors = []
    for n in sizes:
        c = conditions([n], [[1.0]], heat_capacity_ratio=[1.4])
        # Steps that shrink like dx^(5/3) keep the third order in time out of a fifth order in space.
        cfl = 0.4 if isinstance(reconstruction, MUSCL) else 0.4 * (sizes[0] / n) ** (2 / 3)
        end = solve(solver(reconstruction=reconstruction, cfl=cfl), density_wave(n, c, 0.0), c, 0.5)
        errors.append(float((end - density_wave(n, c, 0.5))[0, 0].abs().mean()))
    assert math.log2(errors[0] / errors[1]) > order


def vortex(conditions, shift):
    """An isentropic vortex in a flow along the diagonal (Shu 1998), as point values: equal to averages to O(dx^2)."""
    gamma, strength = 1.4, 4.0
    x = conditions.geometry.coordinates(conditions.extent)[0] - shift
    x = (x + 5 - 5) % 10 - 5
    squares = x[0] ** 2 + x[1] ** 2
    swirl = strength / (2 * math.pi) * torch.exp((1 - squares) / 2)
    temperature = 1 - (gamma - 1) / (2 * gamma) * swirl**2
    rho = temperature ** (1 / (gamma - 1))
    return torch.stack([rho, 1 - swirl * x[1], 1 + swirl * x[0], rho * temperature])[None]


def test_an_isentropic_vortex_is_carried_along(conditions):
    errors = []
    for n in (24, 48):
        c = conditions([n, n], [[10.0, 10.0]], heat_capacity_ratio=[1.4])
        end = solve(solver(reconstruction=MUSCL(Unlimited())), vortex(c, 5.0), c, 1.0)
        errors.append(float((end - vortex(c, 6.0)).abs().mean()))
    assert math.log2(errors[0] / errors[1]) > 1.7
    assert errors[1] < 0.01


EQUATIONS = {
    "gas_1d": (CompressibleFlow(), [24], {"heat_capacity_ratio": 1.4}, HLLC()),
    "gas_2d": (CompressibleFlow(), [12, 10], {"heat_capacity_ratio": 1.4}, HLLC()),
    "gas_3d": (CompressibleFlow(), [8, 6, 6], {"heat_capacity_ratio": 1.4}, HLL()),
    "viscous_gas_1d": (
        CompressibleFlow(NewtonianStress()), [24],
        {"heat_capacity_ratio": 1.4, "shear_viscosity": 0.05, "bulk_viscosity": 0.02}, HLLC(),
    ),
    "viscous_gas_2d": (
        CompressibleFlow(NewtonianStress()), [12, 10],
        {"heat_capacity_ratio": 1.4, "shear_viscosity": 0.05, "bulk_viscosity": 0.02}, HLLC(),
    ),
    "water_1d": (ShallowWater(), [24], {"gravity": 1.3}, HLLC()),
    "water_2d": (ShallowWater(), [12, 10], {"gravity": 1.3}, HLLC()),
    "burgers": (InviscidBurgers(), [24], {}, HLL()),
}  # fmt: skip


@pytest.fixture(params=EQUATIONS)
def case(request, conditions):
    """Solver, smooth periodic state (2, C, *N) and conditions of each equation."""
    equation, shape, parameters, riemann = EQUATIONS[request.param]
    values = {name: [value, 1.05 * value] for name, value in parameters.items()}
    c = conditions(shape, [[1.0, 1.2, 0.8][: len(shape)]] * 2, **values)
    channels = sum(field.channels(len(shape)) for field in equation.fields)
    u = smooth(c, channels)
    u[1] = u[1].flip(-1) * 1.1
    return solver(equation, riemann=riemann), u, c


def test_totals_are_conserved_on_a_torus(case):
    scheme, u, c = case
    before, after = scheme.conserved(u, c), scheme.conserved(solve(scheme, u, c, 0.1), c)
    assert sum(density.shape[1] for density in before.values()) == u.shape[1]
    for name, density in before.items():
        assert torch.allclose(after[name].flatten(2).mean(2), density.flatten(2).mean(2), atol=1e-12, rtol=0), name


def test_a_batch_equals_its_members_though_their_steps_differ(case, conditions):
    scheme, u, c = case
    dt = torch.tensor([0.04, 0.07], dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)
    together, _ = scheme.advance(u, zero, dt, c, {})
    for row in range(2):
        values = {name: [float(c.parameter(name)[row])] for name in c.param_names}
        own = conditions(list(c.geometry.shape), [c.extent[row].tolist()], **values)
        single, _ = scheme.advance(u[row : row + 1], zero[:1], dt[row : row + 1], own, {})
        assert torch.allclose(together[row : row + 1], single, atol=1e-13, rtol=1e-13)


def test_the_time_derivative_is_that_of_the_semi_discrete_trajectory(case):
    scheme, u, c = case
    h = 1e-4
    zero, step = torch.zeros(2, dtype=torch.float64), torch.full((2,), h, dtype=torch.float64)
    states = [u]
    for _ in range(4):
        states.append(scheme.advance(states[-1], zero, step, c, {})[0])
    difference = (-states[4] + 8 * states[3] - 8 * states[1] + states[0]) / (12 * h)
    exact = scheme.time_derivative(states[2], zero, c)
    # In the mean: a limiter that changes its mind between two states makes a kink in a cell.
    assert float((exact - difference).abs().mean() / exact.abs().mean()) < 1e-5


@pytest.mark.parametrize("reconstruction", [MUSCL(Unlimited()), MUSCL(VanLeer()), WENO5()])
def test_gradients_flow_through_many_steps(case, reconstruction):
    scheme, u, c = case
    scheme = solver(scheme.equation, reconstruction, scheme.riemann)
    zero, dt = torch.zeros(2, dtype=torch.float64), torch.full((2,), 2e-3, dtype=torch.float64)

    def eight_steps(v):
        for _ in range(8):
            v, _ = scheme.advance(v, zero, dt, c, {})
        return v

    generator = torch.Generator().manual_seed(0)
    direction, weight = (torch.randn(u.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    start = u.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((eight_steps(start) * weight).sum(), start)
    h = 1e-6
    slope = ((eight_steps(u + h * direction) - eight_steps(u - h * direction)) * weight).sum() / (2 * h)
    # Central differences straddle a limiter's switch in the odd cell at an extremum; WENO's weights are smooth.
    assert float((gradient * direction).sum()) == pytest.approx(
        float(slope), rel=1e-3 if isinstance(reconstruction, MUSCL) else 1e-5
    )


def test_a_lake_at_rest_stays_at_rest(conditions):
    for sides in ([PERIODIC] * 2, [[["neumann", "dirichlet"]] * 2] * 2, [["open", "open"]] * 2):
        c = conditions([12, 10], [[1.0, 1.0]], sides, gravity=[9.81])
        lake = torch.tensor([1.7, 0.0, 0.0], dtype=torch.float64).reshape(1, 3, 1, 1).expand(1, 3, 12, 10).clone()
        assert float((solve(solver(ShallowWater()), lake, c, 0.3) - lake).abs().max()) < 1e-13


def test_a_round_dam_breaks_into_a_round_wave(conditions):
    n = 24
    c = conditions([n, n], [[5.0, 5.0]], [["open", "open"]] * 2, gravity=[1.0])
    x = c.geometry.coordinates(c.extent)[0] - 2.5
    depth = 1 + (x.square().sum(0) < 0.5).double()
    end = solve(solver(ShallowWater()), torch.stack([depth, 0 * depth, 0 * depth])[None], c, 0.8)[0]
    assert float(depth.sum() - end[0].sum()) == pytest.approx(0, abs=1e-10)
    assert float((end[0] - depth).abs().max()) > 0.3
    for mirrored in (end.flip(1) * torch.tensor([1, -1, 1])[:, None, None],
                     end.flip(2) * torch.tensor([1, 1, -1])[:, None, None],
                     end[[0, 2, 1]].transpose(1, 2)):  # fmt: skip
        assert float((mirrored - end).abs().max()) < 1e-12


def test_a_wall_reflects_like_a_mirror_image(conditions):
    """The left half of a gas that is symmetric about the middle of a torus does not know that there is no wall."""
    n = 32
    shape = {"heat_capacity_ratio": [1.4]}
    closed = conditions([n], [[1.0]], [WALL], **shape)
    x = closed.geometry.coordinates(closed.extent)[0, 0]
    pulse = torch.exp(-(((x - 0.6) / 0.1) ** 2))
    half = torch.stack([1 + pulse, 0.5 * pulse, 1 + 2 * pulse])[None]
    mirror = half.flip(2) * torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)[:, None]
    torus = conditions([2 * n], [[2.0]], **shape)
    scheme = solver()
    end = solve(scheme, half, closed, 0.5)
    whole = solve(scheme, torch.cat([half, mirror], 2), torus, 0.5)
    assert float((whole[..., :n] - end).abs().max()) < 1e-12
    before, after = scheme.conserved(half, closed), scheme.conserved(end, closed)
    assert set(before) == {"the mean density", "the mean energy"}
    for name, value in before.items():
        assert torch.allclose(after[name].mean(2), value.mean(2), atol=1e-13), name
    assert scheme.conserved(half, conditions([n], [[1.0]], [["open", "open"]], **shape)) == {}


def test_gas_slips_along_walls_and_sticks_to_them_if_it_is_viscous(conditions):
    """A shear flow between walls: unchanged without viscosity; with it sin(pi y) decays at nu pi^2."""
    for stress, rate in ((None, 0.0), (NewtonianStress(), 0.1 * math.pi**2)):
        values = {} if stress is None else {"shear_viscosity": [0.1], "bulk_viscosity": [0.0]}
        c = conditions([4, 32], [[0.2, 1.0]], [PERIODIC, WALL], heat_capacity_ratio=[1.4], **values)
        y = c.geometry.coordinates(c.extent)[0, 1]
        # So slow that the heat of friction does not matter.
        flow = 1e-4 * torch.sin(math.pi * y)
        start = torch.stack([0 * y + 1, flow, 0 * y, 0 * y + 1])[None]
        end = solve(solver(CompressibleFlow(stress)), start, c, 0.2)
        assert torch.allclose(end[0, 1], math.exp(-0.2 * rate) * flow, rtol=2e-3, atol=0)


def test_refinement_of_cells_keeps_totals_and_straight_lines(conditions):
    for sides, n in ((None, 12), ([["open", "open"]], 12)):
        c = conditions([n], [[1.0]], sides, heat_capacity_ratio=[1.4])
        u = smooth(c)
        scheme = solver()
        for m in (24, 6, 18, 5):
            finer = conditions([m], [[1.0]], sides, heat_capacity_ratio=[1.4])
            there = scheme.resample(u, c, (m,))
            before, after = (scheme.equation.to_conserved(v, scheme.equation.prepared(c)).mean(2) for v in (u, there))
            assert torch.allclose(before, after, atol=1e-13)
            x, fine_x = (z.geometry.coordinates(z.extent) for z in (c, finer))
            line, fine_line = (torch.cat([1 + z, 0 * z, 1 + z], 1) for z in (x, fine_x))
            inner = (fine_x[0, 0] - 0.5 / m > 1.5 / n) & (fine_x[0, 0] + 0.5 / m < 1 - 1.5 / n)
            assert torch.allclose(scheme.resample(line, c, (m,))[..., inner], fine_line[..., inner], atol=1e-13)


def test_refinement_of_a_strong_blast_stays_a_gas(conditions):
    c = conditions([16], [[1.0]], [["open", "open"]], heat_capacity_ratio=[1.4])
    u = torch.tensor([[5.0, 20.0, 1e-3], [0.1, -30.0, 500.0]], dtype=torch.float64)[[0, 1, 1, 0] * 4].T[None]
    finer = solver().resample(u, c, (64,))
    assert float(finer[:, [0, 2]].min()) > 0


def test_a_gas_that_tears_apart_is_an_error_at_the_step_where_it_does(conditions):
    c = conditions([64], [[1.0]], [["open", "open"]], heat_capacity_ratio=[1.4])
    x = c.geometry.coordinates(c.extent)[0, 0]
    u = torch.stack([torch.ones_like(x), torch.where(x < 0.5, -20.0, 20.0).double(), torch.full_like(x, 0.4)])[None]
    scheme = solver(reconstruction=MUSCL(Unlimited()), cfl=1.0)
    with pytest.raises(
        InstabilityError, match=r"compressible_flow became unstable at t = 0\.0.*pde.simulator.cfl"
    ) as error:
        solve(scheme, u, c, 0.1)
    assert error.value.rows == [0]


def test_states_parameters_and_sides_that_make_no_sense_are_refused(conditions):
    c = conditions([16], [[1.0]], heat_capacity_ratio=[1.4])
    good = smooth(c)
    for channel, name in ((0, "density"), (2, "pressure")):
        bad = good.clone()
        bad[0, channel, 3] = -0.1
        with pytest.raises(ValueError, match=rf"pde.initial_condition: expected a positive {name}, got -0.1"):
            solve(solver(), bad, c, 0.1)
    with pytest.raises(ValueError, match="pde.parameters.heat_capacity_ratio: expected values above 1, got 1"):
        solver().check(conditions([16], [[1.0]], heat_capacity_ratio=[1.0]))
    viscous = {"heat_capacity_ratio": [1.4], "shear_viscosity": [-1.0], "bulk_viscosity": [0.0]}
    with pytest.raises(ValueError, match="pde.parameters.shear_viscosity: expected no negative values, got -1"):
        solver(CompressibleFlow(NewtonianStress())).check(conditions([16], [[1.0]], **viscous))
    with pytest.raises(ValueError, match="pde.parameters.gravity: expected positive values"):
        solver(ShallowWater()).check(conditions([16], [[1.0]], gravity=[0.0]))
    dry = torch.zeros(1, 2, 16, dtype=torch.float64)
    with pytest.raises(ValueError, match="pde.initial_condition: expected a positive depth, got 0"):
        solve(solver(ShallowWater()), dry, conditions([16], [[1.0]], gravity=[1.0]), 0.1)
    half_open = [[["open", "dirichlet", "open"], "open"]]
    with pytest.raises(ValueError, match=r"pde.geometry.boundary.sides\[0\]\[0\].*open for all fields or for none"):
        solver().check(conditions([16], [[1.0]], half_open, heat_capacity_ratio=[1.4]))
    with pytest.raises(ValueError, match="velocity passes no wall; expected dirichlet for it, got neumann"):
        solver().check(conditions([16], [[1.0]], [["neumann", "neumann"]], heat_capacity_ratio=[1.4]))
    with pytest.raises(ValueError, match="pde.geometry.shape: inviscid_burgers is stated in 1D, got 2 axes"):
        solver(InviscidBurgers()).check(conditions([8, 8], [[1.0, 1.0]]))
    with pytest.raises(ValueError, match="pde.simulator.riemann: inviscid_burgers has no contact wave; use .*HLL"):
        solve(solver(InviscidBurgers()), good[:, :1], conditions([16], [[1.0]]), 0.1)
