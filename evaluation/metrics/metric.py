"""What a metric is: of one snapshot, of a whole rollout, or of an ensemble of rollouts.

A new metric is one file with a class of one of the three kinds, and one entry in ``conf/evaluation/metrics``. No kind
averages over trajectories: what a report says of many is made of what is stored for each.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from tendency.evaluation.metrics.context import BatchContext, Subject


class Metric(ABC):
    """What the three kinds share: the names of their figures, and where they make no sense.

    ``variables`` names each figure and its axes beyond the simulator's, the trajectory's and the snapshot's.
    """

    variables: Mapping[str, tuple[str, ...]]
    truth_only: frozenset[str] = frozenset()
    """Those that depend on the truth alone, which are the same for every simulator."""

    def reason_against(self, subject: Subject) -> str | None:
        """Why the metric says nothing about a subject; None where it applies."""
        return None

    def labels(self, context: BatchContext) -> Mapping[str, Sequence[Any]]:
        """The labels along axes of its own."""
        return {}


class SnapshotMetric(Metric):
    """Figures of one predicted snapshot."""

    @abstractmethod
    def measure(self, prediction: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """The figures by name.

        Args:
            prediction: (B, C, *N), which may hold values that are not finite.
            truth: (B, C, *N).
            context: of the B trajectories.

        Returns:
            (B, ...) float64 for each of ``variables``.
        """


class TrajectoryMetric(Metric):
    """Figures of a whole rollout, taken in snapshot by snapshot: no more than one is ever at hand."""

    def update(self, memory: Any, snapshot: int, prediction: Tensor, truth: Tensor, context: BatchContext) -> Any:
        """The memory after one more snapshot; a metric of curves alone needs none.

        Args:
            memory: from the snapshot before; None at the start.
            snapshot: 0 at the start, where prediction and truth are the same.
            prediction: (B, C, *N).
            truth: (B, C, *N).
            context: of the B trajectories.
        """
        return memory

    @abstractmethod
    def result(self, memory: Any, curves: Mapping[str, Tensor], context: BatchContext) -> dict[str, Tensor]:
        """The figures by name, after the last snapshot.

        Args:
            memory: what ``update`` made of the snapshots.
            curves: (B, T, ...) of each snapshot metric, the first value being the start's.
            context: of the B trajectories.

        Returns:
            (B, ...) for each of ``variables``.
        """


class EnsembleMetric(Metric):
    """Figures of one snapshot of several rollouts that differ in what they drew."""

    @abstractmethod
    def measure(self, members: Tensor, truth: Tensor, context: BatchContext) -> dict[str, Tensor]:
        """The figures by name.

        Args:
            members: (M, B, C, *N), M at least 2.
            truth: (B, C, *N).
            context: of the B trajectories.

        Returns:
            (B, ...) float64 for each of ``variables``.
        """
