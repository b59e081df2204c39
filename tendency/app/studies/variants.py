"""A question about surrogates that training answers: variants, seeds, and the ratios of their errors."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from annotated_types import Len

from tendency.evaluation.metrics.standard_metrics import standard_metrics
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.simulation.annotations import PositiveFloat

FIGURES = {
    figure.key: figure.title
    for figure in StatedFigures.of_metrics(standard_metrics(), {}).summary
    if figure.leaderboard and figure.by_ratio
}
"""Errors of every report's summary that can be compared by their ratio, and what tables call them."""


class Variant:
    """One side of a comparison.

    Args:
        train: overrides of ``train.py``, after those that all variants share; variants that are trained alike share
            their networks.
        judge: further overrides that make the data it is judged on, where these are not those of its training: another
            resolution, other parameters.
        method: of the network's report that stands for it, such as ``persistence``; None for the network.
    """

    def __init__(self, train: Sequence[str] = (), judge: Sequence[str] = (), method: str | None = None) -> None:
        self.train, self.judge, self.method = tuple(train), tuple(judge), method


class Ratio:
    """A claim: the error of one variant over that of another, seed by seed.

    Args:
        of: name of the variant above the line.
        to: name of the variant below it.
        figure: of ``FIGURES``.
        at_least: the claim is that it is not smaller.
        at_most: the claim is that it is not larger.

    Raises:
        ValueError: a figure that is not compared, or not exactly one bound.
    """

    def __init__(
        self,
        of: str,
        to: str,
        figure: str = "one_step_nrmse",
        at_least: PositiveFloat | None = None,
        at_most: PositiveFloat | None = None,
    ) -> None:
        if figure not in FIGURES:
            raise ValueError(f"figure: expected one of {list(FIGURES)}, got {figure!r}")
        if (at_least is None) == (at_most is None):
            raise ValueError(f"expected one of at_least and at_most, got {at_least} and {at_most}")
        self.of, self.to, self.figure, self.at_least, self.at_most = of, to, figure, at_least, at_most

    def holds(self, ratio: float) -> bool:
        """Whether a ratio is what the claim says."""
        return ratio >= self.at_least if self.at_least is not None else ratio <= (self.at_most or 0.0)

    @property
    def claim(self) -> str:
        """``at least 2``."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"


class Comparison:
    """Variants of a training, and what their errors are claimed to be to one another.

    Args:
        title: of its page.
        question: that it answers, in a sentence or two.
        train: overrides of ``train.py`` that all variants share.
        variants: by name.
        ratios: the claims.

    Raises:
        ValueError: a ratio of variants that are not there.
    """

    def __init__(
        self,
        title: str,
        question: str,
        train: Annotated[Sequence[str], Len(1)],
        variants: Mapping[str, Variant],
        ratios: Sequence[Ratio],
    ) -> None:
        self.title, self.question, self.train = title, question, tuple(train)
        self.variants, self.ratios = dict(variants), list(ratios)
        for number, ratio in enumerate(self.ratios):
            for key, name in (("of", ratio.of), ("to", ratio.to)):
                if name not in self.variants:
                    raise ValueError(f"ratios[{number}].{key}: expected one of {list(self.variants)}, got {name!r}")
