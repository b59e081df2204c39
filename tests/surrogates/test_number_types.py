"""Half, single and double precision: what is rounded, and what never is."""

import pytest
import torch
from small_problem import GRID, Answering, advanced, fitted, interface, window
from test_models import MODELS, accepted_grid, built, small_node
from torch import nn

from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.moments import Moments
from tendency.simulation.simulator import begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.surrogates.integrators.adams_bashforth import AdamsBashforth
from tendency.surrogates.integrators.runge_kutta import ForwardEuler, RungeKutta4
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.fourier.spectral_condition import SpectralCondition
from tendency.surrogates.layers.fourier.spectral_weights import Tucker
from tendency.surrogates.layers.messages.message_round import InstanceNorm
from tendency.surrogates.layers.messages.nodal_derivatives import LeastSquares
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.predictions.differences import CentralDifference
from tendency.surrogates.predictions.increment import IncrementPrediction
from tendency.surrogates.predictions.refined import RefinedPrediction
from tendency.surrogates.predictions.state import StatePrediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.surrogates.surrogate import Surrogate

HALF = [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)]
ROUNDING = {torch.bfloat16: 2**-8, torch.float16: 2**-11}
PREDICTIONS = {
    "state": StatePrediction(),
    "increment": IncrementPrediction(),
    "bundle": IncrementPrediction(bundle=2),
    "euler": DerivativePrediction(CentralDifference(), ForwardEuler()),
    "rk4": DerivativePrediction(CentralDifference(), RungeKutta4()),
    "ab2": DerivativePrediction(CentralDifference(), AdamsBashforth(2)),
    "refiner": RefinedPrediction(IncrementPrediction()),
}


def single(x):
    """A window as a dataset gives it: states in float32, times and parameters in float64."""
    return map_tensors(lambda v: v.float() if v.is_floating_point() and v.ndim > 2 else v, x)


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_every_network_trains_under_autocast_on_grids_of_any_size(model, dtype):
    """Sizes that are odd, prime and no powers of two, where half precision has no Fourier transform."""
    torch.manual_seed(0)
    net = built(small_node(model), Interface(3, 2, 2, Boundary.periodic(2)))
    grid = Grid([13, 7], net.boundary)
    try:
        net.check(grid)
    except ValueError:
        grid = accepted_grid(net)
    u, c = torch.randn(2, 3, *grid.shape), torch.randn(2, 2)
    x = net.points(grid, torch.ones(2, 2).double(), u.dtype)
    exact = net(u, c, x)
    with torch.autocast("cpu", dtype, cache_enabled=False):
        y = net(u, c, x)
    y.float().square().sum().backward()
    assert (y - exact).norm() < 16 * ROUNDING[dtype] * exact.norm()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_step_loses_what_the_network_rounds_and_nothing_beside_it(name):
    """States of mean 1000 would be moved in steps of 4 by bfloat16; labels, units and integrators stay in float32."""
    prediction = PREDICTIONS[name]
    data = single(window(2, future=2))
    data = map_tensors(lambda v: v + 1000 if v.ndim > 2 else v, data)
    stepper = fitted(prediction, data).float()
    u, t = data.history(1)

    def stepped():
        start = begin(stepper, u, t, data.conditions, data.index)
        with torch.no_grad():
            return [state.u for state in rollout(stepper, start, data.times(1, 2), data.conditions)]

    exact = stepped()
    stepper.autocast = torch.bfloat16
    rounded = stepped()
    changed = max(float((one - u[:, 0]).norm()) for one in exact)
    for one, other in zip(rounded, exact, strict=True):
        assert one.dtype == torch.float32
        assert 0 < (one - other).norm() < 0.05 * changed
    stepper.eval()
    assert all(map(torch.equal, stepped(), exact)), "autocast is for training alone"


