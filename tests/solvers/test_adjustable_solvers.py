"""Settings of solvers: what is read is what can be changed, on every kind of solver."""

from dataclasses import replace

import pytest
import torch

from tendency.app.configuration.build import build_problem
from tendency.app.configuration.small_form import problem_node
from tendency.simulation.simulator import AdjustableSolver
from tendency.solvers.etdrk import ETDRK2
from tendency.solvers.explicit_runge_kutta import ExplicitRK4, ExplicitSSPRK3, RungeKuttaLegendre

KINDS = {
    "burgers": ETDRK2(),
    "diffusion_reaction": ETDRK2(),
    "inviscid_burgers": ExplicitRK4(),
    "lid_driven_cavity": ExplicitSSPRK3(),
}
"""A problem for each kind of solver, and another integrator for it."""


@pytest.mark.parametrize("name", KINDS)
def test_settings_are_changed_one_by_one(name):
    problem = build_problem(problem_node(name, small=True))
    solver, integrator = problem.simulator, KINDS[name]
    assert isinstance(solver, AdjustableSolver)
    own = solver.settings()
    assert isinstance(integrator, own.integrator_kind)
    assert isinstance(own.integrator, own.integrator_kind)
    draw = problem.draws("train", [0])
    t, dt = draw.times[:, 0], draw.times[:, 1] - draw.times[:, 0]

    def end(settings):
        changed = solver.with_settings(settings)
        assert type(changed) is type(solver)
        assert changed.settings() == settings
        with torch.no_grad():
            return changed.advance(draw.u, t, dt, draw.conditions, {})[0]

    with torch.no_grad():
        expected = solver.advance(draw.u, t, dt, draw.conditions, {})[0]
    assert torch.equal(end(own), expected)
    for changes in ({"step": own.step / 3}, {"integrator": integrator}):
        changed = end(replace(own, **changes))
        assert not torch.equal(changed, expected)
        assert float((changed - expected).norm() / expected.norm()) < 0.05
    assert solver.settings() == own
    if own.precision is not None:
        single = end(replace(own, precision="float32"))
        assert 0 < float((single - expected).abs().max()) < 1e-4
        return
    with pytest.raises(ValueError, match=r"pde.simulator.precision: .* in double precision only, got float32"):
        solver.with_settings(replace(own, precision="float32"))


def test_a_scheme_for_diffusion_alone_is_refused():
    solver = build_problem(problem_node("lid_driven_cavity", small=True)).simulator
    with pytest.raises(ValueError, match=r"pde.simulator.integrator: .* is stable for diffusion alone"):
        solver.with_settings(replace(solver.settings(), integrator=RungeKuttaLegendre(5)))
