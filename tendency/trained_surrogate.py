"""A trained surrogate with what it knows of its problem: from arrays to rollouts, in physical units."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendency.app.configuration.overrides import closest
from tendency.app.runs.checkpoint_reader import read_checkpoint, trained_stepper
from tendency.app.runs.exported_files import RECIPE, read_export
from tendency.app.runs.recipe import Recipe
from tendency.data.given_arguments import given_path, given_switch
from tendency.given_arrays import read_column, read_seed, read_states, read_times, require_finite, require_positive
from tendency.known_arrays import with_known
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Geometry
from tendency.simulation.given_tensors import require_methods, require_tensor
from tendency.simulation.tree import Tree, map_tensors
from tendency.surrogates.predictions.corrected import CorrectedPrediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.trained_values import TrainedValues


class TrainedSurrogate:
    """A surrogate from a checkpoint; a Simulator.

    Args:
        stepper: its network, the meaning of its output, and its units.
        recipe: of its checkpoint, which says what data it was trained on; constants of its problem need not be told
            again.
    """

    def __init__(self, stepper: SurrogateStepper, recipe: Recipe) -> None:
        self.stepper, self.recipe = stepper, recipe
        self.metadata = metadata = recipe.metadata
        self.dt = None if metadata.dt is None else metadata.dt * recipe.stride
        measured = {name: {"values": [*ends]} for name, ends in recipe.params.items()}
        self.values = TrainedValues(recipe.pde.get("parameters", {}) | measured, "params")
        # A checkpoint of an older version has the side lengths in its problem alone, one on data files beside it.
        lengths = recipe.pde.get("extent") or [{"value": length} for length in recipe.extent or []]
        self.lengths = TrainedValues(dict(enumerate(lengths)), "extent")
        self.constants, known = self.values.constants, self.lengths.constants
        axes = range(metadata.spatial_dims)
        self.extent = [known[axis] for axis in axes] if all(axis in known for axis in axes) else None

    def __repr__(self) -> str:
        """What it is, what it answers for, and what it was trained on."""
        steps = "steps of any length" if self.stepper.learned is None else str(self.stepper.learned)
        return (
            f"TrainedSurrogate({self.stepper.surrogate}, {self.stepper.prediction}, {steps}; "
            f"{self.metadata}; dataset {self.recipe.dataset})"
        )

    @property
    def history(self) -> int:
        """Number of snapshots that a rollout starts from."""
        return self.stepper.history

    @property
    def draws_noise(self) -> bool:
        """See ``DrawsNoise``."""
        return self.stepper.draws_noise

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(iter(self.stepper.state_dict().values())).device

    def to(self, device: torch.device | str) -> "TrainedSurrogate":
        """Moves its weights; arrays are moved there and back by ``rollout``.

        Raises:
            ValueError: a device that torch does not know, or that this machine lacks.
        """
        try:
            self.stepper.to(torch.device(device))
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"device: expected one that this machine has, such as 'cpu', got {device!r} ({reason})"
            ) from None
        return self

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """See ``Simulator.start``."""
        return self.stepper.start(u, t, conditions, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """One step of a length that was learned; see ``Simulator.advance``.

        Raises:
            ValueError: a step that the prediction did not learn.
        """
        if len(self.route(t, (t + dt)[:, None], memory)[0][0]) > 1:
            raise ValueError(
                f"dt: expected one learned step, {self.stepper.learned}, got {dt[0].item():g}; see rollout"
            )
        return self.stepper.advance(u, t, dt, conditions, memory)

    def route(self, t: Tensor, times: Tensor, memory: Tree) -> list[Tensor]:
        """See ``ChoosesTimes.route``."""
        return self.stepper.route(t, times, memory)

    def predict(
        self,
        u: Tensor,
        t: Tensor,
        times: Tensor | Sequence[float],
        conditions: Conditions,
        seed: Tensor | None = None,
    ) -> Tensor:
        """See ``SurrogateStepper.predict``.

        Raises:
            ValueError: as said there; a state or a parameter that is not finite, or a side length that is not positive.
        """
        require_tensor(u, "u", 4, "(B, K, C, *N)")
        require_tensor(t, "t", 1, "(B, K)")
        require_methods(conditions, "conditions", "Conditions", "params", "extent", "geometry")
        require_finite(u, "u", self._number_type)
        require_finite(conditions.params, "conditions.params", self._number_type)
        require_positive(conditions.extent, "conditions.extent", self._number_type)
        for name in ("given", "forcing"):
            if (fields := getattr(conditions, name)) is not None:
                require_finite(fields, f"conditions.{name}", self._number_type)
        return self.stepper.predict(u, t, times, conditions, seed)

    def rollout(
        self,
        u: Any,
        times: Any,
        *,
        t: Any = 0.0,
        params: Mapping[str, Any] | None = None,
        extent: Sequence[float] | None = None,
        geometry: Geometry | None = None,
        given: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Any:
        """The states at later times, from arrays, as the kind of array that was given.

        Args:
            u: the ``history`` latest snapshots, oldest first, (B, K, C, *N) or (K, C, *N) of one trajectory; where one
                snapshot is enough also (C, *N). A numpy array, a tensor, nested lists, what else numpy makes an array
                of, or a DataArray with the dimensions channel, x, y, z (or the only one of space), and trajectory and
                snapshot where there are such, in any order. Finite real numbers without masks.
            times: T increasing times, for all trajectories. A derivative is stepped to any of them; other predictions
                take the steps that they learned, and refuse times between these. Steps within 1e-4 of a learned one
                are taken for it.
            t: of the last snapshot; those before it lie at the training data's steps.
            params: values by name, one for all trajectories or B of them. Constants of the problem are known. Values
                beyond those of the training data are answered with a warning.
            extent: side lengths of the domain, each one number or B; those of the training data where they were
                constant: no others were learned then.
            geometry: of the points, where they are not those of the training data.
            given: the constant fields of the training data by name, such as masks and coefficients, (B, *N), or (*N)
                for all trajectories; a vector's components come before the points. Known forcing that changes in time
                stands there too, each as a pair of K times and values (B, K, *N) or (K, *N), between which it is
                linear, and beyond which it is constant.
            seed: of the first trajectory, for predictions that draw noise; the others follow.

        Returns:
            (B, T, C, *N), or (T, C, *N) for one trajectory, of the kind of u, in its number type or the weights',
            whichever is wider.

        Raises:
            ValueError: an argument that does not fit; the message names it, what was expected and what was given.
        """
        self._check_geometry(geometry)
        values, wrap = read_states(u, self.metadata, self.history)
        shape = (self.metadata.num_channels, *(geometry or self.metadata.geometry).shape)
        batch = _batched(values, self.history, shape, geometry is None)
        rows = len(batch)
        conditions = with_known(self._conditions(rows, params, extent, geometry), given, self.metadata)
        if self.dt is None and self.history > 1:
            raise ValueError(
                "t: the training data's steps differ; use predict, which is told the time of each snapshot"
            )
        past = torch.arange(1 - self.history, 1, dtype=torch.float64) * (self.dt or 0.0)
        at = (read_column(t, "t", 1).double().reshape(1) + past).expand(rows, -1)
        asked = read_times(times)
        place = self.device
        moved = map_tensors(lambda x: x.to(place), (batch, at, asked, conditions, read_seed(seed, rows)))
        states = self.predict(*moved).cpu()
        return wrap(states[0] if values.ndim < batch.ndim else states, asked)

    @property
    def _solves(self) -> bool:
        """Whether a solver steps inside it, which knows what other values do."""
        return isinstance(self.stepper.prediction, CorrectedPrediction)

    @property
    def _number_type(self) -> torch.dtype:
        kinds = [value.dtype for value in self.stepper.surrogate.parameters() if value.is_floating_point()]
        return kinds[0] if kinds else torch.float64

    def _check_geometry(self, geometry: Geometry | None) -> None:
        if geometry is None:
            return
        if not isinstance(geometry, Geometry):
            raise ValueError(f"geometry: expected a Grid or a PointCloud, got {geometry!r}")
        learned, given = (one.boundary.to_dict()["sides"] for one in (self.metadata.geometry, geometry))
        if learned != given:
            raise ValueError(f"geometry: expected the boundary of the training data, {learned}, got {given}")
        try:
            self.stepper.surrogate.check(geometry)
            self.stepper.prediction.check(geometry)
        except ValueError as error:
            raise ValueError(f"geometry: not one that this surrogate works on. {error}") from None

    def _conditions(
        self, rows: int, params: Mapping[str, Any] | None, extent: Sequence[Any] | None, geometry: Geometry | None
    ) -> Conditions:
        told, known = self.metadata.param_names, [*self.metadata.param_names, *self.metadata.hidden_names]
        example = "params={" + ", ".join(f"{name!r}: ..." for name in told) + "}"
        given = {} if params is None else params
        if not isinstance(given, Mapping):
            raise ValueError(f"params: expected values by name, {example}, got {params!r}")
        if unknown := [name for name in given if name not in known]:
            raise ValueError(f"params: expected {known}, got {unknown}{closest(str(unknown[0]), known).rstrip(';')}")
        columns = {name: read_column(value, f"params[{name!r}]", rows) for name, value in given.items()}
        values = self.constants | columns
        for name in (name for name in told if name in columns):
            require_finite(columns[name], f"params[{name!r}]", self._number_type)
            if not self._solves:
                self.values.check(name, columns[name])
        if missing := [name for name in told if name not in values]:
            raise ValueError(f"params: expected a value of {', '.join(missing)}, got none; pass {example}")
        # The solver inside a correction needs what is hidden from networks; it says so where it is not a number.
        return Conditions.from_values(
            geometry or self.metadata.geometry,
            self._lengths(rows, extent),
            {name: values[name] for name in told},
            {name: values.get(name, np.nan) for name in self.metadata.hidden_names},
            rows,
        )

    def _lengths(self, rows: int, extent: Sequence[Any] | None) -> Sequence[Any]:
        """Side lengths, each one number or one for each trajectory."""
        dims = self.metadata.spatial_dims
        if extent is None and self.extent is not None:
            return self.extent
        listed = list(extent) if isinstance(extent, Iterable) and not isinstance(extent, str) else None
        if listed is None or len(listed) != dims:
            why = "; they differed in the training data" if extent is None else ""
            raise ValueError(f"extent: expected a list of {dims} side lengths, got {extent!r}{why}")
        lengths = [read_column(length, f"extent[{axis}]", rows) for axis, length in enumerate(listed)]
        for axis, length in enumerate(lengths):
            require_positive(length, f"extent[{axis}]", self._number_type)
            if not self._solves:
                self.lengths.check(axis, length)
        return lengths


def load_surrogate(path: str | Path, trust: bool = False) -> TrainedSurrogate:
    """A trained surrogate, ready to roll out from arrays.

    Example:
        >>> surrogate = tendency.load_surrogate("outputs/run")
        >>> surrogate.dt, surrogate.history, surrogate.metadata.param_names
        (0.1, 1, ('diffusivity',))
        >>> start = np.zeros((8, 1, 1, 16), dtype="float32")
        >>> surrogate.rollout(start, times=[0.1, 0.2, 0.5], params={"diffusivity": 0.3}).shape
        (8, 3, 1, 16)

    Args:
        path: a checkpoint, the folder of a run, or what ``tendency.export`` wrote; nothing in it is executed.
        trust: build classes outside this project that the checkpoint names.

    Raises:
        ArtefactError: it is missing, damaged, names foreign code, or its weights do not fit its recipe.
        ValueError: an argument that is no path, or neither true nor false.
    """
    path, trust = given_path(path, "path"), given_switch(trust, "trust")
    if (path / RECIPE).is_file():
        recipe, weights = read_export(path)
        return TrainedSurrogate(trained_stepper(recipe, weights, trust), recipe)
    stored = read_checkpoint(path)
    return TrainedSurrogate(stored.stepper(trust), stored.recipe)


def _batched(values: Tensor, history: int, shape: tuple[int, ...], is_own_geometry: bool) -> Tensor:
    """(B, K, C, *N) from an array that may lack the trajectories' axis, and the snapshots' where K is 1."""
    batch = values
    if history == 1 and tuple(values.shape) == shape:
        batch = values[None]
    if batch.ndim == len(shape) + 1:
        batch = batch[None]
    if batch.ndim != len(shape) + 2 or not len(batch) or tuple(batch.shape[1:]) != (history, *shape):
        given, remedy = tuple(values.shape), ""
        if history == 1 and given[1:] == shape:
            remedy = "; u[:, None] adds the axis of snapshots"
        elif is_own_geometry and given[-len(shape) :][:1] == shape[:1] and given[-len(shape) :] != shape:
            remedy = "; for another resolution pass geometry=, such as metadata.geometry.scaled(2)"
        raise ValueError(f"u: expected shape (B, {history}, {', '.join(map(str, shape))}), got {given}{remedy}")
    return batch
