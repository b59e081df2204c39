"""Convolutional networks leave Python: exported or compiled, they answer what they answered."""

import pytest
import torch

from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.models.dilated_resnet import DilatedResNet
from tendency.surrogates.models.unet import UNet

MIXED = Boundary([["dirichlet", "neumann"], ["periodic", "periodic"]])
SMALL = {
    "unet": lambda interface: UNet(interface, width=4, multipliers=[1, 2], attention_levels=[-1], num_heads=2),
    "dilated_resnet": lambda interface: DilatedResNet(interface, width=4, num_blocks=1, dilations=[1, 4]),
}


@pytest.fixture(params=SMALL)
def net(request):
    torch.manual_seed(0)
    return SMALL[request.param](Interface(2, 1, 1, MIXED)).eval()


def inputs(batch):
    generator = torch.Generator().manual_seed(batch)
    x = Grid([8, 12], MIXED).coordinates(torch.ones(batch, 2))
    return torch.randn(batch, 2, 8, 12, generator=generator), torch.randn(batch, 1, generator=generator), x


def test_an_exported_program_is_saved_loaded_and_agrees_for_any_batch(net, tmp_path):
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(net, inputs(3), dynamic_shapes=({0: batch}, {0: batch}, {0: batch}))
    torch.export.save(program, tmp_path / "net.pt2")
    loaded = torch.export.load(tmp_path / "net.pt2").module()
    for size in (3, 5):
        assert torch.allclose(loaded(*inputs(size)), net(*inputs(size)), atol=1e-5)


def test_a_compiled_graph_is_whole_and_has_the_same_gradients(net):
    """Whole: nothing falls back to Python. ``aot_eager`` traces forward and backward without a C++ compiler."""
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    given, losses = inputs(3), []
    for network in (net, compiled):
        net.zero_grad()
        y = network(*given)
        y.square().mean().backward()
        losses.append((y.detach(), [p.grad.clone() for p in net.parameters()]))
    (y, grads), (compiled_y, compiled_grads) = losses
    assert torch.allclose(y, compiled_y, atol=1e-5)
    for a, b in zip(grads, compiled_grads, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
