"""Every option of conf/prediction, and every integrator and difference, learns and rolls out with a small network."""

import functools
from dataclasses import replace

import pytest
import torch

from tendency.app.configuration.conf_files import conf_folder
from tendency.simulation.random import mix
from tendency.simulation.simulator import begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.simulation.window import Window
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer

GROUPS = ("prediction", "prediction/integrator", "prediction/difference")
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((conf_folder() / group).glob("*.yaml"))]


@pytest.fixture(scope="module")
def solved(compose_config):
    """A small problem's trajectories with their time derivatives: seven snapshots, the fourth one present."""
    from tendency.app.configuration.build import build_problem

    pde = compose_config("generate", ["pde=burgers", "pde.geometry.shape=[32]"])["pde"]
    problem = build_problem(pde)
    draw, solver = problem.draws("train", range(3)), problem.simulator
    times = draw.times[:, :1] + 0.1 * torch.arange(7, dtype=torch.float64)
    start = begin(solver, draw.u[:, None], times[:, :1], draw.conditions, torch.arange(3))
    states = [start.u, *(state.u for state in rollout(solver, start, times[:, 1:], draw.conditions))]
    u_t = [solver.time_derivative(u, t, draw.conditions).float() for u, t in zip(states, times.unbind(1), strict=True)]
    index = torch.arange(3)
    u = torch.stack(states, 1).float()
    return Window(u, times, draw.conditions, torch.stack(u_t, 1), index, 0 * index + 3, torch.ones_like(index)), pde


@pytest.fixture(scope="module")
def node_of(compose_config):
    """``node_of("prediction", "state")``: the prediction with that option, made once."""

    @functools.cache
    def node(group, option):
        overrides = ["pde=burgers", "name=test", f"{group}={option}"]
        overrides += ["prediction=derivative"] if "/" in group else []
        return compose_config("train", overrides)["prediction"]

    return node


def stepper_of(node, data, pde):
    from tendency.app.configuration.build import build
    from tendency.surrogates.interface import Interface
    from tendency.surrogates.models.fno import FNO

    prediction = build(node)
    prediction.check(data.conditions.geometry)
    params = data.conditions.params.shape[1]
    sizes = prediction.in_channels(1), prediction.out_channels(1), prediction.num_conditions(params)
    torch.manual_seed(0)
    surrogate = FNO(Interface(*sizes, data.conditions.geometry.boundary), width=4, modes=3, num_layers=1)
    return SurrogateStepper(surrogate, prediction, fit_normalizer(prediction, [data.moved(-1), data]))


def gradients_arrive(loss, stepper):
    stepper.zero_grad()
    loss.backward()
    weights = [p.grad for p in stepper.surrogate.parameters()]
    assert all(w is not None and torch.isfinite(w).all() for w in weights)
    assert any((w != 0).any() for w in weights)


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=[f"{group}={option}" for group, option in OPTIONS])
def test_it_learns_and_rolls_out(group, option, solved, node_of):
    data, _ = solved
    stepper = stepper_of(node_of(group, option), *solved)
    prediction = stepper.prediction
    # Outputs per unit of scale have unit variance, whatever they mean.
    memory = stepper.start(*data.history(stepper.history), data.conditions, data.index)
    many = map_tensors(lambda x: x.repeat(40, *[1] * (x.ndim - 1)), data)
    key = mix(torch.arange(120), 1)
    _, label = prediction.pair(
        stepper.network(many.conditions),
        many,
        many.at(0),
        stepper.start(*many.history(stepper.history), many.conditions, key),
        key,
    )
    assert 0.5 < label.std() < 2
    network = stepper.network(data.conditions)
    y, label = prediction.pair(network, data, data.at(0), memory, data.index)
    assert y.shape == label.shape == (3, prediction.out_channels(1), 32)
    gradients_arrive((y - label).square().mean(), stepper)

    def rolled(window):
        start = begin(stepper, *window.history(stepper.history), window.conditions, window.index)
        return torch.stack([s.u for s in rollout(stepper, start, window.times(1, 3), window.conditions)], 1)

    states = rolled(data)
    assert torch.isfinite(states).all()
    gradients_arrive((states - data.u[:, 4:]).square().mean(), stepper)
    one = map_tensors(lambda x: x[1:2], data)
    assert torch.allclose(rolled(one)[0], states[1], rtol=1e-4, atol=1e-5)


