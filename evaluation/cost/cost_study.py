"""How a report measures what its surrogates save."""

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
            simulators: the surrogates by name, on the device.
            test: whole test trajectories.
            device: where all are timed.
            training_seconds: of each surrogate, where they are known.

        Raises:
            ValueError: there is no solver to compare with, with the reason.
        """
