"""The circumstances of a trajectory: parameters, side lengths, values at the boundaries, geometry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.simulation.geometry import Geometry
from tendency.simulation.tree import map_tensors


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
    """

    params: Tensor
    hidden: Tensor
    extent: Tensor
    boundary_values: Tensor
    geometry: Geometry
    param_names: tuple[str, ...] = ()
    hidden_names: tuple[str, ...] = ()
    given: Tensor | None = None
    batched = True
    # Python would try the indices 0, 1, ... where a class has __getitem__ alone.
    __iter__ = None

    def __repr__(self) -> str:
        """How many there are, and of what; not each value."""
        names = ", ".join([*self.param_names, *self.hidden_names]) or "no parameters"
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
        return replace(
            first,
            params=torch.cat([piece.params for piece in pieces]),
            hidden=torch.cat([piece.hidden for piece in pieces]),
            extent=torch.cat([piece.extent for piece in pieces]),
            boundary_values=torch.cat([piece.boundary_values for piece in pieces]),
            given=_joined_fields([piece.given for piece in pieces]),
        )

    def with_given(self, given: Tensor) -> "Conditions":
        """The same conditions with constant fields (B, C_g, *N).

        Raises:
            ValueError: fields of another number of trajectories.
        """
        if len(given) != len(self.params):
            raise ValueError(f"given: expected fields of {len(self.params)} trajectories, got {len(given)}")
        return replace(self, given=given)

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


def _joined_fields(pieces: Sequence[Tensor | None]) -> Tensor | None:
    """Constant fields of several batches as those of one.

    Raises:
        ValueError: some batches have them and others have none.
    """
    there = [piece for piece in pieces if piece is not None]
    if there and len(there) < len(pieces):
        raise ValueError("conditions: expected constant fields (given) in all batches to join, got some without")
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