ANY_TIME = {"derivative"}
"""The options whose networks answer for no particular step."""


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "prediction"])
def test_only_what_was_learned_is_answered(option, solved, node_of):
    """Trained on steps of 0.1, which are taken to any time that they lead to; other times are a derivative's alone."""
    data, pde = solved
    stepper = stepper_of(node_of("prediction", option), data, pde).having_learned(LearnedSteps(0.1, 0.1))
    given = *data.history(1), data.conditions
    begun = begin(stepper, *given, data.index)
    now = data.time(0)[0].item()
    after = now + 0.1 * torch.arange(1, 4, dtype=torch.float64)

    def answer(*times):
        return stepper.predict(given[0], given[1], [now + time for time in times], given[2])

    steps = stepper.predict(given[0], given[1], after, given[2])
    assert torch.allclose(answer(0.3)[:, 0], steps[:, 2], rtol=1e-5, atol=1e-6)
    assert torch.allclose(answer(0.1, 0.3), steps[:, [0, 2]], rtol=1e-5, atol=1e-6)
    # Times in single precision are of the same steps.
    assert torch.allclose(stepper.predict(given[0], given[1], after.float(), given[2]), steps, rtol=1e-4, atol=1e-5)
    assert stepper.prediction.num_steps(0.3, stepper.learned) == (1 if option in ANY_TIME else 3)
    for time in (0.25, 0.001, 0.1005, 49.96):
        if option in ANY_TIME and time < 1:
            assert torch.isfinite(answer(time)).all()
        elif option not in ANY_TIME:
            with pytest.raises(
                ValueError, match=rf"the steps that it learned, dt = 0.1; expected.* got {now + time:g} "
            ):
                answer(time)
            with pytest.raises(ValueError, match=r"only a derivative \(prediction=derivative"):
                next(rollout(stepper, begun, begun.t[:, None] + time, data.conditions))
    for times in ([torch.inf], [torch.nan], [0.2, 0.1], [-0.1], [0.0], [0.1, torch.nan]):
        with pytest.raises(ValueError, match=f"times: expected finite times that increase from t = {now:g}, got"):
            answer(*times)
        wrong = now + torch.tensor(times, dtype=torch.float64).expand(3, -1)
        with pytest.raises(ValueError, match="times: expected finite times that increase"):
            next(rollout(stepper, begun, wrong, data.conditions))
    with pytest.raises(ValueError, match="times: expected at most 1,000,000 steps to the next time, got 1e"):
        answer(1e30)


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "prediction"])
def test_every_prediction_tells_the_network_what_is_known(option, solved, node_of):
    """Constant fields come last among its channels, at every call; the solver in a correction knows nothing of them."""
    from tendency.app.configuration.build import build
    from tendency.surrogates.interface import Interface
    from tendency.surrogates.models.fno import FNO

    data, _ = solved
    given = torch.randn(3, 1, 32, generator=torch.Generator().manual_seed(0))
    told = replace(data, conditions=data.conditions.with_given(given, ["source"]))
    prediction = build(node_of("prediction", option))
    sizes = prediction.in_channels(1) + 1, prediction.out_channels(1), prediction.num_conditions(1)
    surrogate = FNO(Interface(*sizes, data.conditions.geometry.boundary), width=4, modes=3, num_layers=1)
    stepper = SurrogateStepper(surrogate, prediction, fit_normalizer(prediction, [told.moved(-1), told]))
    seen = []
    surrogate.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0][:, -1:]))
    memory = stepper.start(*told.history(stepper.history), told.conditions, told.index)
    with torch.no_grad():
        prediction.pair(stepper.network(told.conditions), told, told.at(0), memory, told.index)
        start = begin(stepper, *told.history(stepper.history), told.conditions, told.index)
        *_, end = rollout(stepper, start, told.times(1, 3), told.conditions)
    assert torch.isfinite(end.u).all()
    encoded = (given - given.mean()) / given.std(correction=0)
    assert len(seen) > 1
    assert all(torch.allclose(one, encoded, atol=1e-6) for one in seen)
