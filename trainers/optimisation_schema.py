"""What a checkpoint must hold of optimizer and schedule before a training goes on from it.

Torch takes both as a file has them: an average of another shape is written past the end of its memory, and rates and
decays of the file replace those of the configuration.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Len
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tendency.simulation.annotations import FiniteFloat, NonNegativeFloat
from tendency.trainers.schedules import Schedule
from tendency.trainers.stored_state import ResumedRun, UnfitStateError, overlapping, require_kind, require_like, shown

SQUARES = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta", "sum"}
"""What torch's optimizers take the square root of."""

MEAN, SQUARE = "exp_avg", "exp_avg_sq"
ADAMS = (torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam)
"""The optimizers of torch that keep these two of each weight's gradients."""

SMALLEST_MEAN = 1e-15
"""Gradients below this have squares that float32 rounds to zero."""

OPTIMIZER, SCHEDULE = "optimizer_states", "lr_schedulers"
ONE_STATE = Annotated[list[dict[str, Any]], Len(1, 1)]
STEP = "step"


class OptimisationSchema:
    """The states of optimizer and schedule in the checkpoints of one training, by its configuration.

    Args:
        stepper: as it is before the first step.
        make_optimizer: from the parameters.
        schedule: of the learning rate.
        total: optimizer steps of the run.
        steps_each: whether every weight takes every step, which networks of others and a scaled loss do not promise.
    """

    def __init__(
        self,
        stepper: nn.Module,
        make_optimizer: Callable[[Iterator[Parameter]], Optimizer],
        schedule: Schedule,
        total: int,
        steps_each: bool,
    ) -> None:
        self.stepper, self.make_optimizer = stepper, make_optimizer
        self.schedule, self.total, self.steps_each = schedule, total, steps_each

    def admit(self, checkpoint: Mapping[str, Any], run: ResumedRun) -> dict[str, Any]:
        """Both states as torch may be given them: what the optimizer remembers, with the configuration's settings.

        Args:
            checkpoint: plain data and tensors, whose weights are those of the run.
            run: that goes on from it.

        Raises:
            UnfitStateError: an entry is not what torch writes, or not of a run of this configuration.
        """
        optimizer, scheduler, is_adam = self._expected()
        for key in (OPTIMIZER, SCHEDULE):
            require_kind(checkpoint.get(key), ONE_STATE, key)
        there = checkpoint[OPTIMIZER][0]
        groups = self._groups(there.get("param_groups"), optimizer["param_groups"], run)
        require_kind(there.get("state"), dict[int, dict[str, Any]], f"{OPTIMIZER}.0.state")
        self._require_slots(there["state"], optimizer["state"], run)
        _require_apart(there["state"], run)
        if is_adam:
            _require_moments(there["state"], groups)
        rates = [base * self.schedule(run.position.steps, self.total) for base in scheduler["base_lrs"]]
        return {
            OPTIMIZER: [{"state": there["state"], "param_groups": groups}],
            SCHEDULE: [_schedule(checkpoint[SCHEDULE][0], scheduler, run, rates)],
        }

    def _expected(self) -> tuple[dict[str, Any], dict[str, Any], bool]:
        """The states of optimizer and schedule after one step without gradients, of weights that are no network's.

        With them, whether the optimizer is one of ``ADAMS``.
        """
        weights = [Parameter(torch.zeros_like(p), p.requires_grad) for p in self.stepper.parameters()]
        optimizer = self.make_optimizer(iter(weights))
        scheduler = LambdaLR(optimizer, lambda step: self.schedule(step, self.total))
        for weight in weights:
            weight.grad = torch.zeros_like(weight) if weight.requires_grad else None
        optimizer.step(lambda: 0.0)
        return optimizer.state_dict(), scheduler.state_dict(), type(optimizer) in ADAMS

    def _groups(self, found: Any, expected: list[dict[str, Any]], run: ResumedRun) -> list[dict[str, Any]]:
        """The settings of the configuration, with the present rates of a file."""
        key = f"{OPTIMIZER}.0.param_groups"
        require_kind(found, Annotated[list[dict[str, Any]], Len(len(expected), len(expected))], key)
        groups = []
        for number, (there, here) in enumerate(zip(found, expected, strict=True)):
            at = f"{key}.{number}"
            require_kind(there.get("lr"), NonNegativeFloat, f"{at}.lr")
            # Another version of torch may have settings that this one lacks, and the other way around.
            for name in (name for name in here if name != "lr" and name in there):
                _require_same(there[name], here[name], f"{at}.{name}")
            rate = here["initial_lr"] * self.schedule(run.position.steps, self.total)
            if run.from_start and not math.isclose(there["lr"], rate, rel_tol=1e-9, abs_tol=1e-300):
                raise UnfitStateError(f"{at}.lr: expected {rate!r} by configuration and position, got {there['lr']!r}")
            groups.append({**here, "lr": there["lr"]})
        return groups

    def _require_slots(
        self, found: Mapping[int, Mapping[str, Any]], expected: Mapping[int, Mapping[str, Any]], run: ResumedRun
    ) -> None:
        """What the optimizer remembers of each weight."""
        key, steps = f"{OPTIMIZER}.0.state", run.position.steps
        if further := sorted(found.keys() - set(range(len(run.weights)))):
            raise UnfitStateError(f"{key}: expected {len(run.weights)} weights, got one numbered {further[0]}")
        for number, (name, initial) in enumerate(run.weights.items()):
            at, slots = f"{key}.{number}", expected.get(number, {})
            if number not in found:
                # A weight that the network does not use has no gradient, and stays as it was.
                if slots and steps and not torch.equal(run.trained[name], initial.cpu()):
                    raise UnfitStateError(f"{at}: expected what the optimizer remembers of {name}, got nothing")
                continue
            if missing := [slot for slot in slots if slot not in found[number]]:
                raise UnfitStateError(f"{at}.{missing[0]}: expected {shown(slots[missing[0]])}, got nothing")
            for slot, value in found[number].items():
                _require_slot(value, slots.get(slot, value), f"{at}.{slot}")
                if slot in SQUARES and isinstance(value, Tensor) and bool((_parts(value) < 0).any()):
                    least = float(_parts(value).min())
                    raise UnfitStateError(f"{at}.{slot}: expected no negative numbers, got {least:g}")
            if STEP in slots:
                taken, exactly = float(found[number][STEP]), "" if self.steps_each else "at most "
                if taken != steps if self.steps_each else not (taken.is_integer() and 0 <= taken <= steps):
                    raise UnfitStateError(f"{at}.{STEP}: expected {exactly}{steps} by its position, got {taken:g}")


