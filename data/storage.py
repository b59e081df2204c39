"""Where the trajectories of a split lie: chunks that this program wrote, or files of others."""

from abc import abstractmethod

from torch import Tensor

from tendency.data.window_source import WindowSource
from tendency.simulation.conditions import Conditions


class TrajectoryStorage(WindowSource):
    """The trajectories of one split, read some snapshots of some neighbours at a time, or cut into windows in place.

    They are counted from 0. ``batch`` neighbours, from a multiple of ``batch`` on, lie together: reading them at once
    costs less than reading them one by one. A pickled copy opens its files anew.
    """

    where = "read from their files"
    batch: int

    @abstractmethod
    def heads(self, rows: range) -> tuple[Tensor, Conditions]:
        """Times (B, T) float64 and conditions of neighbouring trajectories.

        Args:
            rows: indices of the trajectories, one step apart.

        Raises:
            DatasetError: what holds them is missing, damaged, or not what it was.
        """

    @abstractmethod
    def heads_without_fields(self, rows: range) -> tuple[Tensor, Conditions]:
        """As ``heads``, without constant fields, which may be as large as states."""

    @abstractmethod
    def states(self, rows: range, snapshots: slice) -> Tensor:
        """u (B, W, C, *N) float32 of some snapshots of neighbouring trajectories, all finite; raises as ``heads``."""

    @abstractmethod
    def slopes(self, rows: range, snapshots: slice) -> Tensor | None:
        """u_t like ``states``; None where it is not stored."""

    @abstractmethod
    def made_of(self, count: int) -> dict[str, str]:
        """What the first trajectories are made of: a copy of them is good as long as this stays what it was.

        Args:
            count: number of trajectories.
        """

    def close(self) -> None:
        """Closes what is open; it is opened again when it is asked for."""
