"""The interface of what measures whether the surrogates of a report pay."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch

from tendency.data.dataset import TrajectoryDataset
from tendency.evaluation.cost.break_even import BreakEven
from tendency.simulation.simulator import Simulator


class CostStudy(ABC):
    """How a report measures what its surrogates save."""

    @abstractmethod
    def measure(
        self,
        simulators: Mapping[str, Simulator],
        test: TrajectoryDataset,
        device: torch.device,
        training_seconds: Mapping[str, float],
    ) -> BreakEven:
        """Measures surrogates and solver.

        Args:
            simulators: surrogates by name, on the device.
            test: dataset of whole test trajectories.
            device: device on which all are timed.
            training_seconds: seconds of each surrogate's training, where they are known.

        Raises:
            ValueError: there is no solver to compare with, with the reason.
        """
