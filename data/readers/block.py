"""What a reader says of the trajectories in a file, before any of their values is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from tendency.simulation.fields import Field


@dataclass(frozen=True, eq=False)
class Block:
    """Trajectories of one file that share fields, grid and number of snapshots.

    What a file does not say is None; the user is asked for it by name, or has stated it already.

    Args:
        key: what the reader finds the trajectories by inside the file, e.g. the name of a group; "" where the file
            holds one block.
        num_trajectories: R.
        num_snapshots: T.
        fields: of a state, in channel order, by the file's names.
        shape: number of points on each axis (*N).
        times: (T,) or (R, T) float64.
        extent: (D,) or (R, D) float64 side lengths; on a uniform grid the number of points times their distance.
        boundary: kinds of the lower and the upper side of each axis, as ``Boundary`` names them.
        params: parameters by the file's names, each (R,) float64.
        given: fields that are constant in time and are not predicted: coefficients, masks of obstacles, forces.
        split: ``train``, ``valid`` or ``test``, where the file, its name or its folder says so.
        equation: the file's own words for what was solved; "" where it has none.
        notes: what was found odd and read all the same, a sentence each.
    """

    key: str
    num_trajectories: int
    num_snapshots: int
    fields: tuple[Field, ...]
    shape: tuple[int, ...]
    times: np.ndarray | None = None
    extent: np.ndarray | None = None
    boundary: tuple[tuple[str, str], ...] | None = None
    params: Mapping[str, np.ndarray] = field(default_factory=dict)
    given: tuple[Field, ...] = ()
    split: str | None = None
    equation: str = ""
    notes: tuple[str, ...] = ()

    @property
    def spatial_dims(self) -> int:
        """D."""
        return len(self.shape)

    @property
    def num_channels(self) -> int:
        """C of a state."""
        return sum(each.channels(self.spatial_dims) for each in self.fields)

    @property
    def num_given(self) -> int:
        """Channels of the constant fields."""
        return sum(each.channels(self.spatial_dims) for each in self.given)

    def field_of_channel(self, channel: int) -> Field:
        """The field of a state that a channel belongs to."""
        every = [field for field in self.fields for _ in range(field.channels(self.spatial_dims))]
        return every[channel]

    @property
    def is_steady(self) -> bool:
        """Whether there is one snapshot alone: a map from given fields to a solution, and nothing to step in time."""
        return self.num_snapshots < 2

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""

        def plain(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                # As they are read again: whole numbers would be others in text.
                return value.astype(np.float64).tolist()
            if isinstance(value, Field):
                return {"name": value.name, "rank": value.rank, "unit": value.unit}
            if isinstance(value, Mapping):
                return {str(name): plain(entry) for name, entry in value.items()}
            return [plain(entry) for entry in value] if isinstance(value, tuple) else value

        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Block":
        """The inverse of ``to_dict``.

        Raises:
            KeyError: an entry is missing.
            TypeError: an entry is unknown, or of another kind.
            ValueError: an array of numbers is none.
        """

        def array(value: Any) -> np.ndarray | None:
            return None if value is None else np.asarray(value, dtype=np.float64)

        boundary = content["boundary"]
        return cls(
            **{
                **content,
                "fields": tuple(Field(**each) for each in content["fields"]),
                "given": tuple(Field(**each) for each in content["given"]),
                "shape": tuple(content["shape"]),
                "times": array(content["times"]),
                "extent": array(content["extent"]),
                "boundary": None if boundary is None else tuple((lower, upper) for lower, upper in boundary),
                "params": {name: np.asarray(each, dtype=np.float64) for name, each in content["params"].items()},
                "notes": tuple(content["notes"]),
            }
        )
