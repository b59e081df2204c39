"""What is minimised."""

from abc import ABC, abstractmethod

from torch import Tensor

from tendency.data.metadata import TrajectoryMetadata
from tendency.simulation.random import mix
from tendency.simulation.simulator import ReferenceSolver
from tendency.simulation.window import Window
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trainers.losses import Loss
from tendency.trainers.objectives.change_loss import ChangeLoss
from tendency.trainers.objectives.depth import Depth

Offsets = tuple[tuple[int, ...], tuple[int, ...]]
"""(required, wanted): snapshots that must exist, and snapshots that are moved inside at a trajectory's ends."""


class Objective(ABC):
    """How a window of snapshots becomes a loss.

    Tensors are drawn from (seed, step, sample index) and choices from (seed, step), so that ranks and resumed runs
    agree; all choices stay inside the same offsets, so that the number of batches never changes.

    Args:
        loss: how an output is compared with its label.
    """

    depth: Depth | None = None
    """How many blocks it rolls out, where it does; a curriculum changes the limit."""
    change: ChangeLoss | None = None
    """How it compares states, where it does; a run measures its units on the snapshots of ``offsets``."""
    longest_stride: int = 1
    """Steps of the data in the longest step that it trains."""

    def __init__(self, loss: Loss) -> None:
        self.compare = loss

    @abstractmethod
    def offsets(self, prediction: Prediction) -> Offsets:
        """The snapshots that a batch must hold."""

    def measured_offsets(self, prediction: Prediction) -> Offsets:
        """The snapshots that the normaliser is measured on: the prediction's own, unless the steps vary."""
        return prediction.offsets, prediction.stencil

    def chosen(self, window: Window, seed: int, step: int) -> Window:
        """The window as the network sees it at this step, where an objective picks its snapshots."""
        return window

    def check(self, prediction: Prediction, metadata: TrajectoryMetadata) -> None:
        """Refuses what makes no sense before any work.

        Raises:
            ValueError: in one sentence, why.
        """
        self.compare.check(metadata.geometry)
        if prediction.reads_u_t and not metadata.has_time_derivative:
            raise ValueError(
                f"prediction.difference: {metadata.name} stores no u_t; add data.store_u_t=true, where data are solved "
                "here, or choose another one"
            )
        required, wanted = self.offsets(prediction)
        width = max(*required, *wanted) - min(*required, *wanted) + 1
        if width > metadata.num_snapshots:
            raise ValueError(
                f"objective: {type(self).__name__} with {type(prediction).__name__} reads {width} snapshots at once, "
                f"the trajectories of {metadata.name} have {metadata.num_snapshots}; raise pde.times.num_snapshots or "
                f"{'lower objective.depth.steps or' if self.depth else 'shorten'} prediction.history"
            )

    def with_solver(self, solver: ReferenceSolver) -> "Objective":
        """The same objective with the problem's own solver at hand; itself where it asks no solver.

        Args:
            solver: that works on the points where snapshots are stored.
        """
        return self

    @abstractmethod
    def loss(self, stepper: SurrogateStepper, window: Window, seed: int, step: int) -> Tensor:
        """The loss, a scalar: the mean over the window's samples.

        Args:
            stepper: what is trained.
            window: B samples.
            seed: of the run.
            step: number of the batch within the run.
        """


def sample_keys(window: Window, seed: int, step: int) -> Tensor:
    """One key (B,) for each sample at this step of the run, the same on whatever rank the sample is."""
    return mix(mix(window.index, seed), step)


def label_loss(compare: Loss, stepper: SurrogateStepper, window: Window, u: Tensor, t: Tensor, key: Tensor) -> Tensor:
    """The loss (B,) of one network evaluation against its label, in network units.

    Args:
        compare: the loss.
        stepper: what is trained.
        window: where the label comes from.
        u: (B, K, C, *N) the snapshots that the network sees, perhaps perturbed.
        t: (B, K) their times.
        key: (B,) for predictions that draw noise.
    """
    memory = stepper.start(u, t, window.conditions, key)
    network = stepper.network(window.conditions)
    return compare(*stepper.prediction.pair(network, window, u[:, -1], memory, key), window.conditions)
