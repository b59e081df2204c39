"""Baselines: simple methods that a trained surrogate has to beat."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from tendency.evaluation.metrics.context import Subject
from tendency.simulation.simulator import Simulator

TrainingPairs = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Neighbouring snapshots u(t) and u(t + dt) of the training split, both (B, C, *N), as often as they are asked for."""


class Baseline(ABC):
    """A method that stands in every report beside the surrogates.

    It starts from the same snapshot, or later where it needs more snapshots than the surrogates do.

    ``title`` is its name in the report.
    """

    title: str

    def reason_against(self, subject: Subject) -> str | None:
        """Why it cannot be rolled out here; None where it can."""
        return None

    @abstractmethod
    def simulator(self, subject: Subject, training: TrainingPairs) -> Simulator:
        """The method as a simulator.

        Args:
            subject: subject of the report.
            training: pairs of neighbouring snapshots, for baselines that are fitted.

        Raises:
            ValueError: it cannot be rolled out here, with the reason.
        """


def build_baselines(
    wanted: Mapping[str, Baseline], subject: Subject, training: TrainingPairs
) -> tuple[dict[str, Simulator], dict[str, str]]:
    """The baselines that can be rolled out, and why the others cannot, by their titles.

    Args:
        wanted: baselines by any name.
        subject: subject of the report.
        training: pairs of neighbouring snapshots, for baselines that are fitted.
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
