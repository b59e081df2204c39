"""Training in network units is training on the way through physical units and back, without its rounding."""

import pytest
import torch

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder
from tendency.surrogates.predictions.corrected import CorrectedPrediction
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.predictions.refined import RefinedPrediction
from tendency.trainers.objectives.pushforward_derivative import PushforwardDerivative
from tendency.trainers.objectives.rollout_blocks import begin_at_present, without_gradient

OBJECTIVES, PREDICTIONS = (
    sorted(path.stem for path in (conf_folder() / group).glob("*.yaml")) for group in ("objective", "prediction")
)


def shaped(scale, y):
    return scale.to(y.dtype).reshape(len(y), -1, *[1] * (y.ndim - 2))


def decoded(network, y, scale):
    """Network to physical units."""
    mean, std = (x.reshape(1, -1, *[1] * (y.ndim - 2)) for x in (network.normalizer.outputs.mean, spread(network)))
    return (y * std + mean) * shaped(scale, y)


def encoded(network, y, scale):
    """Physical to network units; a channel that never varies is 0."""
    mean, std = (x.reshape(1, -1, *[1] * (y.ndim - 2)) for x in (network.normalizer.outputs.mean, spread(network)))
    return torch.where(std > 0, (y / shaped(scale, y) - mean) / torch.where(std > 0, std, 1), 0)


def spread(network):
    return network.normalizer.outputs.std


def through_physics_output(self, network, u, t, dt, conditions, memory):
    """The output (B, C_out, *N) in physical units, as ``Prediction`` had it when pairs were made of it."""
    seen = torch.cat([memory["past"], u[:, None]], 1).flatten(1, 2)
    return decoded(network, network.raw(seen, t, self.conditions(t, dt, conditions)), self.scale(dt))


def through_physics_pair(self, network, window, u, memory, key):
    dt = self.step(window)
    scale = self.scale(dt)
    y = through_physics_output(self, network, u, window.time(0), dt, window.conditions, memory)
    return encoded(network, y, scale), encoded(network, self.label(window, u), scale)


def through_physics_correction(self, network, window, u, memory, key):
    t, dt = window.time(0), self.step(window)
    scale = self.scale(dt)
    guess, _ = self.guess(u, t, dt, window.conditions, memory["simulator"])
    seen = torch.cat([memory["past"], u[:, None], guess[:, None]], 1).flatten(1, 2)
    y = decoded(network, network.raw(seen, t, self.conditions(t, dt, window.conditions)), scale)
    return encoded(network, y, scale), encoded(network, window.at(1) - guess, scale)


def through_physics_step(self, network, u, t, dt, conditions, memory):
    guess, solver = self.guess(u, t, dt, conditions, memory["simulator"])
    seen = torch.cat([memory["past"], u[:, None], guess[:, None]], 1).flatten(1, 2)
    y = decoded(network, network.raw(seen, t, self.conditions(t, dt, conditions)), self.scale(dt))
    return guess + y, memory | {"past": self.slide(u, memory), "simulator": solver}


def through_physics_derivative(self, stepper, window, seed, step):
    from tendency.trainers.objectives.objective import sample_keys

    progress = begin_at_present(stepper, window, sample_keys(window, seed, step))
    progress = without_gradient(stepper, window, progress, self.depth(seed, step) - 1)
    u, t, conditions = progress.u, progress.t, window.conditions
    label = self.solver.time_derivative(u, t, conditions)
    network, scale = stepper.network(conditions), torch.ones_like(t)
    output = through_physics_output(stepper.prediction, network, u, t, scale, conditions, progress.memory)
    return self.compare(encoded(network, output, scale), encoded(network, label, scale), conditions).mean()


def use_former_formulas(monkeypatch):
    """Everything that the loss of any objective calls, on the way through physical units."""
    monkeypatch.setattr(Prediction, "pair", through_physics_pair)
    monkeypatch.setattr(Prediction, "output", through_physics_output)
    monkeypatch.setattr(CorrectedPrediction, "pair", through_physics_correction)
    monkeypatch.setattr(CorrectedPrediction, "advance", through_physics_step)
    monkeypatch.setattr(PushforwardDerivative, "loss", through_physics_derivative)
    # What a refinement is trained on never went through physical units; its rollout ends in them.
    refined = RefinedPrediction.network_output
    monkeypatch.setattr(
        RefinedPrediction,
        "output",
        lambda self, network, u, t, dt, *rest: decoded(
            network, refined(self, network, u, t, dt, *rest), self.scale(dt)
        ),
        raising=False,
    )


def loss_and_gradient(objective, stepper, window):
    loss = objective.loss(stepper, window, 5, 17)
    return loss.item(), torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(stepper.parameters()))])


@pytest.fixture(scope="module")
def nodes(compose_config):
    """The composed node of each option by (group, option)."""
    found = {}
    for group, names in {"objective": OBJECTIVES, "prediction": PREDICTIONS}.items():
        for name in names:
            found[group, name] = compose_config("train", ["pde=burgers_vector", "name=test", f"{group}={name}"])[group]
    return found


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_loss_and_gradient_are_those_of_the_way_through_physical_units(
    objective, prediction, nodes, burgers, small_stepper, monkeypatch
):
    prediction = build(nodes["prediction", prediction])
    objective = build(nodes["objective", objective]).with_solver(burgers.problem.simulator)
    prediction.check(burgers.metadata.geometry)
    try:
        objective.check(prediction, burgers.metadata)
    except ValueError as refused:
        pytest.skip(str(refused))
    stepper = small_stepper(prediction, objective, burgers)
    window = burgers.windows(*objective.offsets(prediction))
    for constant in (False, True):
        if constant:
            # As where the second velocity never varies in the training data.
            stepper.normalizer.outputs.std[1] = 0.0
        loss, gradient = loss_and_gradient(objective, stepper, window)
        with monkeypatch.context() as patch:
            use_former_formulas(patch)
            expected, its_gradient = loss_and_gradient(objective, stepper, window)
        assert loss == pytest.approx(expected, rel=1e-10)
        assert its_gradient.norm() > 0
        assert (gradient - its_gradient).norm() <= 1e-10 * its_gradient.norm()
