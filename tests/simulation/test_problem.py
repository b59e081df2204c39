"""Problems: trajectory i of a split is a function of (seed, split, i), and every quantity has a stream of its own."""

import numpy as np
import pytest
import torch

from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.parameters import Choice, Constant, LogUniform, Uniform
from tendency.simulation.problem import Problem, Times, Tolerances


class Still:
    """A solver of nothing, for what a problem asks of one."""

    name, version, history = "still", 1, 1
    fields = (Field("u"),)
    parameter_names = ("viscosity", "speed")


class Noise:
    """White noise on the grid."""

    def __call__(self, generator: np.random.Generator, conditions: Conditions) -> torch.Tensor:
        return torch.from_numpy(generator.normal(size=(1, 1, *conditions.geometry.shape)))


def problem(seed=0, **changes):
    settings = {
        "name": "still",
        "simulator": Still(),
        "geometry": Grid([8], Boundary.periodic(1)),
        "extent": [Uniform(1.0, 2.0)],
        "parameters": {"viscosity": LogUniform(1e-3, 1e-1), "speed": Constant(2.0)},
        "initial_condition": Noise(),
        "times": Times(Uniform(0.1, 0.2), 5, burn_in=1.0),
        "tolerances": Tolerances(1.0, 1.0, 1.0),
        "seed": seed,
    }
    return Problem(**(settings | changes))


def test_a_trajectory_is_a_function_of_seed_split_and_index():
    first, again = problem().draw("train", 3), problem().draw("train", 3)
    assert torch.equal(first.u, again.u)
    assert torch.equal(first.conditions.params, again.conditions.params)
    others = [problem().draw("train", 4), problem().draw("valid", 3), problem(seed=1).draw("train", 3)]
    for other in others:
        assert not torch.equal(first.u, other.u)
        assert not torch.equal(first.conditions.params, other.conditions.params)


def test_another_distribution_of_one_quantity_leaves_the_others_alone():
    first = problem().draw("train", 0)
    changed = problem(parameters={"viscosity": Constant(0.1), "speed": Constant(3.0)}).draw("train", 0)
    assert torch.equal(first.u, changed.u)
    assert torch.equal(first.conditions.extent, changed.conditions.extent)
    assert torch.equal(first.times, changed.times)


def test_observed_and_hidden_parameters():
    draw = problem().draw("train", 0)
    assert draw.conditions.param_names == ("viscosity",)
    assert draw.conditions.hidden_names == ("speed",)
    assert draw.conditions.parameter("speed").tolist() == [2.0]
    assert 1e-3 <= draw.conditions.parameter("viscosity").item() < 1e-1
    with pytest.raises(ValueError, match=r"unknown parameter 'viscosty': this problem has \['viscosity', 'speed'\]"):
        draw.conditions.parameter("viscosty")


def test_times_start_after_the_burn_in():
    draw = problem().draw("train", 0)
    steps = draw.times.diff(dim=1)
    assert draw.times.dtype == torch.float64
    assert draw.times[0, 0] == 1.0
    assert torch.allclose(steps, steps[:, :1])
    assert 0.1 <= steps[0, 0] < 0.2


def test_draws_are_the_single_ones_together():
    draws = problem().draws("test", [2, 0])
    for row, index in enumerate((2, 0)):
        single = problem().draw("test", index)
        assert torch.equal(draws.u[row : row + 1], single.u)
        assert torch.equal(draws.times[row : row + 1], single.times)
        assert torch.equal(draws.conditions.params[row : row + 1], single.conditions.params)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"viscosity": Constant(1.0)}}, r"expects \['speed', 'viscosity'\], got \['viscosity'\]"),
        ({"extent": [Constant(1.0)] * 2}, "pde.extent: expected 1 lengths, got 2"),
        ({"times": Times(Constant(-1.0), 5)}, "pde.times.dt: expected positive values, got -1"),
        ({"times": Times(Uniform(-1.0, 1.0), 5)}, "pde.times.dt: expected positive values, got -1"),
        ({"times": Times(Choice([0.1, 0.0]), 5)}, "pde.times.dt: expected positive values, got 0"),
        ({"extent": [Constant(0.0)]}, r"pde.extent\[0\]: expected positive values, got 0"),
        ({"resolution": "coarse"}, "pde.resolution: expected resolved or as_published"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        problem(**changes)
    with pytest.raises(ValueError, match="split: expected one of"):
        problem().draw("validation", 0)


def test_distributions_stay_in_their_ranges():
    generator = np.random.default_rng(0)
    log = np.array([LogUniform(1e-4, 1e-2).draw(generator) for _ in range(2000)])
    assert 1e-4 <= log.min() < 1.1e-4
    assert 0.9e-2 < log.max() < 1e-2
    assert np.median(log) == pytest.approx(1e-3, rel=0.2)
    assert {Choice([1.0, 2.0]).draw(generator) for _ in range(50)} == {1.0, 2.0}
    assert not Choice([1.0, 1.0]).varies
    for wrong in (lambda: Uniform(2.0, 1.0), lambda: LogUniform(0.0, 1.0), lambda: Choice([])):
        with pytest.raises(ValueError, match=r"expected|positive"):
            wrong()
