"""The precisions of training: gradients are clipped as they are, and devices are taken that have the number types."""

import copy
import functools

import pytest
import small_fit
import torch
from lightning.pytorch.accelerators import MPSAccelerator
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import nn

from tendency.app.hardware import require_precision
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.callbacks.signals import StoppedError
from tendency.trainers.mixed_network import MixedNetwork
from tendency.trainers.optimizers import adamw
from tendency.trainers.trainer import make_trainer


def updated(precision, algorithm, clip, batches):
    """Weights after one optimizer step on the mean loss of some batches, clipped by the plugin; float32 by hand."""
    torch.manual_seed(0)
    net, u = nn.Linear(3, 2), torch.randn(batches, 4, 3)
    optimizer = adamw(net.parameters(), lr=0.1)
    plugin = None if precision is None else MixedNetwork(precision, "cpu")
    scaler = None if plugin is None else plugin.scaler
    for x in u:
        loss = 30 * net(x).square().mean() / batches
        (loss if scaler is None else scaler.scale(loss)).backward()
    if plugin is not None:
        plugin.clip_gradients(optimizer, clip, algorithm)
    elif algorithm is GradClipAlgorithmType.NORM and clip:
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    elif clip:
        torch.nn.utils.clip_grad_value_(net.parameters(), clip)
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    # Adam's moments show the size of gradients, which its first step alone would hide.
    moments = [optimizer.state[p]["exp_avg"] for p in net.parameters()]
    return torch.cat([x.detach().flatten() for x in (*net.parameters(), *moments)])


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("clip", [0.0, 0.2])
@pytest.mark.parametrize("algorithm", GradClipAlgorithmType)
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_clipping_takes_the_gradients_of_the_loss_itself(precision, algorithm, clip, batches):
    expected = updated(None, algorithm, clip, batches)
    assert torch.allclose(updated(precision, algorithm, clip, batches), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_an_optimizer_that_is_not_fused_is_clipped_once_too(precision):
    """Lightning unscales the gradients of such a one by itself, and unscaling twice is an error."""
    net = nn.Linear(3, 2)
    plugin, optimizer = MixedNetwork(precision, "cpu"), torch.optim.SGD(net.parameters(), lr=0.1)
    loss = 100 * net(torch.ones(4, 3)).square().mean()
    if plugin.scaler is None:
        loss.backward()
    else:
        plugin.scaler.scale(loss).backward()
        plugin.scaler.unscale_(optimizer)
    plugin.clip_gradients(optimizer, 0.5)
    norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
    assert norm == pytest.approx(0.5, rel=1e-4)


def test_complex_weights_are_trained_without_the_fused_kernel():
    real, imaginary = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3, dtype=torch.complex64))
    assert adamw([real], lr=0.1).defaults["fused"]
    optimizer = adamw(iter([real, imaginary]), lr=0.1)
    (real * imaginary).abs().sum().backward()
    optimizer.step()
    assert (imaginary - 1).abs().min() > 0.05


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("accelerator", ["auto", "cpu"])
def test_metal_is_not_taken_since_it_has_no_float64(accelerator, precision, monkeypatch):
    monkeypatch.setattr(MPSAccelerator, "is_available", staticmethod(lambda: True))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    made = make_trainer(1, accelerator, precision=precision, callbacks=[], loggers=[])
    assert made.strategy.root_device.type == "cpu"
    assert made.precision == precision


class Halfless(Surrogate):
    """A foreign network with an operation that knows one number type alone."""

    def __init__(self, interface, dtype):
        super().__init__(interface)
        self.only, self.layer = dtype, nn.Conv1d(interface.in_channels, interface.out_channels, 1)
        self.norm = nn.BatchNorm1d(interface.out_channels)

    def forward(self, u, c, x):
        y = self.norm(self.layer(u))
        if y.dtype != self.only:
            raise RuntimeError(f"no kernel for {y.dtype}\nand more lines")
        return y


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed", "16-mixed"])
def test_a_network_that_lacks_a_number_type_is_refused_in_one_sentence(precision):
    boundary = Boundary.periodic(1)
    grid, device = Grid([8], boundary), torch.device("cpu")
    lacking = Halfless(Interface(1, 1, 0, boundary), torch.float32)
    able = Halfless(Interface(1, 1, 0, boundary), torch.float64)
    lacking, able = (net.double() if precision == "64-true" else net for net in (lacking, able))
    if precision == "64-true":
        require_precision(able, grid, precision, device)
    with pytest.raises(ValueError, match=rf"^trainer.precision: .* computed in {precision} on cpu, expected 32-true"):
        require_precision(lacking, grid, precision, device)


def test_the_trial_leaves_the_network_and_random_numbers_as_they_were():
    boundary = Boundary.periodic(1)
    net = Halfless(Interface(1, 1, 0, boundary), torch.bfloat16)
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    require_precision(net, Grid([8], boundary), "bf16-mixed", torch.device("cpu"))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed", "16-mixed"])
def test_a_stopped_run_ends_like_the_uninterrupted_one(precision, heat_dataset, tmp_path, monkeypatch):
    """Accumulated, clipped gradients, weights averaged; a scaled loss goes on with its scale."""
    chosen = functools.partial(make_trainer, precision=precision, gradient_clip_val=0.1)
    monkeypatch.setattr(small_fit, "make_trainer", chosen)
    options = {"accumulate": 2, "epochs": 2, "objective": small_fit.growing_pushforward}
    if precision == "64-true":
        # A run makes its network so before it loads a checkpoint.
        options["network"] = lambda interface: small_fit.Dropping(interface).double()
    whole, _ = small_fit.fit(heat_dataset, tmp_path / "whole", **options)
    with pytest.raises(StoppedError):
        small_fit.fit(heat_dataset, tmp_path / "stopped", stop_at=6, **options)
    resumed, _ = small_fit.fit(heat_dataset, tmp_path / "stopped", resume=True, **options)
    for (name, expected), found in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(expected, found), name
    assert resumed.stepper.autocast == {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
