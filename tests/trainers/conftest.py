"""A small real dataset for the trainers."""

import pytest

from tendency.build import build, build_problem

SMALL_HEAT = ["pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=12"]


@pytest.fixture(scope="session")
def heat_dataset(compose_config, tmp_path_factory):
    """The heat equation on 16 points: 6 training trajectories of 12 snapshots."""
    config = compose_config(
        "generate",
        [*SMALL_HEAT, "data.num_train=6", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"],
    )
    folder, _ = build(config["data"]).prepare(
        tmp_path_factory.mktemp("datasets"), config["pde"], build_problem(config["pde"])
    )
    return folder
