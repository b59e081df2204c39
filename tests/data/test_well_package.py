"""The Well's own program reads our chunks, and ours reads what its program writes."""

import numpy as np
import pytest
import torch

from tendency.data.metadata import TrajectoryMetadata
from tendency.data.readers.reader import StatedFacts
from tendency.data.readers.the_well import TheWell
from tendency.data.trajectory_file import Trajectories, chunk_content
from tendency.simulation.conditions import Conditions
from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid
from tests.support.file_contents import read_whole

datasets = pytest.importorskip("the_well.data.datasets", reason="needs the package the_well")
dummy = pytest.importorskip("the_well.utils.dummy_data", reason="needs the package the_well")
pytestmark = pytest.mark.slow
WALL, OPEN, PERIODIC = (datasets.BoundaryCondition[name].value for name in ("WALL", "OPEN", "PERIODIC"))
READER = TheWell()


def chunk(folder, sides, rows=2):
    """A chunk of trajectories on 6 x 4 points: a scalar, a vector, a constant field, a parameter."""
    random = torch.Generator().manual_seed(5)
    grid = Grid((6, 4), Boundary(sides))
    metadata = TrajectoryMetadata(
        name="heat",
        equation="heat",
        equation_version=1,
        fields=(Field("density"), Field("velocity", 1)),
        param_names=("diffusivity",),
        hidden_names=("mass",),
        geometry=grid,
        num_snapshots=5,
        dt=0.25,
        resolution="resolved",
        given=(Field("depth"),),
    )
    values = {"diffusivity": torch.arange(1.0, rows + 1).double()}
    conditions = Conditions.from_values(grid, [2.0, 3.0], values, {"mass": torch.ones(rows).double()}, rows)
    conditions = conditions.with_given(torch.randn(rows, 1, 6, 4, generator=random), ("depth",))
    u = torch.randn(rows, 5, 3, 6, 4, generator=random)
    trajectories = Trajectories(u, 0.25 * torch.arange(5.0).double().expand(rows, 5).clone(), conditions, None)
    folder.mkdir(parents=True)
    (folder / "chunk-00000.hdf5").write_bytes(chunk_content("train/chunk-00000", trajectories, metadata))
    return trajectories


KINDS = {
    "periodic": ([["periodic", "periodic"]] * 2, [[PERIODIC] * 2] * 2),
    "walls": ([["dirichlet", "neumann"], ["open", "open"]], [[WALL] * 2, [OPEN] * 2]),
    "an inlet": ([["dirichlet", "open"], ["periodic", "periodic"]], [[WALL, OPEN], [PERIODIC] * 2]),
}


@pytest.mark.parametrize(("sides", "expected"), KINDS.values(), ids=KINDS)
def test_its_program_reads_our_chunks(tmp_path, sides, expected):
    ours = chunk(tmp_path / "train", sides)
    theirs = datasets.WellDataset(path=str(tmp_path / "train"), n_steps_input=1, n_steps_output=4)
    assert len(theirs) == 2
    for row in range(2):
        sample = theirs[row]
        u = torch.cat([sample["input_fields"], sample["output_fields"]]).movedim(-1, 1)
        assert torch.equal(u, ours.u[row])
        assert torch.equal(sample["constant_fields"].movedim(-1, 0), ours.conditions.given[row])
        assert sample["constant_scalars"].tolist() == [row + 1.0]
        times = torch.cat([sample["input_time_grid"], sample["output_time_grid"]])
        assert torch.equal(times, ours.times[row])
        x = ours.conditions.geometry.coordinates(ours.conditions.extent)[row]
        np.testing.assert_allclose(sample["space_grid"].movedim(-1, 0), x)
        assert sample["boundary_conditions"].tolist() == expected
    assert theirs.metadata.dataset_name == "heat"
    ((block, u, given),) = read_whole(READER, tmp_path / "train" / "chunk-00000.hdf5")
    np.testing.assert_array_equal(u, ours.u.numpy())
    np.testing.assert_array_equal(given, ours.conditions.given.numpy())
    names = {WALL: "dirichlet", OPEN: "open", PERIODIC: "periodic"}
    assert [[names[side] for side in axis] for axis in expected] == [list(axis) for axis in block.boundary]


def test_its_program_counts_the_trajectories_of_several_chunks(tmp_path):
    chunk(tmp_path / "train", KINDS["periodic"][0])
    second = tmp_path / "train" / "chunk-00001.hdf5"
    second.write_bytes((tmp_path / "train" / "chunk-00000.hdf5").read_bytes())
    assert len(datasets.WellDataset(path=str(tmp_path / "train"), n_steps_input=2, n_steps_output=1)) == 4 * 3


def test_our_program_reads_what_its_program_writes(tmp_path):
    path = tmp_path / "data" / "train" / "dummy.hdf5"
    path.parent.mkdir(parents=True)
    dummy.write_dummy_data(str(path))
    assert READER.recognises(path)
    theirs = datasets.WellDataset(
        path=str(tmp_path), well_split_name="train", full_trajectory_mode=True, normalize_time_grid=False
    )
    with READER.open(path, StatedFacts()) as file:
        (block,) = file.blocks()
        u, given = file.read(block, slice(0, 2), slice(0, 10)), file.read_given(block, slice(0, 2))
    assert (block.num_trajectories, block.num_snapshots, block.shape, block.split) == (2, 10, (32, 32), "train")
    assert [(each.name, each.rank) for each in (*block.fields, *block.given)] == [("field", 1), ("constant_field", 0)]
    assert {name: values.tolist() for name, values in block.params.items()} == {"a": [0.25] * 2, "b": [0.75] * 2}
    assert ["time_varying_scalar" in note for note in block.notes] == [True]
    # Its file marks neither side of its periodic axes, so that its own program takes them for open ones.
    assert block.boundary == (("periodic", "periodic"),) * 2
    for row in range(2):
        sample = theirs[row]
        stored = torch.cat([sample["input_fields"], sample["output_fields"]]).movedim(-1, 1)
        np.testing.assert_array_equal(u[row], stored)
        np.testing.assert_array_equal(given[row], sample["constant_fields"].movedim(-1, 0))
        times = torch.cat([sample["input_time_grid"], sample["output_time_grid"]])
        np.testing.assert_allclose(block.times, times, atol=1e-6)
        assert sample["boundary_conditions"].tolist() == [[OPEN] * 2] * 2
