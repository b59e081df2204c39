"""Every objective of conf/objective, whatever is added there: it learns, ranks agree on it, and it draws no more."""

import pytest
import torch

from tendency.app.configuration.build import build
from tendency.app.configuration.conf_files import conf_folder

OBJECTIVES = sorted(path.stem for path in (conf_folder() / "objective").glob("*.yaml"))
LOSSES = sorted(path.stem for path in (conf_folder() / "objective/loss").glob("*.yaml"))
PREDICTIONS = ("increment", "derivative", "state")


@pytest.fixture(scope="module")
def nodes(compose_config):
    """``nodes["objective"]["unrolled"]``: the composed node of each option, made once."""
    found = {}
    for group, names in {"objective": OBJECTIVES, "prediction": PREDICTIONS}.items():
        configs = {name: compose_config("train", ["pde=heat", "name=test", f"{group}={name}"]) for name in names}
        found[group] = {name: config[group] for name, config in configs.items()}
    return found


@pytest.fixture
def fitting(nodes):
    """``fitting("unrolled", solved)``: the objective with each meaning of the output that it accepts."""

    def find(name, solved):
        accepted = []
        for node in nodes["prediction"].values():
            objective, prediction = build(nodes["objective"][name]), build(node)
            objective = objective.with_solver(solved.problem.simulator)
            try:
                objective.check(prediction, solved.metadata)
            except ValueError:
                continue
            accepted.append((objective, prediction))
        assert accepted, f"{name} accepts none of {PREDICTIONS}"
        return accepted

    return find


@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_ranks_compute_what_one_does(name, fitting, heat, small_stepper, rows):
    """The mean over the halves of a batch is the loss of the batch, gradients included, at several steps of a run."""
    for objective, prediction in fitting(name, heat):
        stepper = small_stepper(prediction, objective, heat)
        window = rows(heat.windows(*objective.offsets(prediction)), slice(0, 8))
        half = len(window.index) // 2
        for step in (0, 1):
            parts = [
                objective.loss(stepper, rows(window, chosen), 3, step) for chosen in (slice(0, half), slice(half, None))
            ]
            whole = objective.loss(stepper, window, 3, step)
            gradients = [torch.autograd.grad(x, list(stepper.parameters())) for x in (whole, sum(parts) / 2)]
            assert sum(parts).item() / 2 == pytest.approx(whole.item(), rel=1e-12)
            for one, two in zip(*gradients, strict=True):
                assert (one - two).norm() <= 1e-12 * one.norm().clamp(min=1e-3)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_global_random_state_plays_no_part(name, fitting, heat, small_stepper):
    objective, prediction = fitting(name, heat)[-1]
    stepper = small_stepper(prediction, objective, heat)
    window = heat.windows(*objective.offsets(prediction))
    losses = []
    for state in (1, 2):
        torch.manual_seed(state)
        losses.append(objective.loss(stepper, window, 3, 9).item())
    assert losses[0] == losses[1]


def learns(objective, prediction, solved, small_stepper, rows):
    """Whether the loss of one fixed batch is halved within 60 steps."""
    stepper = small_stepper(prediction, objective, solved)
    window = solved.windows(*objective.offsets(prediction))
    window = rows(window, slice(0, len(window.index), 4))
    optimizer = torch.optim.Adam(stepper.parameters(), lr=1e-2)
    first = objective.loss(stepper, window, 3, 0).item()
    for _ in range(60):
        loss = objective.loss(stepper, window, 3, 0)
        if loss < first / 2:
            return True
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return False


@pytest.mark.parametrize("problem", ["heat", "burgers"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_halves_its_loss_on_one_batch(name, problem, fitting, small_stepper, rows, request):
    solved = request.getfixturevalue(problem)
    assert learns(*fitting(name, solved)[0], solved, small_stepper, rows)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_learned_by(loss, compose_config, heat, small_stepper, rows):
    config = compose_config("train", ["pde=heat", "name=test", "prediction=state", f"objective/loss={loss}"])
    objective, prediction = build(config["objective"]), build(config["prediction"])
    objective.check(prediction, heat.metadata)
    assert learns(objective, prediction, heat, small_stepper, rows)
