"""Fourier neural operators: ours, neuraloperator's, those of temporal_pdes and of PDEArena.

No import is stubbed. temporal_pdes' networks are told a time, ours one condition; the others are told nothing and do
less. "lean" is neuraloperator's without its channel MLP, grid embedding and wide lifting, "no padding" PDEArena's
without the nine cells that it pads with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.model_case import Make, ModelCase, Side
from benchmarks.peer_code import peer_module
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.models.fno import FNO


@dataclass(frozen=True)
class Setting:
    """``layers`` spectral layers on ``batch`` fields of ``shape``; ``told`` says whether there is a condition."""

    name: str
    shape: tuple[int, ...]
    batch: int
    width: int
    modes: int
    layers: int
    told: bool

    @property
    def dims(self) -> int:
        """D."""
        return len(self.shape)

    def state(self) -> Tensor:
        """(B, 1, *N), the same for everybody."""
        return torch.randn(self.batch, 1, *self.shape, generator=torch.Generator().manual_seed(0))


SETTINGS = [
    Setting("fno2d", (64, 64), 8, 48, 12, 10, True),
    Setting("fno2d_single", (64, 64), 1, 48, 12, 10, True),
    Setting("fno2d_plain", (64, 64), 8, 32, 12, 4, False),
    Setting("fno1d", (200,), 64, 64, 32, 10, True),
]


def ours(setting: Setting) -> Make:
    """With one condition where there is one, and with coordinates, as it is by default."""

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        boundary = Boundary.periodic(setting.dims)
        told = 1 if setting.told else 0
        sizes = {"width": setting.width, "modes": setting.modes, "num_layers": setting.layers}
        network = FNO(Interface(1, 1, told, boundary), **sizes)
        x = Grid(setting.shape, boundary).coordinates(torch.ones(setting.batch, setting.dims)).float()
        return network, (setting.state(), torch.linspace(0, 1, setting.batch)[:, None].expand(-1, told), x)

    return make


def neuraloperator(setting: Setting, lean: bool) -> Make:
    """Its FNO; ``n_modes`` counts both signs."""
    from neuralop import models

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        less = {"use_channel_mlp": False, "positional_embedding": None, "lifting_channel_ratio": 1}
        network = models.FNO(
            n_modes=(2 * setting.modes,) * setting.dims,
            in_channels=1,
            out_channels=1,
            hidden_channels=setting.width,
            n_layers=setting.layers,
            **(less if lean else {}),
        )
        return network, (setting.state(),)

    return make


def temporal_pdes(setting: Setting, clone: Path) -> Make:
    """Told a time; without one in its plain form there is none of its networks, so it is told one there too."""
    name = f"FNO{setting.dims}Dcond"
    module = peer_module(clone, f"modules.models.{name}")

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        more = {"width": setting.width, "cond_channels": setting.width, "cond_dim": 0, "use_cond": False}
        # Each of its layers is two.
        more["num_layers"] = setting.layers // 2
        if setting.dims == 1:
            network = module.FNO1d_bundled_cond(modes=setting.modes, **more)
        else:
            network = module.FNO2d_cond(modes1=setting.modes, modes2=setting.modes, **more)
        return network, (setting.state().movedim(1, -1).contiguous(), torch.linspace(0, 1, setting.batch))

    return make


def pdearena(setting: Setting, clone: Path, padding: int) -> Make:
    """Its ResNet of Fourier blocks, each of which is two layers; in 2D alone."""
    if setting.dims != 2:
        raise ImportError("has no FNO in one dimension")
    module = peer_module(clone, "pdearena.modules.twod_resnet")

    class Block(module.FourierBasicBlock):  # type: ignore[name-defined]
        def __init__(self, *args: object, **more: object) -> None:
            super().__init__(*args, modes1=setting.modes, modes2=setting.modes, **more)

    def make() -> tuple[nn.Module, tuple[Tensor, ...]]:
        blocks = [1] * (setting.layers // 2)
        network = module.ResNet(1, 0, 1, 0, Block, blocks, 1, 1, hidden_channels=setting.width, norm=False)
        network.padding = padding
        return network, (setting.state()[:, None],)

    return make


def peers(setting: Setting, folder: Path) -> dict[str, Callable[[], Make]]:
    """How each peer is made, by the name of its row."""
    return {
        "neuraloperator": lambda: neuraloperator(setting, lean=False),
        "neuraloperator lean": lambda: neuraloperator(setting, lean=True),
        "temporal_pdes": lambda: temporal_pdes(setting, folder / "temporal_pdes"),
        "pdearena": lambda: pdearena(setting, folder / "pdearena", 9),
        "pdearena no padding": lambda: pdearena(setting, folder / "pdearena", 0),
    }


def cases(peers_dir: Path | None) -> list[ModelCase]:
    """All settings, with the peers that are there."""
    found = []
    for setting in SETTINGS:
        sides, missing = [Side("ours", True, ours(setting))], {}
        for name, prepare in peers(setting, peers_dir or Path("PEERS_DIR")).items():
            try:
                sides.append(Side(name, False, prepare()))
            except ImportError as error:
                missing[name] = str(error)
        found.append(ModelCase(setting.name, sides, missing))
    return found
