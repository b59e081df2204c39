"""How large a comparison is: which part of it is trained, with how many seeds, and how long."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from annotated_types import Len

from tendency.simulation.annotations import NonNegativeInt


class Scale:
    """A part of a comparison, and the settings that every training of it gets on top of its own.

    Args:
        name: name of the option.
        seeds: seeds of the trainings.
        problems: names of the comparison's problems; None for all.
        models: names of its models; None for all.
        variants: names of its variants; None for all.
        train: overrides of ``train.py`` under ``all``, under the names of problems, models and variants, and under
            ``problem/variant``.
    """

    def __init__(
        self,
        name: str,
        seeds: Annotated[Sequence[NonNegativeInt], Len(1)],
        problems: Sequence[str] | None = None,
        models: Sequence[str] | None = None,
        variants: Sequence[str] | None = None,
        train: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name, self.seeds, self.problems, self.models, self.variants = name, seeds, problems, models, variants
        self.train = {key: tuple(overrides) for key, overrides in (train or {}).items()}

    def overrides(self, problem: str, model: str, variant: str) -> list[str]:
        """What it changes in the trainings of one variant, the general before the particular."""
        keys = ("all", problem, model, variant, f"{problem}/{variant}")
        return [override for key in keys for override in self.train.get(key, ())]
