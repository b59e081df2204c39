"""A training on chunks with constant fields: what moves the state is told to the network, and it learns to read it."""

from dataclasses import replace

import pytest
import torch
from small_fit import fit
from torch import nn

from tendency.data.manifest import file_entry, read_manifest
from tendency.data.trajectory_file import chunk_content
from tendency.data.trajectory_reader import read_trajectories
from tendency.simulation.fields import Field
from tendency.surrogates.surrogate import Surrogate


class Linear(Surrogate):
    """Point by point, a linear function of what it is given."""

    def __init__(self, interface):
        super().__init__(interface)
        self.layer = nn.Conv1d(interface.in_channels, interface.out_channels, 1)

    def forward(self, u, c, x):
        return self.layer(u)


@pytest.fixture(scope="module")
def driven(heat_dataset, tmp_path_factory):
    """The trajectories u(t) = u(0) + t g of a known source g, different at each point of each trajectory."""
    folder = tmp_path_factory.mktemp("driven")
    manifest = read_manifest(heat_dataset)
    metadata = replace(manifest.metadata, given=(Field("source"),), param_names=(), has_time_derivative=False)
    generator, entries = torch.Generator().manual_seed(0), {}
    for name in manifest.chunks:
        stored = read_trajectories(heat_dataset / name, manifest.metadata)
        source = 50 * torch.randn(len(stored.u), 1, 16, generator=generator)
        shape = (*stored.times.shape, 1, 1)
        conditions = replace(stored.conditions, params=stored.conditions.params[:, :0], param_names=())
        u = stored.u[:, :1] + stored.times.float().reshape(shape) * source[:, None]
        told = replace(stored, u=u, conditions=conditions.with_given(source, ["source"]), u_t=None)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(chunk_content(name, told, metadata))
        entries[name] = file_entry(folder / name, metadata)
    replace(manifest, metadata=metadata, chunks=entries).write(folder)
    return folder


@pytest.mark.slow
def test_what_moves_the_state_is_learned_from_the_field(driven, tmp_path):
    module, _ = fit(driven, tmp_path, network=Linear, epochs=30, validate_every=None)
    weight = module.stepper.surrogate.layer.weight[0, :, 0]
    units = module.stepper.normalizer
    assert units.known.mean.shape == (1,)
    assert units.known.std.item() == pytest.approx(50, rel=0.2)
    # Increments per unit of time are the source: in network units its weight is 1, and that of the state 0.
    assert weight.tolist() == pytest.approx([0, 1], abs=0.1)
