"""What a constructor refuses is answered with the key that a user would change."""

import pytest

from tendency.app.configuration.build import build, build_problem


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["pde.parameters.diffusivity.low=0.9"],
            "pde.parameters.diffusivity: expected low < high, got low=0.9, high=0.8",
        ),
        (["pde.times.num_snapshots=1"], "pde.times.num_snapshots: expected at least 2, got 1"),
        (["pde.times.dt.value=-1"], "pde.times.dt: expected positive values, got -1"),
        (["pde.extent.0.value=0"], "pde.extent[0]: expected positive values, got 0"),
        (
            ["pde.geometry.boundary.sides=[[periodic,open]]"],
            "pde.geometry.boundary.sides[0]: an axis is periodic on both sides and for all fields, or not at all",
        ),
    ],
)
def test_what_a_problem_refuses_has_its_key(compose_config, overrides, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        build_problem(compose_config("generate", ["pde=heat", *overrides])["pde"])
    assert str(caught.value) == message


def test_a_node_in_a_list_is_counted_like_in_the_configuration(compose_config):
    node = compose_config("generate", ["pde=navier_stokes"])["pde"]
    node["extent"][1] = {"_target_": "tendency.simulation.parameters.Choice", "values": []}
    with pytest.raises(ValueError, match=r"^pde\.extent\[1\]\.values: expected at least one value, got none$"):
        build_problem(node)


def test_without_a_key_the_words_are_the_constructors_own():
    with pytest.raises(ValueError, match="^expected low < high"):
        build({"_target_": "tendency.simulation.parameters.Uniform", "low": 2.0, "high": 1.0})
