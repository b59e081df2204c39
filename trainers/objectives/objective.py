"""What is minimised."""

from abc import ABC, abstractmethod

from torch import Tensor

from data.metadata import TrajectoryMetadata
from simulation.window import Window
from surrogates.prediction import Prediction
from surrogates.stepper import SurrogateStepper


class Objective(ABC):
    """How a window of snapshots becomes a loss.

    Whatever an objective draws depends on (seed, step, sample index) alone, so that ranks and resumed runs agree.
    """

    @abstractmethod
    def offsets(self, prediction: Prediction) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(required, wanted): snapshots that must exist, and snapshots that are moved inside at a trajectory's ends."""

    def check(self, prediction: Prediction, metadata: TrajectoryMetadata) -> None:
        """Refuses what makes no sense before any work.

        Raises:
            ValueError: in one sentence, why.
        """
        if prediction.reads_u_t and not metadata.has_time_derivative:
            raise ValueError(
                f"prediction.difference: {metadata.name} stores no u_t; add data.store_u_t=true, or choose another one"
            )
        required, wanted = self.offsets(prediction)
        width = max(*required, *wanted) - min(*required, *wanted) + 1
        if width > metadata.num_snapshots:
            raise ValueError(
                f"objective: {type(self).__name__} with {type(prediction).__name__} reads {width} snapshots at once, "
                f"the trajectories of {metadata.name} have {metadata.num_snapshots}; raise pde.times.num_snapshots or "
                "shorten prediction.history"
            )

    @abstractmethod
    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The loss, a scalar: the mean over the window's samples.

        Args:
            stepper: what is trained.
            window: B samples.
            seed: of the run.
            step: number of the batch within the run.
        """
