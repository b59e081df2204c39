"""A small real dataset for the trainers."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tendency.app.configuration.build import build
from tendency.app.problems.data_source import build_data
from tendency.simulation.tree import map_tensors
from tendency.surrogates.interface import Interface
from tendency.surrogates.predictions.derivative import DerivativePrediction
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # for small_fit.py and wandb_records.py
SMALL_HEAT = ["pde=heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=12"]


@pytest.fixture(scope="session")
def heat_dataset(compose_config, tmp_path_factory):
    """The heat equation on 16 points: 6 training trajectories of 12 snapshots."""
    config = compose_config(
        "generate",
        [*SMALL_HEAT, "data.num_train=6", "data.num_valid=2", "data.num_test=2", "data.chunk_size=2", "data.workers=1"],
    )
    data = build_data(config["data"], tmp_path_factory.mktemp("datasets"), config["pde"])
    data.prepare()
    return data.folder


class Small(Surrogate):
    """Two convolutions on a torus, told the conditions; float64."""

    def __init__(self, interface, width=12):
        super().__init__(interface)
        convolution = nn.Conv1d if interface.spatial_dims == 1 else nn.Conv2d
        self.first = convolution(
            interface.in_channels, width, 5, padding=2, padding_mode="circular", dtype=torch.float64
        )
        self.told = nn.Linear(interface.num_conditions, width, dtype=torch.float64)
        self.last = convolution(
            width, interface.out_channels, 3, padding=1, padding_mode="circular", dtype=torch.float64
        )

    def forward(self, u, c, x):
        told = self.told(c).reshape(len(u), -1, *[1] * self.spatial_dims)
        return self.last(torch.tanh(self.first(u) + told))


@pytest.fixture
def small_stepper():
    """``small_stepper(prediction, objective, solved)``: an untrained stepper in the units of a run."""

    def make(prediction, objective, solved, seed=0):
        metadata = solved.metadata
        channels, params = metadata.num_channels, len(metadata.param_names)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            interface = Interface(
                prediction.in_channels(channels),
                prediction.out_channels(channels),
                prediction.num_conditions(params),
                metadata.geometry.boundary,
            )
            surrogate = Small(interface)
        window = objective.chosen(solved.windows(*objective.measured_offsets(prediction)), 0, 0)
        normalizer = fit_normalizer(prediction, [window])
        if objective.change is not None:
            required, wanted = objective.offsets(prediction)
            objective.change.measure([solved.windows(required, wanted)], normalizer.fields, max(required))
        return SurrogateStepper(surrogate, prediction, normalizer)

    return make


@pytest.fixture(scope="session")
def rows():
    """``rows(window, 3)``: some samples of a window."""

    def pick(window, chosen):
        return map_tensors(lambda x: x[chosen], window)

    return pick


@pytest.fixture(scope="session")
def heat(solve):
    """Two trajectories of the heat equation on 16 points, 12 snapshots, known diffusivity."""
    return solve("heat", "pde.geometry.shape=[16]", "pde.times.num_snapshots=12")


@pytest.fixture(scope="session")
def burgers(solve):
    """Two trajectories of two velocity components on 12 x 12 points, 9 snapshots."""
    return solve("burgers_vector", "pde.geometry.shape=[12,12]", "pde.times.num_snapshots=9")


@pytest.fixture
def derivative(compose_config):
    """``derivative("ab2", StoredDerivative())``: a derivative prediction with an integrator of conf/."""

    def make(integrator, difference, **arguments):
        overrides = ["pde=heat", "prediction=derivative", f"prediction/integrator={integrator}"]
        node = compose_config("train", [*overrides, "name=test"])["prediction"]["integrator"]
        return DerivativePrediction(difference, build(node), **arguments)

    return make
