"""What a checkpoint says of its surrogate, and the untrained surrogate that it describes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import StringConstraints

from tendency.app.configuration.build import build, build_surrogate
from tendency.app.configuration.groups import INJECTED
from tendency.app.configuration.moved_targets import current_targets
from tendency.app.configuration.plain_data import require_plain
from tendency.app.configuration.run_name import NAME
from tendency.app.configuration.signatures import problems_of_parts
from tendency.app.configuration.stored_nodes import examine
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError
from tendency.simulation.annotations import FiniteFloat, PositiveFloat, PositiveInt
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.stepper import SurrogateStepper
from tendency.surrogates.surrogate import Surrogate
from tendency.version import __version__

REQUIRED = ("model", "prediction", "metadata", "dataset")
FolderName = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
"""A name that stays in the folder that it is looked for in."""

PARTS = {
    "model": dict[str, Any],
    "prediction": dict[str, Any],
    "metadata": dict[str, Any],
    "dataset": FolderName,
    "run": dict[str, Any],
    "num_test": PositiveInt | None,
    "stride": PositiveInt,
    "chunks": dict[str, str],
    "epoch": dict[str, Any],
    "learned_steps": list[PositiveFloat] | None,
    "extent": list[PositiveFloat] | None,
    "params": dict[str, list[FiniteFloat]],
    "version": Annotated[str, StringConstraints(max_length=40)] | None,
}
METADATA_PARTS = {
    "name": FolderName,
    "equation": str,
    "equation_version": int,
    "fields": list[dict[str, Any]],
    "param_names": list[str],
    "hidden_names": list[str],
    "geometry": dict[str, Any],
    "num_snapshots": PositiveInt,
    "dt": PositiveFloat | None,
    "resolution": str,
    "has_time_derivative": bool,
    "given": list[dict[str, Any]],
    "forcing": list[dict[str, Any]],
}
FIELD_LISTS = ("fields", "given", "forcing")
FIELD_PARTS = {"name": str, "rank": Annotated[int, Ge(0), Le(2)], "unit": str}
PDE_PARTS = {"parameters": dict[str, dict[str, Any]], "extent": list[dict[str, Any]]}
"""What is read of a recipe and of the parts inside it, and what each is."""

MOST_POINTS = 2**40
"""More than any machine has memory for."""


@dataclass(frozen=True)
class Recipe:
    """Plain data that rebuild a surrogate and say what it was trained on; every checkpoint holds one.

    Args:
        model: node of the network.
        prediction: node of what its output means.
        metadata: of the trajectories that it was trained on, as it saw them.
        dataset: name of the dataset's folder.
        run: the parts of the run's configuration that a resumed run must agree with.
        num_test: test trajectories that the run is judged on; None where it is not known.
        stride: stored snapshots in one step of the surrogate.
        chunks: the checksum of each chunk that the run read, by its name.
        epoch: values of what makes an epoch and its steps, by key; empty before they were written.
        version: of the program that wrote it; None before versions were written.
        learned_steps: shortest and longest step of the surrogate; None before they were written.
        extent: side lengths of the domain; None where they differ between trajectories, or before they were written.
        params: lowest and highest value of each parameter in training data whose problem does not say them.
        source: where it was read, for messages.
    """

    model: Mapping[str, Any]
    prediction: Mapping[str, Any]
    metadata: TrajectoryMetadata
    dataset: str
    run: Mapping[str, Any] = field(default_factory=dict)
    num_test: int | None = None
    stride: int = 1
    chunks: Mapping[str, str] = field(default_factory=dict)
    epoch: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = __version__
    learned_steps: Sequence[float] | None = None
    extent: Sequence[float] | None = None
    params: Mapping[str, Sequence[float]] = field(default_factory=dict)
    source: str = field(default="checkpoint", compare=False)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], source: str = "checkpoint") -> "Recipe":
        """The inverse of ``to_dict``; reads what older versions wrote as well.

        Args:
            content: from a file.
            source: where it comes from, for the message.

        Raises:
            ArtefactError: a part without which nothing can be rebuilt is missing, or a part is not what it should be.
        """
        try:
            require_plain(content)
        except ValueError as error:
            raise ArtefactError(f"{source}: its recipe is damaged ({error})") from None
        if missing := [name for name in REQUIRED if name not in content]:
            raise ArtefactError(f"{source}: its recipe lacks {missing}; was it written by this program?")
        if problems := problems_of_parts(content, PARTS) + _problems_of_run(content.get("run", {})):
            raise ArtefactError(f"{source}: its recipe is damaged ({problems[0]})")
        known = {
            name: content[name]
            for name in ("num_test", "stride", "chunks", "epoch", "learned_steps", "extent", "params")
            if name in content
        }
        return cls(
            model=current_targets(content["model"]),
            prediction=current_targets(content["prediction"]),
            metadata=_metadata(content["metadata"], source),
            dataset=content["dataset"],
            run=current_targets(content.get("run", {})),
            version=content.get("version"),
            source=source,
            **known,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        rest = (
            "model",
            "prediction",
            "dataset",
            "run",
            "num_test",
            "stride",
            "chunks",
            "epoch",
            "version",
            "learned_steps",
            "extent",
            "params",
        )
        return {"metadata": self.metadata.to_dict(), **{name: getattr(self, name) for name in rest}}

    @property
    def pde(self) -> Mapping[str, Any]:
        """Node of the problem; empty where the run's configuration is not known."""
        return self.run.get("pde", {})

    @property
    def characteristic_time(self) -> dict[str, Any] | None:
        """Name and value of the problem's characteristic time, where it has one."""
        time = self.metadata.characteristic_time
        return None if time is None else asdict(time)

    @property
    def learned(self) -> LearnedSteps | None:
        """The steps that the surrogate learned; None where they are not known.

        Raises:
            ArtefactError: what is written is no range of steps.
        """
        dt = self.metadata.dt
        steps = [dt * self.stride] * 2 if self.learned_steps is None and dt is not None else self.learned_steps
        try:
            return None if steps is None else LearnedSteps(*steps)
        except (TypeError, ValueError):
            raise ArtefactError(
                f"{self.source}: its recipe's learned_steps: expected the shortest and the longest step, got {steps!r}"
            ) from None

    def check(self, trust: bool = False) -> None:
        """Refuses what this version cannot rebuild, before anything of it is built.

        Args:
            trust: whether classes outside this project may be imported.

        Raises:
            ArtefactError: the recipe names other classes and ``trust`` is False, or what this version does not have.
        """
        nodes = (("prediction", self.prediction, Prediction), ("model", self.model, Surrogate))
        found = [examine(node, kind, key, INJECTED.get(key, frozenset()), trust) for key, node, kind in nodes]
        foreign = [target for one in found for target in one.foreign]
        if wrong := [sentence for one in found for sentence in one.wrong]:
            raise self._refusal(wrong, ours=not foreign)
        if foreign and not trust:
            raise ArtefactError(
                f"{self.source}: it names code outside this project ({'; '.join(foreign)}). "
                "If you trust where it comes from, say trust=true"
            )

    def untrained(self, trust: bool = False) -> SurrogateStepper:
        """The surrogate before training; ``load_state_dict`` gives it weights and units.

        A checkpoint is data: what it names is built only where ``check`` lets it pass.

        Args:
            trust: build classes outside this project.

        Raises:
            ArtefactError: as ``check``, or a constructor refuses its arguments.
        """
        self.check(trust)
        try:
            prediction = build(self.prediction, "prediction")
            surrogate = build_surrogate(self.model, prediction, self.metadata)
        except (ArtefactError, MemoryError):
            raise
        except Exception as error:
            # Whatever a constructor makes of them, it is the file's arguments that it was given.
            sentence = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise self._refusal([sentence], ours=self.is_ours) from error
        channels = self.metadata.num_channels
        conditions = prediction.num_conditions(len(self.metadata.param_names))
        units = Normalizer.empty(channels, channels, conditions, self.metadata.num_known)
        return SurrogateStepper(surrogate, prediction, units, self.learned)

    @property
    def is_ours(self) -> bool:
        """Whether it names no class outside this project."""
        return not any(
            examine(node, kind, "").foreign for node, kind in ((self.prediction, Prediction), (self.model, Surrogate))
        )

    def _refusal(self, problems: Sequence[str], ours: bool) -> ArtefactError:
        """What this version cannot rebuild, in one sentence; classes of others have no version that is known here."""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        versions = f"{self.version or 'unknown'}; this is {__version__}"
        since = f"written by another version of this program ({versions}), or changed since: " if ours else ""
        return ArtefactError(f"{self.source}: {since}{problems[0]}{more}")


