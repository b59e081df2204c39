"""The circumstances of a trajectory: parameters, side lengths, values at the boundaries, geometry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.geometry import Geometry
from tendency.simulation.tree import map_tensors, per_sample

MASK = "mask"
"""Name of the constant field that is 1 where there is fluid, and 0 in an obstacle."""


@dataclass(frozen=True)
class Conditions:
    """The circumstances of B trajectories.

    ``conditions[rows]`` are those of some of the trajectories, ``Conditions.joined`` those of several batches as one;
    ``dataclasses.replace`` changes a single entry.

    Args:
        params: (B, P) parameters that surrogates may know, physical units, float64.
        hidden: (B, H) parameters for the solver alone.
        extent: (B, D) side lengths of the domain.
        boundary_values: (B, V) values given at the boundaries; V is 0 where there are none.
        geometry: the grid or the nodes, shared by the batch.
        param_names: the P names of the columns of ``params``.
        hidden_names: the H names of the columns of ``hidden``.
        given: (B, C_g, *N) fields that are constant in time and known, such as coefficients and masks; None where
            there are none.
        given_names: the C_g names of the channels of ``given``.
        forcing: (B, K, C_f, *N) known fields that change in time, at K times; None where there are none.
        forcing_times: (B, K) float64, increasing; see ``forcing_at``.
    """

    params: Tensor
    hidden: Tensor
    extent: Tensor
    boundary_values: Tensor
    geometry: Geometry
    param_names: tuple[str, ...] = ()
    hidden_names: tuple[str, ...] = ()
    given: Tensor | None = None
    given_names: tuple[str, ...] = ()
    forcing: Tensor | None = None
    forcing_times: Tensor | None = None
    batched = True
    # Python would try the indices 0, 1, ... where a class has __getitem__ alone.
    __iter__ = None

    def __repr__(self) -> str:
        """How many there are, and of what; not each value."""
        names = ", ".join([*self.param_names, *self.hidden_names, *self.given_names]) or "no parameters"
        return f"Conditions({len(self.params)} trajectories: {names}; {self.geometry})"

    @classmethod
    def from_values(
        cls,
        geometry: Geometry,
        extent: Sequence[Any],
        params: Mapping[str, Any],
        hidden: Mapping[str, Any],
        num_rows: int = 1,
    ) -> "Conditions":
        """Conditions of ``num_rows`` trajectories without values at boundaries.

        Args:
            geometry: the grid or the nodes.
            extent: D side lengths; like every value here a number, or an array (B,) of one for each trajectory.
            params: values by name of the parameters that surrogates may know.
            hidden: values by name of the parameters for the solver alone.
            num_rows: B.

        Raises:
            ValueError: a value that is neither one number nor B of them.
        """
        return cls(
            params=_columns(list(params.values()), num_rows, "params"),
            hidden=_columns(list(hidden.values()), num_rows, "params"),
            extent=_columns(extent, num_rows, "extent"),
            boundary_values=_columns([], num_rows, "boundary_values"),
            geometry=geometry,
            param_names=tuple(params),
            hidden_names=tuple(hidden),
        )

    @classmethod
    def joined(cls, pieces: Sequence["Conditions"]) -> "Conditions":
        """The conditions of several batches as those of one batch, in their order.

        Args:
            pieces: conditions on one geometry with the same parameters; at least one.

        Raises:
            ValueError: there are none, or their parameters or geometries differ.
        """
        if not pieces:
            raise ValueError("conditions: expected at least one batch to join, got none")
        first = pieces[0]
        for piece in pieces[1:]:
            names, expected = (piece.param_names, piece.hidden_names), (first.param_names, first.hidden_names)
            if names != expected:
                raise ValueError(f"conditions: expected the parameters {expected} in each batch to join, got {names}")
            if piece.geometry is not first.geometry and piece.geometry != first.geometry:
                raise ValueError("conditions: expected one geometry in all batches to join, got several")
        given = _joined_fields([piece.given for piece in pieces], "given")
        if other := next((piece.given_names for piece in pieces if piece.given_names != first.given_names), None):
            raise ValueError(f"conditions: expected the constant fields {first.given_names} in each batch, got {other}")
        return replace(
            first,
            params=torch.cat([piece.params for piece in pieces]),
            hidden=torch.cat([piece.hidden for piece in pieces]),
            extent=torch.cat([piece.extent for piece in pieces]),
            boundary_values=torch.cat([piece.boundary_values for piece in pieces]),
            given=given,
            forcing=_joined_fields([piece.forcing for piece in pieces], "forcing"),
            forcing_times=_joined_fields([piece.forcing_times for piece in pieces], "forcing_times"),
        )

    def with_given(self, given: Tensor, names: Sequence[str]) -> "Conditions":
        """The same conditions with constant fields.

        Args:
            given: (B, C_g, *N).
            names: the C_g names of its channels.

        Raises:
            ValueError: fields of another number of trajectories, or on other points, or another number of names.
        """
        expected = (len(self.params), len(names), *self.geometry.shape)
        if tuple(given.shape) != expected:
            raise ValueError(f"given: expected shape {expected} for {list(names)}, got {tuple(given.shape)}")
        return replace(self, given=given, given_names=tuple(names))

    def with_forcing(self, forcing: Tensor, times: Tensor) -> "Conditions":
        """The same conditions with known fields that change in time; see ``forcing_at``.

        Args:
            forcing: (B, K, C_f, *N).
            times: (B, K), increasing.

        Raises:
            ValueError: shapes that do not belong together, or times that do not increase.
        """
        rows, space = len(self.params), tuple(self.geometry.shape)
        if tuple(times.shape) != (rows, forcing.shape[1]) or (len(forcing), *forcing.shape[3:]) != (rows, *space):
            raise ValueError(
                f"forcing: expected ({rows}, K, C_f, {', '.join(map(str, space))}) and times ({rows}, K), got "
                f"{tuple(forcing.shape)} and {tuple(times.shape)}"
            )
        if not times.shape[1] or not bool((times.diff(dim=1) > 0).all()):
            raise ValueError("forcing: expected at least one time, and times that increase, got others")
        return replace(self, forcing=forcing, forcing_times=times.double())

    def without_fields(self) -> "Conditions":
        """The same conditions without constant fields and without forcing."""
        return replace(self, given=None, given_names=(), forcing=None, forcing_times=None)

    def forcing_at(self, t: Tensor) -> Tensor | None:
        """The forcing (B, C_f, *N) at times t (B,); None where there is none.

        It is linear between its times; before the first and after the last of them it is constant.
        """
        if self.forcing is None or self.forcing_times is None:
            return None
        times, fields = self.forcing_times, self.forcing
        rows, last = torch.arange(fields.shape[0], device=fields.device), fields.shape[1] - 1
        # Counted, not searched for: what exported programs can hold.
        after = (times <= t.to(times.dtype)[:, None]).sum(1).clamp(max=last)
        before = (after - 1).clamp(min=0)
        span = times[rows, after] - times[rows, before]
        share = ((t - times[rows, before]) / torch.where(span > 0, span, 1.0)).clamp(0, 1)
        return torch.lerp(fields[rows, before], fields[rows, after], per_sample(share, fields[:, 0]))

    def known_at(self, t: Tensor) -> Tensor | None:
        """What is known of each point at times t (B,): constant fields, then forcing, (B, C_g + C_f, *N), or None."""
        forcing = self.forcing_at(t)
        if self.given is None or forcing is None:
            return forcing if self.given is None else self.given
        return torch.cat([self.given, forcing.to(self.given.dtype)], 1)

    def require_no_fields(self, solver: str) -> None:
        """Refuses constant fields and forcing, for a solver whose equation has none.

        Args:
            solver: what solves, for the message.

        Raises:
            ValueError: with the names of the fields.
        """
        if self.given is not None:
            raise ValueError(
                f"given: {solver} knows no constant fields, expected none, got {', '.join(self.given_names)}"
            )
        if self.forcing is not None:
            raise ValueError(
                f"forcing: {solver} knows no forcing beside its own, expected none, got {self.forcing.shape[2]} fields"
            )

    def weights(self) -> Tensor:
        """How much each point counts (B, *N): its cell's volume, and 0 where a constant field ``mask`` is at most 0.5.

        Raises:
            ValueError: a mask that leaves nothing of a trajectory.
        """
        volumes = self.geometry.weights(self.extent)
        if self.given is None or MASK not in self.given_names:
            return volumes
        inside = self.given[:, self.given_names.index(MASK)] > 0.5
        empty = ~inside.flatten(1).any(1)
        if bool(empty.any()):
            raise ValueError(
                f"{MASK}: expected points above 0.5 in each trajectory (1 in the fluid, 0 in an obstacle), got none in "
                f"{int(empty.sum())} of {len(empty)}"
            )
        return torch.where(inside, volumes, 0.0)

    def __getitem__(self, rows: Tensor | slice) -> "Conditions":
        """The conditions of some trajectories.

        Args:
            rows: a slice, or a tensor of int64 indices or of booleans (B,).
        """
        return map_tensors(lambda x: x[rows], self)

    def parameter(self, name: str) -> Tensor:
        """The values (B,) of one parameter, observed or hidden.

        Raises:
            ValueError: no parameter of that name.
        """
        if name in self.param_names:
            return self.params[:, self.param_names.index(name)]
        if name in self.hidden_names:
            return self.hidden[:, self.hidden_names.index(name)]
        raise ValueError(f"unknown parameter {name!r}: this problem has {[*self.param_names, *self.hidden_names]}")


def _joined_fields(pieces: Sequence[Tensor | None], name: str) -> Tensor | None:
    """Known fields of several batches as those of one.

    Raises:
        ValueError: some batches have them and others have none, or others of another shape.
    """
    there = [piece for piece in pieces if piece is not None]
    if there and len(there) < len(pieces):
        raise ValueError(f"conditions: expected {name} in all batches to join, got some without")
    if len({tuple(piece.shape[1:]) for piece in there}) > 1:
        shapes = sorted({tuple(piece.shape[1:]) for piece in there})
        raise ValueError(f"conditions: expected {name} of one shape in all batches to join, got {shapes}")
    return torch.cat(there) if there else None


def _columns(values: Sequence[Any], num_rows: int, key: str) -> Tensor:
    """(num_rows, len(values)) float64, each value one number or one for each row."""
    columns = []
    for value in values:
        column = torch.as_tensor(np.asarray(value), dtype=torch.float64)
        if column.ndim > 1 or (column.ndim == 1 and len(column) != num_rows):
            raise ValueError(f"{key}: expected one number or {num_rows}, got shape {tuple(column.shape)}")
        columns.append(column.expand(num_rows))
    return torch.stack(columns, 1) if columns else torch.zeros(num_rows, 0, dtype=torch.float64)
