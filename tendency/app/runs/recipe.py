"""What a checkpoint says of its surrogate, and the untrained surrogate that it describes."""

from collections.abc import Mapping
from typing import Any

from tendency.app.configuration.build import build, build_surrogate
from tendency.app.configuration.signatures import foreign_targets
from tendency.data.metadata import TrajectoryMetadata
from tendency.errors import ArtefactError
from tendency.surrogates.normalizer import Normalizer
from tendency.surrogates.stepper import SurrogateStepper


def recipe_of(config: Mapping[str, Any], metadata: TrajectoryMetadata, dataset: str) -> dict[str, Any]:
    """Plain data that rebuild a stepper; what every checkpoint holds.

    Args:
        config: the run's resolved configuration.
        metadata: of the dataset.
        dataset: the name of the dataset's folder.
    """
    return {
        "model": config["model"],
        "prediction": config["prediction"],
        "metadata": metadata.to_dict(),
        "dataset": dataset,
    }


def rebuild_stepper(recipe: Mapping[str, Any], trust: bool = False) -> SurrogateStepper:
    """An untrained stepper from a checkpoint's recipe; ``load_state_dict`` gives it weights and units.

    A checkpoint is data: what it names is built only if it lies in this project's packages.

    Raises:
        ArtefactError: the recipe names other classes and ``trust`` is False, or it is not a recipe.
    """
    missing = {"model", "prediction", "metadata"} - set(recipe)
    if missing:
        raise ArtefactError(f"checkpoint: its recipe lacks {sorted(missing)}; was it written by this program?")
    foreign = foreign_targets({"model": recipe["model"], "prediction": recipe["prediction"]})
    if foreign and not trust:
        raise ArtefactError(
            f"checkpoint: it names code outside this project ({'; '.join(foreign)}). "
            "If you trust where it comes from, say trust=true"
        )
    metadata = TrajectoryMetadata.from_dict(recipe["metadata"])
    prediction = build(recipe["prediction"], "prediction")
    surrogate = build_surrogate(recipe["model"], prediction, metadata)
    channels = metadata.num_channels
    conditions = prediction.num_conditions(len(metadata.param_names))
    return SurrogateStepper(surrogate, prediction, Normalizer.empty(channels, channels, conditions))