def _problems_of_run(run: Any) -> list[str]:
    """What is wrong with the part of the run's configuration that a recipe holds, of what is read of it."""
    if not isinstance(run, Mapping) or "pde" not in run:
        return []
    problems = problems_of_parts(run, {"pde": dict[str, Any]}) or problems_of_parts(run["pde"], PDE_PARTS)
    if not problems:
        nodes = [(f"parameters.{name}", node, FiniteFloat) for name, node in run["pde"].get("parameters", {}).items()]
        nodes += [(f"extent[{axis}]", node, PositiveFloat) for axis, node in enumerate(run["pde"].get("extent", []))]
        for key, node, kind in nodes:
            # A number is the same for every trajectory, and is calculated with.
            if isinstance(node.get("value"), int | float):
                problems += [f"{key}.{problem}" for problem in problems_of_parts(node, {"value": kind})]
    return [f"run: {problem}" for problem in problems]


def _metadata(content: Mapping[str, Any], source: str) -> TrajectoryMetadata:
    """The metadata of the training data.

    Raises:
        ArtefactError: they are not what ``to_dict`` writes.
    """
    problems = problems_of_parts(content, METADATA_PARTS)
    for name in FIELD_LISTS if not problems else ():
        for number, field_ in enumerate(content.get(name, [])):
            problems += [f"{name}[{number}].{problem}" for problem in problems_of_parts(field_, FIELD_PARTS)]
    if problems:
        raise ArtefactError(f"{source}: its recipe is damaged (metadata.{problems[0]})")
    try:
        metadata = TrajectoryMetadata.from_dict(dict(content))
        if (points := math.prod(metadata.geometry.shape)) > MOST_POINTS:
            raise ValueError(f"geometry: expected at most {MOST_POINTS:,} points, got {points:,}")
        return metadata
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError) as error:
        raise ArtefactError(f"{source}: its recipe is damaged (metadata: {error})") from None
