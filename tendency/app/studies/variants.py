"""A question about surrogates that training answers: problems, networks, variants, and the ratios of their errors."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from annotated_types import Len

from tendency.evaluation.metrics.standard_metrics import standard_metrics
from tendency.evaluation.metrics.stated_figures import StatedFigures
from tendency.simulation.annotations import PositiveFloat, PositiveInt

FIGURES = {
    figure.key: figure.title
    for figure in StatedFigures.of_metrics(standard_metrics(), {}).summary
    if figure.leaderboard and figure.by_ratio
}
"""Errors of every report's summary that can be compared by their ratio, and what tables call them."""

NOT_NAMED = "-"
"""The one problem or model of a comparison that names none."""


class ComparedOption:
    """A problem, or a network, that every variant of a comparison is trained with.

    Args:
        title: name in headings.
        train: overrides of ``train.py`` that choose it, after those that all trainings share.
    """

    def __init__(self, title: str, train: Sequence[str] = ()) -> None:
        self.title, self.train = title, tuple(train)


class Variant:
    """One side of a comparison, a row of its tables.

    Args:
        train: overrides of ``train.py``, after those of the problem and the model; variants that are trained alike
            share their networks.
        judge: further overrides that make the data it is judged on, where these are not those of its training: another
            resolution, other parameters.
        method: method of the network's report that stands for it, such as ``persistence``; None for the network.
        title: name in tables; the variant's own where it is left out.
        network: name of the variant whose networks it shares, so that it has no overrides of its own.
        integrator: option of ``prediction/integrator`` that steps its derivative; None for that of its training.
        widening: factor on ``model.width``; twice the width is about four times the parameters.

    Raises:
        ValueError: arguments that exclude one another.
    """

    def __init__(
        self,
        train: Sequence[str] = (),
        judge: Sequence[str] = (),
        method: str | None = None,
        title: str | None = None,
        network: str | None = None,
        integrator: str | None = None,
        widening: PositiveInt = 1,
    ) -> None:
        if network is not None and (train or widening > 1):
            raise ValueError(f"network: a variant that shares the networks of {network!r} has no train and no widening")
        if integrator is not None and judge:
            raise ValueError("integrator: a variant is judged with another integrator or on other data, not both")
        self.train, self.judge, self.method = tuple(train), tuple(judge), method
        self.title, self.network, self.integrator, self.widening = title, network, integrator, widening


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

    @property
    def bound(self) -> float:
        """The ratio from which on, or up to which, the claim holds."""
        return float(self.at_least if self.at_least is not None else self.at_most or 0.0)

    def holds(self, ratio: float) -> bool:
        """Whether a ratio is what the claim says."""
        return ratio >= self.bound if self.at_least is not None else ratio <= self.bound

    @property
    def claim(self) -> str:
        """``at least 2``."""
        return f"at {'least' if self.at_least is not None else 'most'} {self.bound:g}"


class Comparison:
    """Problems x networks x variants of a training, and what their errors are claimed to be to one another.

    Args:
        title: title of its page.
        question: question that it answers, in a sentence or two.
        train: overrides of ``train.py`` that all trainings share; ``{problem}`` and ``{model}`` in them stand for the
            names of these.
        variants: variants by name.
        ratios: claims; each is measured on every problem with every model.
        problems: problems by name; the one that ``train`` chooses where they are left out.
        models: networks by name; those that ``train`` and the variants choose where they are left out.

    Raises:
        ValueError: a ratio of variants that are not there, or a network of such a one.
    """

    def __init__(
        self,
        title: str,
        question: str,
        train: Annotated[Sequence[str], Len(1)],
        variants: Mapping[str, Variant],
        ratios: Sequence[Ratio] = (),
        problems: Mapping[str, ComparedOption] | None = None,
        models: Mapping[str, ComparedOption] | None = None,
    ) -> None:
        self.title, self.question, self.train = title, question, tuple(train)
        self.variants, self.ratios = dict(variants), list(ratios)
        self.problems = dict(problems or {NOT_NAMED: ComparedOption("")})
        self.models = dict(models or {NOT_NAMED: ComparedOption("")})
        for number, ratio in enumerate(self.ratios):
            for key, name in (("of", ratio.of), ("to", ratio.to)):
                if name not in self.variants:
                    raise ValueError(f"ratios[{number}].{key}: expected one of {list(self.variants)}, got {name!r}")
        own = [name for name, variant in self.variants.items() if variant.network is None]
        for name, variant in self.variants.items():
            if variant.network is not None and variant.network not in own:
                raise ValueError(f"variants.{name}.network: expected one of {own}, got {variant.network!r}")

    def network_of(self, name: str) -> str:
        """The variant whose networks a variant is judged on: itself, or the one that it names."""
        return self.variants[name].network or name

    def title_of(self, name: str) -> str:
        """What tables call a variant."""
        return self.variants[name].title or name
