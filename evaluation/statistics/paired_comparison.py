"""Pairs of methods compared on the same test trajectories: ratio or difference, its interval and significance.

References:
    Davison, Hinkley: Bootstrap Methods and their Application. Cambridge 1997, section 3.8 (hierarchical data).
    Rao, Wu: Resampling inference with complex survey data. J. Am. Stat. Assoc. 83 (1988),
    doi:10.1080/01621459.1988.10478591 (why n − 1 of n are drawn).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tendency.evaluation.metrics.figure import SummaryFigure
from tendency.evaluation.metrics.pointwise import LOST, SMALLEST_ERROR

DRAWS = 10000
WIDEST = 1e30
"""Where the interval of a log error or of a figure ends where one trajectory shows nothing of others."""

LARGEST_LOG = 69.0
"""Of a ratio's ends, so that they are finite numbers in a file."""

ON_ONE = "on one test trajectory, which does not show how much others differ"


@dataclass(frozen=True)
class PairedComparison:
    """The paired difference of log errors of two methods on the same test trajectories.

    Args:
        first: name of A.
        second: name of B.
        title: what is compared, in words; may be empty.
        ratio: error of A over error of B, geometric mean over seeds and trajectories; below 1 where A is better.
        low: lower end of the ratio's interval.
        high: upper end of the ratio's interval.
        share: share of the bootstrap draws in which A has the smaller error.
        seeds: numbers of runs of A and of B; one run of a trained method does not show how much the seed matters, and
            the interval then covers other trajectories alone.
        trajectories: number of test trajectories; of one alone the interval is as wide as numbers go.
    """

    first: str
    second: str
    title: str
    ratio: float
    low: float
    high: float
    share: float
    seeds: tuple[int, int]
    trajectories: int

    @property
    def first_is_better(self) -> bool:
        """Whether A is better, and the interval leaves no doubt."""
        return self.high < 1

    @property
    def second_is_better(self) -> bool:
        """Whether B is better, and the interval leaves no doubt."""
        return self.low > 1

    @property
    def undecided(self) -> bool:
        """Whether the interval holds the ratio 1."""
        return self.low <= 1 <= self.high

    def sentence(self) -> str:
        """Who is better, by how much, and how sure that is."""
        better, worse, ratio, low, high, share = self.first, self.second, self.ratio, self.low, self.high, self.share
        if ratio > 1:
            better, worse, ratio, low, high, share = worse, better, 1 / ratio, 1 / high, 1 / low, 1 - share
        where = f" in {self.title}" if self.title else ""
        if self.trajectories == 1:
            return f"{better} and {worse} were compared{where} {ON_ONE}: {ratio:.3g} times its error there"
        figures = f"{ratio:.3g} times its error [{low:.3g}, {high:.3g}], smaller in {100 * share:.3g} % of the draws"
        if self.undecided:
            return f"{better} and {worse} cannot be told apart{where}: {figures}"
        return f"{better} is better than {worse}{where}: {figures}"


@dataclass(frozen=True)
class PairedDifference:
    """The paired difference of a figure of two methods on the same test trajectories.

    Args:
        first: name of A.
        second: name of B.
        title: what is compared, in words.
        advantage: mean over seeds and trajectories of how much better A is, in the figure's unit; negative where B is.
        low: lower end of its interval.
        high: upper end of its interval.
        share: share of the bootstrap draws in which A is better.
        seeds: numbers of runs of A and of B.
        trajectories: number of test trajectories.
        lost: numbers of rollouts of A and of B that blew up; each counts as worse than all that did not.
    """

    first: str
    second: str
    title: str
    advantage: float
    low: float
    high: float
    share: float
    seeds: tuple[int, int]
    trajectories: int
    lost: tuple[int, int] = (0, 0)

    @property
    def first_is_better(self) -> bool:
        """Whether A is better, and the interval leaves no doubt."""
        return self.low > 0

    @property
    def second_is_better(self) -> bool:
        """Whether B is better, and the interval leaves no doubt."""
        return self.high < 0

    @property
    def undecided(self) -> bool:
        """Whether the interval holds the difference 0."""
        return self.low <= 0 <= self.high

    def sentence(self) -> str:
        """Who is better, by how much, and how sure that is."""
        better, worse, advantage, share = self.first, self.second, self.advantage, self.share
        low, high = self.low, self.high
        if advantage < 0:
            better, worse, advantage, low, high, share = worse, better, -advantage, -high, -low, 1 - share
        if self.trajectories == 1:
            return f"{better} and {worse} were compared in {self.title} {ON_ONE}: by {advantage:.3g} there"
        numbers = f"by {advantage:.3g} [{low:.3g}, {high:.3g}], in {100 * share:.3g} % of the draws"
        for name, lost, runs in zip((self.first, self.second), self.lost, self.seeds, strict=True):
            if lost:
                numbers += f"; {name} blew up in {lost} of {runs * self.trajectories} rollouts"
        if self.undecided:
            return f"{better} and {worse} cannot be told apart in {self.title}: {numbers}"
        return f"{better} is better than {worse} in {self.title}: {numbers}"


