"""Networks as programs: ``torch.export`` takes them, and the program gives the network's own numbers."""

import pytest
import torch
from omegaconf import OmegaConf

from tendency.app.configuration.build import instantiate
from tendency.app.configuration.conf_files import conf_folder
from tendency.simulation.geometry import Boundary, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.fourier.spectral_matrices import FOLDED_MODES

FAMILIES = ("tendency.surrogates.models.fno.FNO", "tendency.surrogates.models.ffno.FFNO")
"""Classes whose yaml files are exported here."""
NODES = {p.stem: OmegaConf.to_container(OmegaConf.load(p)) for p in sorted((conf_folder() / "model").glob("*.yaml"))}
GRIDS = {
    "1d": [16],
    # So many modes that the axis is folded.
    "1d folded": [128],
    "2d": [12, 16],
    # More than half of the modes are kept, so Fourier layers take their transforms instead of their matrices.
    "1d most modes": [6],
    "3d most modes": [6, 6, 5],
}
SMALL = {"width": 4, "modes": 3, "num_layers": 1}
REFUSED: dict[tuple[str, str], str] = {}
"""(model, grid) that cannot be exported, and what the exporter says; one that begins to work fails its test."""


def small(name):
    return NODES[name] | {key: value for key, value in SMALL.items() if key in NODES[name]}


MODELS = [name for name, node in NODES.items() if node["_target_"] in FAMILIES]
# Some differ in size alone.
MODELS = [name for i, name in enumerate(MODELS) if small(name) not in [small(other) for other in MODELS[:i]]]


def network(name, dims, modes=SMALL["modes"]):
    node = small(name) | {"modes": modes}
    torch.manual_seed(0)
    made = instantiate(node, _convert_="all", _partial_=True)(Interface(2, 1, 1, Boundary.periodic(dims)))
    return made.eval()


def inputs(shape, batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = Grid(shape, Boundary.periodic(len(shape))).coordinates(torch.ones(batch, len(shape))).float()
    u = torch.randn(batch, 2, *shape, generator=generator)
    return u, torch.randn(batch, 1, generator=generator), x


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", MODELS)
def test_an_exported_network_gives_its_numbers_for_any_batch(name, grid):
    shape = GRIDS[grid]
    made = network(name, len(shape), FOLDED_MODES if "folded" in grid else 3)
    batch = torch.export.Dim("batch", min=2, max=4096)

    def export():
        return torch.export.export(made, inputs(shape, 3), dynamic_shapes=({0: batch},) * 3)

    if (name, grid) in REFUSED:
        with pytest.raises(Exception, match=REFUSED[name, grid]):
            export()
        return
    program = export().module()
    for size in (3, 5):
        given = inputs(shape, size, seed=1)
        with torch.no_grad():
            assert torch.allclose(program(*given), made(*given), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("grid", ["1d", pytest.param("2d", marks=pytest.mark.slow)])
def test_the_batch_stays_free_where_writing_becomes_plain_functions(grid):
    """As in a program for ONNX."""
    made, shape = network("fno", len(GRIDS[grid])), GRIDS[grid]
    batch = torch.export.Dim("batch", min=2, max=4096)
    program = torch.export.export(made, inputs(shape, 3), dynamic_shapes=({0: batch},) * 3).run_decompositions()
    with torch.no_grad():
        given = inputs(shape, 5)
        assert torch.allclose(program.module()(*given), made(*given), rtol=1e-5, atol=1e-6)


def test_an_exported_program_is_saved_and_loaded(tmp_path):
    made, given = network("fno", 2), inputs([12, 16], 3)
    torch.export.save(torch.export.export(made, given), tmp_path / "fno.pt2")
    loaded = torch.export.load(tmp_path / "fno.pt2").module()
    with torch.no_grad():
        assert torch.allclose(loaded(*given), made(*given), rtol=1e-5, atol=1e-6)