@pytest.mark.parametrize("name", ["state", "increment"])
def test_the_pair_of_a_training_step_is_float32_and_its_label_exact(name):
    prediction = PREDICTIONS[name]
    data = single(window(2))
    stepper = fitted(prediction, data).float()
    memory = stepper.start(*data.history(1), data.conditions, data.index)

    def pair():
        return prediction.pair(stepper.network(data.conditions), data, data.at(0), memory, data.index)

    output, label = pair()
    stepper.autocast = torch.bfloat16
    rounded, same = pair()
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, output)
    assert torch.equal(rounded, rounded.bfloat16().float()), "what a network rounds to is what comes out of it"
    assert torch.equal(same, label)


def test_weights_of_a_fourier_layer_and_its_conditions_are_not_rounded():
    torch.manual_seed(0)
    weight, condition = Tucker(0.3).make((5, 3), 4), SpectralCondition([5, 3], 4, 2)
    c = torch.randn(2, 2)
    exact = weight(), *condition(c)
    with torch.autocast("cpu", torch.bfloat16):
        under = weight(), *condition(c)
    assert all(map(torch.equal, under, exact))


def test_a_constant_has_no_derivatives_under_autocast():
    derivatives = LeastSquares().on(GRID, (16.0,), torch.device("cpu"), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = derivatives.of(torch.full((16, 1, 1), 7.0, dtype=torch.bfloat16))
    assert found.abs().max() < 1e-4


def test_means_over_nodes_are_not_rounded():
    h = (64 + torch.randn(512, 1, 4, generator=torch.Generator().manual_seed(0))).bfloat16()
    normed = InstanceNorm()(h)
    assert normed.dtype == torch.bfloat16
    expected = InstanceNorm()(h.double())
    assert (normed - expected).abs().max() < 2**-7 * expected.abs().max()


def test_states_are_converted_to_the_number_type_of_the_weights():
    data = single(window())
    stepper = fitted(IncrementPrediction(), data)
    u, t = data.history(1)
    start = begin(stepper, u, t, data.conditions, data.index)
    (state,) = rollout(stepper, start, data.times(1, 1), data.conditions)
    assert state.u.dtype == torch.float64
    assert torch.equal(stepper.predict(u, t, data.times(1, 1), data.conditions)[:, 0], state.u)
    stepper.float()
    assert advanced(stepper, window())[0].dtype == torch.float32
    assert stepper.predict(u.double(), t, data.times(1, 1), data.conditions).dtype == torch.float64


def test_a_history_is_converted_as_well():
    data = single(window(3))
    stepper = fitted(IncrementPrediction(history=3), data)
    states = stepper.predict(*data.history(3), data.times(1, 1), data.conditions)
    assert states.dtype == torch.float64
    assert torch.isfinite(states).all()


class ComplexWeights(Surrogate):
    """A foreign Fourier layer: its weights are complex numbers."""

    def __init__(self, interface):
        super().__init__(interface)
        self.weight = nn.Parameter(torch.randn(interface.in_channels, 5, dtype=torch.complex64))

    def forward(self, u, c, x):
        return torch.fft.irfft(torch.fft.rfft(u)[..., :5] * self.weight, n=u.shape[-1])


def test_complex_weights_become_double_with_the_others():
    torch.manual_seed(0)
    prediction = IncrementPrediction()
    net = ComplexWeights(interface(prediction))
    assert net.dtype == torch.float32
    assert net.double().dtype == torch.float64
    assert net.weight.dtype == torch.complex128
    units = Moments(torch.zeros(1).double(), torch.ones(1).double())
    stepper = SurrogateStepper(net, prediction, Normalizer(units, units, units))
    data = single(window())
    assert stepper.predict(*data.history(1), [0.1], data.conditions).dtype == torch.float64


def test_a_network_without_weights_takes_the_states_as_they_are():
    prediction = IncrementPrediction()
    stepper = SurrogateStepper(Answering(prediction, lambda u, c: u), prediction, Normalizer.empty(1, 1, 1))
    assert stepper.surrogate.dtype is None
    for u in (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4).double()):
        assert stepper.as_weights(u) is u
