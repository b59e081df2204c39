"""What a comparison consists of: its trainings, what is read from each, and where the runs lie."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len

from tendency.app.configuration.composed import compose_command
from tendency.app.configuration.conf_files import plain
from tendency.app.configuration.identity import digest
from tendency.app.configuration.overrides import closest
from tendency.app.problems.data_source import DataSource, build_data
from tendency.app.problems.run_identity import compose_training, name_run
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run_folder import RunFolder
from tendency.app.studies.scale import Scale
from tendency.app.studies.variants import Comparison, Variant
from tendency.errors import ConfigError
from tendency.simulation.annotations import NonNegativeInt

OWN_REPORT = "report"
"""Name of the report that a training ends with."""


class ComparisonSettings:
    """Settings of ``compare.py``.

    Args:
        problems: names of the comparison's problems; None for those of the scale.
        models: names of its models; None for those of the scale.
        variants: names of its variants; None for those of the scale.
        seeds: seeds of the trainings; None for those of the scale.
        overrides: overrides of every training, after those of the comparison and the scale.
        results: folder of the records of trainings; None puts it into the outputs.
        write: path of the page without its ending; None puts it into the outputs.
    """

    def __init__(
        self,
        problems: Annotated[list[str], Len(1)] | None = None,
        models: Annotated[list[str], Len(1)] | None = None,
        variants: Annotated[list[str], Len(1)] | None = None,
        seeds: Annotated[list[NonNegativeInt], Len(1)] | None = None,
        overrides: list[str] | None = None,
        results: Annotated[str, Len(1)] | None = None,
        write: Annotated[str, Len(1)] | None = None,
    ) -> None:
        self.problems, self.models, self.variants, self.seeds = problems, models, variants, seeds
        self.overrides, self.results, self.write = overrides or [], results, write


@dataclass(frozen=True)
class ComparisonPlan:
    """The part of a comparison that is trained.

    Args:
        comparison: the comparison.
        scale: settings on top of its own.
        problems: names of its problems.
        models: names of its models.
        variants: names of its variants.
        seeds: seeds of the trainings.
        overrides: overrides of every training, after all others.
    """

    comparison: Comparison
    scale: Scale
    problems: tuple[str, ...]
    models: tuple[str, ...]
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(cls, comparison: Comparison, scale: Scale, settings: ComparisonSettings) -> "ComparisonPlan":
        """The plan that the settings ask for, or else the scale, or else the whole comparison.

        Raises:
            ConfigError: names that the comparison does not have.
        """
        problems: list[str] = []
        chosen: dict[str, tuple[str, ...]] = {}
        for key in ("problems", "models", "variants"):
            options = list(getattr(comparison, key))
            asked, scaled = getattr(settings, key), getattr(scale, key)
            chosen[key] = tuple(asked or scaled or options)
            source = "" if asked else f"scale={scale.name}: "
            problems += [
                f"{source}unknown {key} {name!r}{closest(name, options)} available: {', '.join(options)}"
                for name in chosen[key]
                if name not in options
            ]
        if problems:
            raise ConfigError(problems)
        seeds = tuple(scale.seeds if settings.seeds is None else settings.seeds)
        return cls(comparison, scale, **chosen, seeds=seeds, overrides=tuple(settings.overrides))


@dataclass(frozen=True)
class Training:
    """One network.

    Args:
        title: name on the screen.
        overrides: overrides that ``train.py`` is called with.
        config: configuration composed from them, plain data.
        identity: hash of all that its figures depend on.
    """

    title: str
    overrides: tuple[str, ...]
    config: dict[str, Any]
    identity: str

    @property
    def folder(self) -> RunFolder:
        """Where the run lies, whoever started it."""
        return RunFolder(Path(self.config["paths"]["run"]))


@dataclass(frozen=True)
class Trial:
    """One variant with one seed, on one problem with one model.

    Args:
        problem: name of the problem.
        model: name of the model.
        name: name of the variant.
        variant: the variant.
        seed: seed of its training.
        training: its network, which other trials may share.
        judged_on: configuration that makes the data that it is judged on; that of the training where it is the same.
    """

    problem: str
    model: str
    name: str
    variant: Variant
    seed: int
    training: Training
    judged_on: dict[str, Any]

    def dataset(self, root: Path) -> Path:
        """Folder of the data that it is judged on."""
        return data_in(self.judged_on, root).folder

    def report_name(self, root: Path) -> str:
        """Name of the report that it is read from.

        Args:
            root: folder of the datasets.
        """
        if self.variant.judge:
            return f"{OWN_REPORT}-on-{self.dataset(root).name}"
        return OWN_REPORT if self.variant.integrator is None else f"{OWN_REPORT}-{self.variant.integrator}"

    def report(self, root: Path) -> ReportFolder:
        """The report that it is read from.

        Args:
            root: folder of the datasets.
        """
        return ReportFolder(self.training.folder.path / self.report_name(root))


def data_in(config: dict[str, Any], datasets: Path) -> DataSource:
    """The data of a configuration of ``train.py``, in a folder of all datasets."""
    return build_data(config["data"], datasets, config.get("pde"))


def distinct_trainings(trials: Iterable[Trial]) -> list[Training]:
    """The networks that trials need, each once."""
    return list({trial.training.identity: trial.training for trial in trials}.values())


def trials_of(
    plan: ComparisonPlan, training_of: Callable[[str, tuple[str, ...]], Training] | None = None
) -> list[Trial]:
    """Every variant with every seed, seed by seed so that an unfinished comparison has whole rows early.

    Args:
        plan: the plan.
        training_of: the training of a title and overrides; None for the one that this version would make.
    """
    training_of = training_of or _training
    found = []
    composed: dict[tuple[str, ...], Training] = {}
    for seed in plan.seeds:
        for problem in plan.problems:
            for model in plan.models:
                for name in plan.variants:
                    variant = plan.comparison.variants[name]
                    chosen = _overrides(plan, problem, model, plan.comparison.network_of(name), seed)
                    if chosen not in composed:
                        title = " ".join(
                            part for part in (problem, model, plan.comparison.network_of(name)) if part != "-"
                        )
                        composed[chosen] = training_of(f"{title} seed {seed}", chosen)
                    training = composed[chosen]
                    # Of other data only the test trajectories are needed.
                    other = [*chosen, *variant.judge, "data.num_train=1", "data.num_valid=1"]
                    judged_on = compose_training(other) if variant.judge else training.config
                    found.append(Trial(problem, model, name, variant, seed, training, judged_on))
    return found


def _training(title: str, overrides: tuple[str, ...]) -> Training:
    """A training with its identity, a hash of what it learns and of how it is judged, wherever it lies."""
    composed, choices = compose_command("train", overrides)
    if composed.get("pde") is None:
        raise ConfigError([f"{title}: a comparison needs a problem (pde=...), got data files alone"])
    learned = name_run(composed, choices)
    config = plain(composed)
    kept = {key: value for key, value in learned.items() if key != "evaluate"}
    return Training(title, overrides, config, digest(kept | {"evaluation": config["evaluation"]}, 16))


def _overrides(plan: ComparisonPlan, problem: str, model: str, network: str, seed: int) -> tuple[str, ...]:
    """The command line of one training, the general before the particular."""
    comparison, variant = plan.comparison, plan.comparison.variants[network]
    chosen = _named([*comparison.train, *comparison.problems[problem].train], problem, model)
    chosen += _named([*comparison.models[model].train, *variant.train], problem, model)
    chosen += [*plan.scale.overrides(problem, model, network), *plan.overrides, f"seed={seed}"]
    if variant.widening > 1:
        chosen.append(f"model.width={variant.widening * compose_training(chosen)['model']['width']}")
    return tuple(chosen)


def _named(overrides: Sequence[str], problem: str, model: str) -> list[str]:
    """Overrides with the names of the problem and the model put in; other braces are Hydra's."""
    return [text.replace("{problem}", problem).replace("{model}", model) for text in overrides]
