"""What a checkpoint must hold, beside its recipe, before a training goes on from it.

Lightning and torch take what a file says as it is. So all that is handed to them has been let pass here: each entry has
the kind that this program writes, and the value that the configuration and the position make of it where they do.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

from annotated_types import Gt, Lt
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from tendency.simulation.annotations import NonNegativeInt
from tendency.trainers.optimisation_schema import OPTIMIZER, SCHEDULE, OptimisationSchema
from tendency.trainers.run_position import RunPosition
from tendency.trainers.schedules import Schedule
from tendency.trainers.stored_state import (
    TRAINED,
    ResumedRun,
    StoresState,
    UnfitStateError,
    require_kind,
    require_weights,
    shown,
)

PREFIX = "stepper."
"""Of the names of weights: the stepper is the part of the module that has a state."""

SCALE = {"scale": Annotated[float, Gt(0), Lt(math.inf)], "_growth_tracker": NonNegativeInt}
"""What changes during a run of the state of a scaled loss."""

WITHHELD = ("loops", "native_amp_scaling_state")
"""What Lightning would read of a checkpoint, and no version of this program needs."""

WRITTEN = {
    *("state_dict", TRAINED, "weight_average", "callbacks", OPTIMIZER, SCHEDULE, "recipe", "position"),
    *("epoch", "global_step", "pytorch-lightning_version"),
}
"""The entries of a checkpoint, beside that of mixed precision; callbacks of others may add theirs."""

LARGEST_WEIGHT = 1e12
"""Larger ones have no product in float32 that a training could go on from."""


class TrainingSchema:
    """What the checkpoints of one training hold, by its configuration.

    Args:
        stepper: as it is before the first step.
        make_optimizer: from the parameters.
        schedule: of the learning rate.
        total: optimizer steps of the run.
        callbacks: of the run.
        precision: what the plugin of mixed precision stores at its start, by the name of its entry; empty where none.
        ours: whether every weight is known to take every step, as in networks of this project.
        validates: whether a validation follows a position.
    """

    def __init__(
        self,
        stepper: nn.Module,
        make_optimizer: Callable[[Iterator[Parameter]], Optimizer],
        schedule: Schedule,
        total: int,
        callbacks: Iterable[Any],
        precision: Mapping[str, Mapping[str, Any]],
        ours: bool,
        validates: Callable[[RunPosition], bool],
    ) -> None:
        self.stepper, self.callbacks, self.precision = stepper, list(callbacks), precision
        self.validates = validates
        # A scaled loss leaves steps out.
        self.optimisation = OptimisationSchema(stepper, make_optimizer, schedule, total, ours and not precision)

    def admit(
        self, checkpoint: Mapping[str, Any], position: RunPosition, is_own: bool, from_start: bool
    ) -> dict[str, Any]:
        """A checkpoint as Lightning may be given it.

        Args:
            checkpoint: plain data and tensors.
            position: where it stands in this run.
            is_own: whether this run wrote it.
            from_start: whether this run did, and began at its first step.

        Returns:
            Its content, with the configuration's settings of optimizer and schedule.

        Raises:
            UnfitStateError: an entry is not what this program writes, or not of a run of this configuration.
        """
        _require_counts(checkpoint, position)
        if is_own:
            self._require_written(checkpoint)
        weights = {f"{PREFIX}{name}": value.detach() for name, value in self.stepper.named_parameters()}
        self._require_state(checkpoint, weights)
        trained = checkpoint.get(TRAINED) or checkpoint["state_dict"]
        run = ResumedRun(position, weights, trained, is_own, from_start, self.validates(position))
        require_kind(checkpoint.get("callbacks"), dict[str, Any], "callbacks")
        for callback in self.callbacks:
            if isinstance(callback, StoresState):
                callback.require_stored(checkpoint, run)
            elif is_own and callback.state_dict():
                # Of another project: what is in it, only that knows.
                key = callback.state_key
                require_kind(checkpoint["callbacks"].get(key), dict[str, Any], f"callbacks.{key}")
        self._require_precision(checkpoint, is_own)
        kept = {name: value for name, value in checkpoint.items() if name not in WITHHELD}
        return {**kept, **self.optimisation.admit(checkpoint, run)}

    def _require_written(self, checkpoint: Mapping[str, Any]) -> None:
        """Refuses entries that a run of this configuration does not write."""
        ours = all(type(callback).__module__.startswith("tendency.") for callback in self.callbacks)
        further = [name for name in checkpoint if name not in WRITTEN | self.precision.keys()]
        if ours and further:
            raise UnfitStateError(f"{shown(further[0])}: expected no entry of this name, which this run never writes")

    def _require_state(self, checkpoint: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Weights and units; where an average takes the weights' place, those that are trained as well."""
        state = {f"{PREFIX}{name}": value for name, value in self.stepper.state_dict().items()}
        units = {name for name in state if name.startswith(f"{PREFIX}normalizer.")}
        learned = {name: value for name, value in state.items() if name in weights or name in units}
        found = require_kind(checkpoint.get("state_dict"), dict[str, Any], "state_dict")
        # What else a network keeps need not be finite, nor a tensor.
        rest = state.keys() - learned.keys()
        for name in rest:
            there = shown(found[name]) if name in found else "nothing"
            if isinstance(state[name], Tensor) and there != shown(state[name]):
                raise UnfitStateError(f"state_dict.{name}: expected {shown(state[name])}, got {there}")
        require_weights({name: value for name, value in found.items() if name not in rest}, learned, "state_dict")
        if TRAINED in checkpoint:
            require_weights(checkpoint[TRAINED], weights, TRAINED)
        for key in (key for key in ("state_dict", TRAINED) if key in checkpoint):
            for name in weights:
                largest = float(checkpoint[key][name].abs().max()) if checkpoint[key][name].numel() else 0.0
                if largest > LARGEST_WEIGHT:
                    raise UnfitStateError(f"{key}.{name}: expected weights below {LARGEST_WEIGHT:g}, got {largest:g}")

    def _require_precision(self, checkpoint: Mapping[str, Any], is_own: bool) -> None:
        """The scale of the loss, where there is one."""
        for key, state in self.precision.items():
            if key not in checkpoint and not is_own:
                continue
            found = require_kind(checkpoint.get(key), dict[str, Any], key)
            for name, value in state.items():
                require_kind(found.get(name), SCALE.get(name, type(value)), f"{key}.{name}")
                if name not in SCALE and found[name] != value:
                    raise UnfitStateError(f"{key}.{name}: expected {value!r}, got {found[name]!r}")


def _require_counts(checkpoint: Mapping[str, Any], position: RunPosition) -> None:
    """Where the run stood, in each entry that says so, and what wrote it."""
    require_kind(checkpoint.get("position"), dict[str, NonNegativeInt], "position")
    if checkpoint["position"] != position.stored():
        raise UnfitStateError(f"position: expected {position.stored()}, got {shown(checkpoint['position'])}")
    # Lightning counts the next epoch from the end of one on: at its last validation, or when a run goes on from there.
    epochs = sorted({position.epoch, position.batches // position.batches_per_epoch})
    for key, counts in (("global_step", [position.steps]), ("epoch", epochs)):
        require_kind(checkpoint.get(key), int, key)
        if checkpoint[key] not in counts:
            raise UnfitStateError(f"{key}: expected {counts[0]} by its position, got {checkpoint[key]}")
    version = checkpoint.get("pytorch-lightning_version")
    if not isinstance(version, str) or re.fullmatch(r"2\.\d{1,4}\.\d{1,4}[\w.+]*", version) is None:
        raise UnfitStateError(f"pytorch-lightning_version: expected a version of Lightning 2, got {shown(version)}")
