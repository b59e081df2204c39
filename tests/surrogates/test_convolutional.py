"""What is particular to the U-Net and the dilated ResNet: published layouts, reach, and what they refuse."""

import pytest
import torch

from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.models.dilated_resnet import DilatedResNet
from tendency.surrogates.models.unet import UNet

LINE = Boundary.periodic(1)
PLAIN = Interface(1, 1, 0, LINE)
"""One field on a line, and no conditions."""


def test_its_layout_is_that_of_pdearenas_unetmod():
    """Unetmod with 32 channels and factors 1, 2, 2, 4 has 36,080,225 parameters for one field, told nothing."""
    with torch.device("meta"):
        net = UNet(
            Interface(1, 1, 0, Boundary.periodic(2)),
            width=32,
            multipliers=[1, 2, 4, 16],
            num_blocks=2,
            reads_coordinates=False,
        )
    assert sum(parameter.numel() for parameter in net.parameters()) == 36_080_225


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"multipliers": []}, "model.multipliers: expected at least one level, got none"),
        ({"attention_levels": [2]}, "model.attention_levels: expected levels from -2 to 1, got 2"),
        ({"num_groups": 3}, "model.num_groups: expected a divisor of a level's 8 channels, got 3"),
        ({"attention_levels": [0], "num_heads": 3}, "model.num_heads: expected a divisor of the level's 8 channels"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_key(changes, message):
    with pytest.raises(ValueError, match=message):
        UNet(PLAIN, **({"width": 8, "multipliers": [1, 2]} | changes))


def moved_by(net, n):
    """Where the output moves when the first point of the input does."""
    u = torch.randn(1, 1, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = Grid([n], LINE).coordinates(torch.ones(1, 1).double())
    other = u.clone()
    other[..., 0] += 1
    with torch.no_grad():
        return (net(u, u.new_zeros(1, 0), x) - net(other, u.new_zeros(1, 0), x)).abs()[0, 0] > 1e-12


def test_attention_sees_everything_and_convolutions_what_is_near():
    torch.manual_seed(0)
    settings = {"width": 8, "multipliers": [1], "num_groups": 0, "reads_coordinates": False}
    near = UNet(PLAIN, **settings).double()
    everything = UNet(PLAIN, attention_levels=[0], **settings).double()
    assert not moved_by(near, 64).all()
    assert moved_by(everything, 64).all()


def test_a_dilated_block_reaches_the_sum_of_its_dilations():
    """... and one point more at either end of the network; around an axis that is shorter, as often as it takes."""
    torch.manual_seed(0)
    net = DilatedResNet(PLAIN, width=8, num_blocks=1, dilations=[1, 2, 4, 2, 1], reads_coordinates=False)
    moved = moved_by(net.double(), 64)
    reach = 1 + 2 + 4 + 2 + 1 + 2
    assert moved[: reach + 1].all()
    assert moved[-reach:].all()
    assert not moved[reach + 1 : -reach].any()
    far = DilatedResNet(PLAIN, width=4, num_blocks=1, dilations=[16], reads_coordinates=False).double()
    assert moved_by(far, 6).any()


def test_no_dilations_are_refused():
    with pytest.raises(ValueError, match="model.dilations: expected at least one convolution in a block, got none"):
        DilatedResNet(PLAIN, width=4, dilations=[])
