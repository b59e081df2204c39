"""A trained surrogate with what it knows of its problem: from arrays to rollouts, in physical units."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tendency.app.runs.checkpoint_reader import load_weights, read_checkpoint
from tendency.app.runs.recipe import Recipe
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError
from tendency.simulation.conditions import Conditions
from tendency.simulation.geometry import Geometry
from tendency.simulation.tree import Tree, map_tensors
from tendency.surrogates.stepper import SurrogateStepper

WEIGHTS, RECIPE = "weights.safetensors", "recipe.json"
"""What an exported surrogate is made of."""


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
        self.constants = _constants(recipe.pde.get("parameters", {}))
        lengths = _constants(dict(enumerate(recipe.pde.get("extent", []))))
        known = all(axis in lengths for axis in range(metadata.spatial_dims))
        self.extent = [lengths[axis] for axis in range(metadata.spatial_dims)] if known else None

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
        """Moves its weights; arrays are moved there and back by ``rollout``."""
        self.stepper.to(device)
        return self

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """See ``Simulator.start``."""
        return self.stepper.start(u, t, conditions, seed)

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """See ``Simulator.advance``."""
        return self.stepper.advance(u, t, dt, conditions, memory)

    def check_times(self, t: Tensor, times: Tensor, memory: Tree) -> None:
        """See ``ChoosesTimes.check_times``."""
        self.stepper.check_times(t, times, memory)

    def predict(
        self,
        u: Tensor,
        t: Tensor,
        times: Tensor | Sequence[float],
        conditions: Conditions,
        seed: Tensor | None = None,
    ) -> Tensor:
        """See ``SurrogateStepper.predict``."""
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
        seed: int = 0,
    ) -> Any:
        """The states at later times, from arrays, as the kind of array that was given.

        Args:
            u: the ``history`` latest snapshots, oldest first, (B, K, C, *N) or (K, C, *N) of one trajectory; where one
                snapshot is enough also (C, *N). A numpy array, a tensor, or a DataArray with the dimensions channel,
                those of space in order, and trajectory and snapshot where there are such.
            times: T increasing times, for all trajectories.
            t: of the last snapshot; those before it lie at the training data's steps.
            params: values by name, one for all trajectories or B of them. Constants of the problem are known.
            extent: side lengths of the domain; those of the training data where they were constant.
            geometry: of the points, where they are not those of the training data.
            seed: of the first trajectory, for predictions that draw noise; the others follow.

        Returns:
            (B, T, C, *N), or (T, C, *N) for one trajectory, of the kind of u, in its number type or the weights',
            whichever is wider.

        Raises:
            ValueError: a shape, a name or a time that does not fit; the message says what was expected.
        """
        values, wrap = _unwrapped(u, self.metadata)
        shape = (self.metadata.num_channels, *(geometry or self.metadata.geometry).shape)
        batch = _batched(values, self.history, shape)
        rows = len(batch)
        conditions = self._conditions(rows, params or {}, extent, geometry)
        if self.dt is None and self.history > 1:
            raise ValueError(
                "t: the training data's steps differ; use predict, which is told the time of each snapshot"
            )
        past = torch.arange(1 - self.history, 1, dtype=torch.float64) * (self.dt or 0.0)
        at = (float(t) + past).expand(rows, -1)
        asked = torch.as_tensor(np.asarray(times), dtype=torch.float64)
        seeds = torch.arange(seed, seed + rows)
        place = self.device
        moved = map_tensors(lambda x: x.to(place), (batch, at, asked, conditions, seeds))
        states = self.predict(*moved).cpu()
        return wrap(states[0] if values.ndim < batch.ndim else states, asked)

    def _conditions(
        self,
        rows: int,
        params: Mapping[str, Any],
        extent: Sequence[float] | None,
        geometry: Geometry | None,
    ) -> Conditions:
        known = {*self.metadata.param_names, *self.metadata.hidden_names}
        if unknown := set(params) - known:
            raise ValueError(f"params: expected {sorted(known)}, got {sorted(unknown)}")
        values = self.constants | dict(params)
        if missing := [name for name in self.metadata.param_names if name not in values]:
            raise ValueError(f"params: the network is told {list(self.metadata.param_names)}, got no {missing}")
        lengths = self.extent if extent is None else list(extent)
        if lengths is None or len(lengths) != self.metadata.spatial_dims:
            raise ValueError(f"extent: expected {self.metadata.spatial_dims} side lengths, got {lengths}")
        # The solver inside a correction needs what is hidden from networks; it says so where it is not a number.
        return Conditions.from_values(
            geometry or self.metadata.geometry,
            lengths,
            {name: values[name] for name in self.metadata.param_names},
            {name: values.get(name, np.nan) for name in self.metadata.hidden_names},
            rows,
        )


def load_surrogate(path: str | Path, trust: bool = False) -> TrainedSurrogate:
    """A trained surrogate, ready to roll out from arrays: ``load_surrogate("outputs/run").rollout(u, times)``.

    Args:
        path: a checkpoint, the folder of a run, or what ``tendency.export`` wrote; nothing in it is executed.
        trust: build classes outside this project that the checkpoint names.

    Raises:
        ArtefactError: it is missing, damaged, names foreign code, or its weights do not fit its recipe.
    """
    path = Path(path)
    if (path / RECIPE).is_file():
        try:
            recipe = Recipe.from_dict(json.loads((path / RECIPE).read_text(encoding="utf-8")), str(path / RECIPE))
            weights = load_file(path / WEIGHTS)
        except (OSError, ValueError, SafetensorError) as error:
            raise ArtefactError(f"{path}: expected {RECIPE} and {WEIGHTS} as export writes them ({error})") from None
        return TrainedSurrogate(load_weights(recipe.untrained(trust), weights, str(path)), recipe)
    stored = read_checkpoint(path)
    return TrainedSurrogate(stored.stepper(trust), stored.recipe)


def _constants(nodes: Mapping[Any, Any]) -> dict[Any, float]:
    """The values of those parameters that are the same for every trajectory."""
    return {name: float(node["value"]) for name, node in nodes.items() if "value" in node}


def _batched(values: Tensor, history: int, shape: tuple[int, ...]) -> Tensor:
    """(B, K, C, *N) from an array that may lack the trajectories' axis, and the snapshots' where K is 1."""
    batch = values
    if history == 1 and tuple(values.shape) == shape:
        batch = values[None]
    if batch.ndim == len(shape) + 1:
        batch = batch[None]
    if tuple(batch.shape[1:]) != (history, *shape):
        raise ValueError(f"u: expected shape (B, {history}, {', '.join(map(str, shape))}), got {tuple(values.shape)}")
    return batch


def _unwrapped(u: Any, metadata: TrajectoryMetadata) -> tuple[Tensor, Any]:
    """The values of an array, and what makes an array of the same kind of a result."""
    if isinstance(u, Tensor):
        return u, lambda states, times: states.to(u.device)
    if hasattr(u, "dims"):
        return _from_xarray(u, metadata)
    values = torch.as_tensor(np.asarray(u))
    if not values.is_floating_point():
        values = values.double()
    return values, lambda states, times: states.numpy()


def _from_xarray(u: Any, metadata: TrajectoryMetadata) -> tuple[Tensor, Any]:
    import xarray as xr

    leading = [name for name in ("trajectory", "snapshot") if name in u.dims]
    space = [str(name) for name in u.dims if name not in (*leading, "channel")]
    if "channel" not in u.dims or len(space) != len(metadata.geometry.shape):
        raise ValueError(
            f"u: expected the dimensions channel and {len(metadata.geometry.shape)} of space, "
            f"beside trajectory and snapshot, got {list(u.dims)}"
        )
    ordered = u.transpose(*leading, "channel", *space)
    kept = {name: u.coords[name] for name in ("trajectory", "channel", *space) if name in u.coords}

    def wrap(states: Tensor, times: Tensor) -> Any:
        dims = [*(["trajectory"] if states.ndim == len(space) + 3 else []), "snapshot", "channel", *space]
        coords = {name: values for name, values in kept.items() if name in dims}
        return xr.DataArray(states.numpy(), dims=dims, coords=coords | {"time": ("snapshot", times.numpy())})

    return torch.from_numpy(np.ascontiguousarray(ordered.values)), wrap
