"""What a checkpoint says of its surrogate, and the untrained surrogate that it describes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tendency.app.configuration.build import MissingTargetError, build, build_surrogate
from tendency.app.configuration.moved_targets import current_targets
from tendency.app.configuration.signatures import foreign_targets
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.stepper import SurrogateStepper
from tendency.version import __version__

REQUIRED = ("model", "prediction", "metadata", "dataset")


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
        version: of the program that wrote it; None before versions were written.
        learned_steps: shortest and longest step of the surrogate; None before they were written.
    """

    model: Mapping[str, Any]
    prediction: Mapping[str, Any]
    metadata: TrajectoryMetadata
    dataset: str
    run: Mapping[str, Any] = field(default_factory=dict)
    num_test: int | None = None
    stride: int = 1
    chunks: Mapping[str, str] = field(default_factory=dict)
    version: str | None = __version__
    learned_steps: Sequence[float] | None = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], source: str = "checkpoint") -> "Recipe":
        """The inverse of ``to_dict``; reads what older versions wrote as well.

        Args:
            content: plain data.
            source: where it comes from, for the message.

        Raises:
            ArtefactError: a part without which nothing can be rebuilt is missing.
        """
        if missing := [name for name in REQUIRED if name not in content]:
            raise ArtefactError(f"{source}: its recipe lacks {missing}; was it written by this program?")
        known = {name: content[name] for name in ("num_test", "stride", "chunks", "learned_steps") if name in content}
        return cls(
            model=current_targets(content["model"]),
            prediction=current_targets(content["prediction"]),
            metadata=TrajectoryMetadata.from_dict(content["metadata"]),
            dataset=content["dataset"],
            run=current_targets(content.get("run", {})),
            version=content.get("version"),
            **known,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        rest = ("model", "prediction", "dataset", "run", "num_test", "stride", "chunks", "version", "learned_steps")
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
                f"checkpoint: its recipe's learned_steps: expected the shortest and the longest step, got {steps!r}"
            ) from None

    def untrained(self, trust: bool = False) -> SurrogateStepper:
        """The surrogate before training; ``load_state_dict`` gives it weights and units.

        A checkpoint is data: what it names is built only if it lies in this project's package.

        Args:
            trust: build classes outside this project.

        Raises:
            ArtefactError: the recipe names other classes and ``trust`` is False, or a class that is gone.
        """
        foreign = foreign_targets({"model": self.model, "prediction": self.prediction})
        if foreign and not trust:
            raise ArtefactError(
                f"checkpoint: it names code outside this project ({'; '.join(foreign)}). "
                "If you trust where it comes from, say trust=true"
            )
        try:
            prediction = build(self.prediction, "prediction")
            surrogate = build_surrogate(self.model, prediction, self.metadata)
        except MissingTargetError as error:
            raise ArtefactError(f"checkpoint: {error}") from None
        channels = self.metadata.num_channels
        conditions = prediction.num_conditions(len(self.metadata.param_names))
        units = Normalizer.empty(channels, channels, conditions)
        return SurrogateStepper(surrogate, prediction, units, self.learned)
