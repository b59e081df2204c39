"""What a dataset is: the single truth about its fields, parameters, geometry and times."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tendency.simulation.fields import Field, channel_names
from tendency.simulation.geometry import Geometry, geometry_from_dict
from tendency.simulation.problem import CharacteristicTime, Problem


class DatasetError(ValueError):
    """A dataset is missing, damaged, or not good enough; the message names the file and the remedy."""

    exit_code = 3


def damaged_chunk(path: Path, what: str) -> DatasetError:
    """The error of a chunk that must not be read, with the command that makes it anew.

    Args:
        path: of the chunk.
        what: is wrong with it, as the rest of a sentence.
    """
    remedy = shlex.join(["python", "generate.py", f"dataset={path.parent.parent}", "repair=true"])
    return DatasetError(f"chunk {path} {what}; it alone is made anew by: {remedy}")


@dataclass(frozen=True)
class TrajectoryMetadata:
    """What all trajectories of a dataset share.

    Args:
        name: of the problem.
        equation: name of the equation.
        equation_version: raised when its numbers change.
        fields: of a state, in channel order.
        param_names: parameters that surrogates are told.
        hidden_names: parameters for the solver alone.
        geometry: the grid or nodes.
        num_snapshots: T.
        dt: time between snapshots, or None where it varies between trajectories.
        resolution: ``resolved`` or ``as_published``; ``unknown`` of trajectories that somebody else has solved.
        has_time_derivative: whether u_t is stored.
        characteristic_time: of the problem, where it has one.
        given: fields that are constant in time and are not predicted, in the order of ``Conditions.given``.
        forcing: known fields that change in time and are not predicted, in the order of ``Conditions.forcing``.
    """

    name: str
    equation: str
    equation_version: int
    fields: tuple[Field, ...]
    param_names: tuple[str, ...]
    hidden_names: tuple[str, ...]
    geometry: Geometry
    num_snapshots: int
    dt: float | None
    resolution: str = "resolved"
    has_time_derivative: bool = False
    characteristic_time: CharacteristicTime | None = None
    given: tuple[Field, ...] = ()
    forcing: tuple[Field, ...] = ()

    def __str__(self) -> str:
        """Name, fields, points, times and parameters in one line."""
        told = ", ".join([*self.param_names, *(field.name for field in self.known)]) or "no parameters"
        dt = "dt varies" if self.dt is None else f"dt = {self.dt:g}"
        return f"{self.name}: {', '.join(self.channel_names)} on {self.geometry}, {dt}, told {told}"

    @property
    def spatial_dims(self) -> int:
        """D."""
        return self.geometry.spatial_dims

    @property
    def num_channels(self) -> int:
        """C."""
        return sum(field.channels(self.spatial_dims) for field in self.fields)

    @property
    def known(self) -> tuple[Field, ...]:
        """The fields that a network is told and that are not predicted: constant ones, then forcing."""
        return (*self.given, *self.forcing)

    @property
    def num_known(self) -> int:
        """C_g + C_f, channels of the constant fields and of the forcing."""
        return sum(field.channels(self.spatial_dims) for field in self.known)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """One name per channel."""
        return channel_names(self.fields, self.spatial_dims)

    @property
    def given_names(self) -> tuple[str, ...]:
        """One name per channel of the constant fields."""
        return channel_names(self.given, self.spatial_dims)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        time = self.characteristic_time
        # Metadata without known fields read as those that were written before there were any.
        known = {"given": self.given, "forcing": self.forcing}
        return {name: [_plain_field(field) for field in fields] for name, fields in known.items() if fields} | {
            "name": self.name,
            "equation": self.equation,
            "equation_version": self.equation_version,
            "fields": [_plain_field(field) for field in self.fields],
            "param_names": list(self.param_names),
            "hidden_names": list(self.hidden_names),
            "geometry": self.geometry.to_dict(),
            "num_snapshots": self.num_snapshots,
            "dt": self.dt,
            "resolution": self.resolution,
            "has_time_derivative": self.has_time_derivative,
            "characteristic_time": None if time is None else {"name": time.name, "value": time.value},
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "TrajectoryMetadata":
        """The inverse of ``to_dict``.

        Raises:
            DatasetError: an entry is missing, unknown or not what it should be.
        """
        try:
            # A dataset that was made before there was such a time has none.
            time = plain.get("characteristic_time")
            made = cls(
                **plain
                | {
                    "fields": tuple(Field(**field) for field in plain["fields"]),
                    "given": tuple(Field(**field) for field in plain.get("given", [])),
                    "forcing": tuple(Field(**field) for field in plain.get("forcing", [])),
                    "param_names": tuple(plain["param_names"]),
                    "hidden_names": tuple(plain["hidden_names"]),
                    "geometry": geometry_from_dict(plain["geometry"]),
                    "characteristic_time": None if time is None else CharacteristicTime(**time),
                }
            )
            read = made.to_dict()
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DatasetError(f"metadata: written by another version of this program ({reason})") from None
        # What a constructor takes for something else, or leaves out, would be another dataset without a word.
        if changed := [name for name, value in plain.items() if read.get(name) != value]:
            raise DatasetError(
                f"metadata.{changed[0]}: not what this program writes, got {repr(plain[changed[0]])[:60]}"
            )
        return made


def _plain_field(field: Field) -> dict[str, Any]:
    return {"name": field.name, "rank": field.rank, "unit": field.unit}


def metadata_of(problem: Problem, has_time_derivative: bool = False) -> TrajectoryMetadata:
    """The metadata of the dataset that a problem generates."""
    dt = problem.times.dt
    # Not a difference of the times, which are rounded after a burn-in.
    value = None if dt.varies else dt.lowest
    return TrajectoryMetadata(
        name=problem.name,
        equation=problem.simulator.name,
        equation_version=problem.simulator.version,
        fields=problem.fields,
        param_names=problem.param_names,
        hidden_names=problem.hidden_names,
        geometry=problem.stored_geometry,
        num_snapshots=problem.times.num_snapshots,
        dt=value,
        resolution=problem.resolution,
        has_time_derivative=has_time_derivative,
        characteristic_time=problem.characteristic_time,
    )
