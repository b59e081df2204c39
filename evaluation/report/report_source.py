"""What a report tells of beside its results: the problem, the data, and how the surrogates were trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingHistory:
    """What was logged in one training.

    Args:
        loss: training losses, each with the step of the optimiser at which it was taken.
        validations: errors on the validation trajectories likewise, by what they are called.
    """

    loss: Sequence[tuple[int, float]]
    validations: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trainings:
    """How the surrogates of a report were trained.

    Args:
        networks: names of the networks, each once.
        effort: how long and on how much all were trained, to be read after "trained"; empty where they differ.
        facts: {run: {what: text}}.
        histories: of the runs that have one, by name.
    """

    networks: Sequence[str] = ()
    effort: str = ""
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    histories: Mapping[str, TrainingHistory] = field(default_factory=dict)

    @property
    def shared(self) -> dict[str, str]:
        """The facts that are the same for all runs."""
        first, *others = self.facts.values() or [{}]
        return {what: text for what, text in first.items() if all(one.get(what) == text for one in others)}

    @property
    def differing(self) -> list[str]:
        """What is not the same for all runs."""
        known = dict.fromkeys(what for one in self.facts.values() for what in one)
        return [what for what in known if what not in self.shared]


@dataclass(frozen=True)
class ReportSource:
    """What a report is made of beside its results.

    Args:
        title: title of the page.
        configuration: configuration of the run, or {run: configuration}, plain data.
        certificate: certificate of the dataset, plain data.
        provenance: provenance of the dataset, plain data.
        problem: the problem in words, as in "trained on 2D Navier-Stokes".
        formula: its equation in LaTeX, as ``mathml`` reads it; may be empty.
        data: {what: text} of the dataset.
        trainings: how the surrogates were trained.
        has_solver: whether a solver of the problem is known, which surrogates can be measured beside.
    """

    title: str
    configuration: Mapping[str, Any]
    certificate: Mapping[str, Any]
    provenance: Mapping[str, Any]
    problem: str = ""
    formula: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    trainings: Trainings = field(default_factory=Trainings)
    has_solver: bool = True
