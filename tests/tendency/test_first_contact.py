"""What Python shows of this project when it is asked: names, and what things are."""

import re

import pytest
import torch

import tendency
from tendency.app.configuration.build import build, build_problem
from tendency.simulation.geometry import Boundary, Grid, chebyshev_nodes
from tendency.simulation.simulator import Progress


def test_the_package_lists_its_public_names_and_they_are_there():
    assert dir(tendency) == sorted(tendency.__all__)
    for name in tendency.__all__:
        assert getattr(tendency, name) is not None, name
        assert name == "__version__" or getattr(tendency, name).__doc__, name
    with pytest.raises(AttributeError, match="module 'tendency' has no attribute 'load_surogate'") as caught:
        _ = tendency.load_surogate
    # What Python's own "Did you mean" rests on.
    assert (caught.value.name, caught.value.obj) == ("load_surogate", tendency)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (Grid([16, 8], Boundary.periodic(2)), "Grid(16 x 8, Boundary(periodic))"),
        (Boundary([["periodic", "periodic"], ["dirichlet", "open"]]), "Boundary(periodic, dirichlet/open)"),
        (Boundary([[["dirichlet", "neumann"], "open"]]), "Boundary(dirichlet+neumann/open)"),
        (
            chebyshev_nodes(5, Boundary([["open", "open"]])),
            "PointCloud(5 nodes, 1D, Boundary(open))",
        ),
        (Progress(torch.zeros(2, 1, 8), torch.ones(2), {}), "Progress(u (2, 1, 8), t [1.0, 1.0])"),
    ],
)
def test_a_thing_says_in_a_line_what_it_is(thing, words):
    assert repr(thing) == words


@pytest.mark.parametrize("group", ["prediction", "prediction/integrator", "prediction/difference"])
def test_every_prediction_is_written_as_the_call_that_builds_it(group, options):
    for name, node in options(group).items():
        words, kind = repr(build(node)), node["_target_"].rpartition(".")[2]
        assert re.fullmatch(rf"{kind}\(.*\)", words), (name, words)
        assert " object at 0x" not in words, (name, words)
    if group == "prediction":
        assert repr(build(options(group)["derivative"])) == (
            "DerivativePrediction(difference=RichardsonDifference(), integrator=RungeKutta4())"
        )


def test_a_problem_and_its_conditions_say_what_they_are(compose_config):
    problem = build_problem(compose_config("generate", ["pde=heat", "pde.geometry.shape=[16]"])["pde"])
    assert repr(problem) == (
        "Problem(heat: heat by SpectralSolver on Grid(16, Boundary(periodic)), 41 snapshots, dt = 0.1, "
        "parameters diffusivity)"
    )
    draw = problem.draws("train", range(2))
    assert repr(draw.conditions) == "Conditions(2 trajectories: diffusivity; Grid(16, Boundary(periodic)))"