def compare_methods(
    first: np.ndarray,
    second: np.ndarray,
    *,
    names: tuple[str, str] = ("A", "B"),
    title: str = "",
    draws: int = DRAWS,
    seed: int = 0,
    lost: float = LOST,
) -> PairedComparison:
    """Compares the errors of two methods by a hierarchical bootstrap: of seeds, and of trajectories.

    Each draw takes runs of either method and trajectories with replacement, the same trajectories for both: what makes
    one harder than another cancels. Of n there are n − 1 drawn, so that the variance of a mean comes out unbiased; all
    that there is, where there is one.

    Args:
        first: errors (runs, trajectories) of A.
        second: errors (runs, trajectories) of B, on the same trajectories in the same order.
        names: names of A and B.
        title: what is compared, in words.
        draws: number of bootstrap draws.
        seed: seed of the draws.
        lost: error that one which is larger or not finite counts as.

    Raises:
        ValueError: the numbers of trajectories differ.
    """
    logs = [np.log(np.clip(np.nan_to_num(e, nan=lost, posinf=lost), SMALLEST_ERROR, lost)) for e in (first, second)]
    mean, low, high, share = _bootstrap(logs[0], logs[1], draws, seed)
    return PairedComparison(
        *names,
        title=title,
        ratio=float(np.exp(mean)),
        low=float(np.exp(max(low, -LARGEST_LOG))),
        high=float(np.exp(min(high, LARGEST_LOG))),
        share=share,
        seeds=(len(first), len(second)),
        trajectories=first.shape[1],
    )


def compare_figure(
    figure: SummaryFigure, first: np.ndarray, second: np.ndarray, names: tuple[str, str]
) -> PairedComparison | PairedDifference:
    """Compares two methods by a figure as it states: errors by their ratio, others by their difference.

    A value that is not finite counts as ``figure.lost``; where none is stated, as further from the best value of all
    by the whole range of the values than the worst one.

    Args:
        figure: figure of the summary of which some values are better than others.
        first: values (runs, trajectories) of A.
        second: values (runs, trajectories) of B, on the same trajectories in the same order.
        names: names of A and B.

    Raises:
        ValueError: the numbers of trajectories differ.
    """
    if figure.by_ratio and figure.lost is not None:
        return compare_methods(first, second, names=names, title=figure.title, lost=figure.lost)
    penalties = [figure.better.penalty(values) for values in (first, second)]
    if figure.by_ratio:
        logs = [np.log(np.maximum(penalty, SMALLEST_ERROR)) for penalty in penalties]
        beyond = float(np.exp(_beyond_the_worst(logs)))
        return compare_methods(first, second, names=names, title=figure.title, lost=beyond)
    lost = _beyond_the_worst(penalties) if figure.lost is None else float(figure.better.penalty(np.array(figure.lost)))
    finite = [np.where(np.isfinite(penalty), penalty, lost) for penalty in penalties]
    mean, low, high, share = _bootstrap(finite[0], finite[1], DRAWS, 0)
    return PairedDifference(
        *names,
        title=figure.title,
        # Minus: a smaller penalty is better. 0.0 minus 0.0 is not -0.0, which would be written.
        advantage=0.0 - mean,
        low=0.0 - high,
        high=0.0 - low,
        share=share,
        seeds=(len(first), len(second)),
        trajectories=first.shape[1],
        lost=(int((~np.isfinite(first)).sum()), int((~np.isfinite(second)).sum())),
    )


def _beyond_the_worst(penalties: Sequence[np.ndarray]) -> float:
    """A penalty that exceeds all that are finite by their range."""
    values = np.concatenate([penalty[np.isfinite(penalty)] for penalty in penalties])
    if not len(values):
        return 0.0
    # Where all values are equal there is no range, and a blow-up is still worse.
    return float(values.max() + ((values.max() - values.min()) or abs(values.max()) or 1.0))


def _bootstrap(first: np.ndarray, second: np.ndarray, draws: int, seed: int) -> tuple[float, float, float, float]:
    """Mean of A − B, the ends of its interval of 95 %, and the share of the draws in which it is negative."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"a paired comparison needs the same trajectories, got {first.shape[1]} and {second.shape[1]} of them"
        )
    generator = np.random.default_rng(seed)
    trajectories = _shares(generator, first.shape[1], draws)
    means = []
    for values in (first, second):
        runs = _shares(generator, len(values), draws)
        means.append(np.einsum("dr,rt,dt->d", runs, values, trajectories, optimize=True))
    differences = means[0] - means[1]
    low, high = np.quantile(differences, [0.025, 0.975])
    share = float((differences < 0).mean() + 0.5 * (differences == 0).mean())
    if first.shape[1] == 1:
        # One trajectory again and again has no spread, which is no certainty.
        low, high = -WIDEST, WIDEST
    return float(first.mean() - second.mean()), float(low), float(high), share


def _shares(generator: np.random.Generator, count: int, draws: int) -> np.ndarray:
    """How often each of ``count`` is drawn, as shares (draws, count)."""
    if count == 1:
        return np.ones((draws, 1))
    return generator.multinomial(count - 1, np.full(count, 1 / count), draws) / (count - 1)
