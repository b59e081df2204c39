"""U-Nets: ours beside those of temporal_pdes and PDEArena, at the same layout of operations.

Channels, blocks, levels and the number of convolutions are the peer's; our parameters differ by what conditions and
normalisations go through. Ours pads by the boundary everywhere, here around a torus. temporal_pdes does so in its
blocks, but not where it changes the grid. PDEArena pads with zeros, which is less work and another operator:
"pdearena circular" is its code with the padding mode of its convolutions of three points changed, nothing else.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.model_case import Make, ModelCase, Side
from benchmarks.peer_code import peer_module
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.models.unet import UNet

SHAPE, BATCH, WIDTH, BLOCKS = (64, 64), 8, 32, 2


def state() -> Tensor:
    """(B, 1, *N), the same for everybody."""
    return torch.randn(BATCH, 1, *SHAPE, generator=torch.Generator().manual_seed(0))


def cumulated(factors: Sequence[int]) -> list[int]:
    """Our multipliers, each over the width, from the peers', each over the level before."""
    found = [1]
    for factor in factors:
        found.append(found[-1] * factor)
    return found[1:]


def ours(factors: Sequence[int], num_groups: int, num_conditions: int) -> Make:
    """Without coordinates, which the peers are not told."""

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        boundary = Boundary.periodic(len(SHAPE))
        network = UNet(
            Interface(1, 1, num_conditions, boundary),
            width=WIDTH,
            multipliers=cumulated(factors),
            num_blocks=BLOCKS,
            num_groups=num_groups,
            reads_coordinates=False,
        )
        x = Grid(SHAPE, boundary).coordinates(torch.ones(BATCH, len(SHAPE))).float()
        return network, (state(), torch.linspace(0, 1, BATCH)[:, None].expand(-1, num_conditions), x)

    return make


def temporal_pdes(factors: Sequence[int], clone: Path) -> Make:
    """As it was published: no normalisation, told a time, which scales and shifts."""
    module = peer_module(clone, "modules.models.Unet2Dcond")

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        told = {"use_scale_shift_norm": True, "cond_dim": 0, "use_cond": False}
        network = module.Unet2D_cond(1, 0, 1, 0, 1, 1, WIDTH, ch_mults=factors, n_blocks=BLOCKS, **told)
        return network, (state().movedim(1, -1).contiguous(), torch.linspace(0, 1, BATCH))

    return make


def pdearena(factors: Sequence[int], clone: Path, circular: bool) -> Make:
    """Its Unetmod, normalised and told nothing."""
    module = peer_module(clone, "pdearena.modules.twod_unet")

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        network = module.Unet(1, 0, 1, 0, 1, 1, WIDTH, "gelu", norm=True, ch_mults=factors, n_blocks=BLOCKS)
        for layer in network.modules():
            if circular and isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.padding_mode = "circular"
        return network, (state()[:, None],)

    return make


def case(name: str, mine: Make, peers: dict[str, Callable[[], Make]]) -> ModelCase:
    """Ours, and the peers that are there."""
    sides, missing = [Side("ours", True, mine)], {}
    for peer, prepare in peers.items():
        try:
            sides.append(Side(peer, False, prepare()))
        except ImportError as error:
            missing[peer] = str(error)
    return ModelCase(name, sides, missing)


def cases(peers_dir: Path | None) -> list[ModelCase]:
    """The published U-Net of "Predicting Change", and PDEArena's Unetmod with half its width."""
    folder, three, four = peers_dir or Path("PEERS_DIR"), (1, 2, 4), (1, 2, 2, 4)
    return [
        case(
            "unet2d",
            ours(three, num_groups=0, num_conditions=1),
            {"temporal_pdes": lambda: temporal_pdes(three, folder / "temporal_pdes")},
        ),
        case(
            "unet2d_normalised",
            ours(four, num_groups=1, num_conditions=0),
            {
                "pdearena": lambda: pdearena(four, folder / "pdearena", circular=False),
                "pdearena circular": lambda: pdearena(four, folder / "pdearena", circular=True),
            },
        ),
    ]