def _require_slot(value: Any, expected: Any, key: str) -> None:
    """Refuses what is not of the kind that the optimizer remembers."""
    if isinstance(expected, Tensor):
        require_like(value, expected, key)
    elif type(value) is not type(expected) or (isinstance(value, float) and not math.isfinite(value)):
        raise UnfitStateError(f"{key}: expected a value like {shown(expected)}, got {shown(value)}")


def _parts(value: Tensor) -> Tensor:
    """Real numbers: of complex ones the two parts, whose squares torch keeps one by one."""
    return torch.view_as_real(value.resolve_conj()) if value.is_complex() else value


def _require_apart(found: Mapping[int, Mapping[str, Any]], run: ResumedRun) -> None:
    """Refuses tensors that lie in one memory: the optimizer writes all of them in place."""
    weights = {name: run.trained[name] for name in run.weights}
    slots = {
        f"{OPTIMIZER}.0.state.{number}.{slot}": value
        for number, state in found.items()
        for slot, value in state.items()
        if isinstance(value, Tensor)
    }
    # Weights may be parts of each other in networks of others.
    shared = overlapping(slots if overlapping(run.weights) else {**weights, **slots})
    if shared is not None:
        raise UnfitStateError(f"{shared[1]}: expected numbers of its own, got those of {shared[0]} in the same memory")


def _require_moments(found: Mapping[int, Mapping[str, Any]], groups: list[dict[str, Any]]) -> None:
    """Refuses moments that no gradients have, by |m| ≤ √v (1 - β₁) / √((1 - β₂) (1 - β₁²/β₂)).

    m = (1 - β₁) Σ β₁ᵏ gₖ and v = (1 - β₂) Σ β₂ᵏ gₖ² over the past gradients gₖ: the inequality of Cauchy and Schwarz.
    It holds for β₁² < β₂.
    """
    for group in groups:
        first, second = group["betas"]
        if first**2 >= second:
            continue
        largest = (1 - first) / math.sqrt((1 - second) * (1 - first**2 / second))
        for number in (number for number in group["params"] if number in found):
            # Sums of half precision stand still where they should grow.
            if found[number][MEAN].dtype.itemsize < torch.float32.itemsize:
                continue
            mean, square = (_parts(found[number][slot]).double() for slot in (MEAN, SQUARE))
            # Rounding errors add up to much less than a factor of 2.
            beyond = mean.abs() > 2 * largest * square.sqrt() + SMALLEST_MEAN
            if bool(beyond.any()):
                there, beside = (float(values[beyond].flatten()[0]) for values in (mean, square))
                limit = largest * math.sqrt(beside)
                raise UnfitStateError(
                    f"{OPTIMIZER}.0.state.{number}.{MEAN}: expected at most {limit:.3g} beside {SQUARE} {beside:.3g}, "
                    f"as means of the same gradients are, got {there:.3g}"
                )


def _schedule(
    found: Mapping[str, Any], expected: Mapping[str, Any], run: ResumedRun, rates: list[float]
) -> dict[str, Any]:
    """The state of a schedule: all of it follows from configuration and position, but for the last rates of others."""
    key, steps, last = f"{SCHEDULE}.0", run.position.steps, "_last_lr"
    made = {**expected, "last_epoch": steps, "_step_count": steps + 1}
    for name in expected:
        if name not in found:
            raise UnfitStateError(f"{key}.{name}: expected {shown(made[name])}, got nothing")
        if name != last:
            _require_same(found[name], made[name], f"{key}.{name}")
    require_kind(found[last], Annotated[list[FiniteFloat], Len(len(rates), len(rates))], f"{key}.{last}")
    close = all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-300) for a, b in zip(found[last], rates, strict=True))
    if run.from_start and not close:
        raise UnfitStateError(f"{key}.{last}: expected {rates} by configuration and position, got {found[last]}")
    return {**made, last: found[last]}


def _require_same(there: Any, here: Any, key: str) -> None:
    """Refuses a setting of a file that is not the configuration's."""
    both = isinstance(here, Tensor), isinstance(there, Tensor)
    if not (torch.equal(there, here) if all(both) else not any(both) and repr(there) == repr(here)):
        raise UnfitStateError(f"{key}: expected {shown(here)} by the configuration, got {shown(there)}")
