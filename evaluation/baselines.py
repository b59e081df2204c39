"""What a model must beat before it is worth anything."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from evaluation.metrics.metric import Subject
from simulation.conditions import Conditions
from simulation.simulator import Simulator
from simulation.tree import Tree, per_sample

TrainingPairs = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Neighbouring snapshots u(t) and u(t + dt) of the training split, both (B, C, *N), as often as they are asked for."""


class Baseline(ABC):
    """A method that stands in every report beside the surrogates, and starts from the same snapshot.

    ``title`` is what the report calls it.
    """

    title: str

    def reason_against(self, subject: Subject) -> str | None:
        """Why it cannot be rolled out here; None where it can."""
        return None

    @abstractmethod
    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The method itself.

        Args:
            subject: what is judged.
            training: for those that are fitted.

        Raises:
            ValueError: it cannot be made, with the reason.
        """


class Persistence(Baseline):
    """Nothing changes: the state stays what it was at the start. A Simulator without parameters."""

    title = "persistence"
    history = 1

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """Itself."""
        return self

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """Nothing to remember."""
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The same state u (B, C, *N), a time dt (B,) later."""
        return u, memory


class LinearExtrapolation(Baseline):
    """Everything goes on as it did over the last known step: u(t + dt) = u(t) + dt (u₀ − u₋₁) / (t₀ − t₋₁).

    A Simulator without parameters. The slope stays that of the two snapshots of the start.
    """

    title = "linear extrapolation"
    history = 2

    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """Itself."""
        return self

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """The slope (B, C, *N) between the two snapshots u (B, 2, C, *N) at t (B, 2)."""
        change = u[:, 1] - u[:, 0]
        return {"slope": change / per_sample(t[:, 1] - t[:, 0], change)}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """The state u (B, C, *N) and what the slope adds to it in dt (B,)."""
        return u + per_sample(dt, u) * memory["slope"], memory


def made(
    wanted: Mapping[str, Baseline], subject: Subject, training: TrainingPairs
) -> tuple[dict[str, Simulator], dict[str, str]]:
    """The baselines that can be rolled out, and why the others cannot, by their titles.

    Args:
        wanted: by any name.
        subject: what is judged.
        training: for those that are fitted.
    """
    simulators: dict[str, Simulator] = {}
    reasons: dict[str, str] = {}
    for baseline in wanted.values():
        reason = baseline.reason_against(subject)
        if reason is None:
            try:
                with torch.no_grad():
                    simulators[baseline.title] = baseline.simulator(subject, training)
            except ValueError as error:
                reason = str(error).splitlines()[0]
        if reason is not None:
            reasons[baseline.title] = reason
    return simulators, reasons
