"""What a study consists of: its rows, the networks that they need, and where each run lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len

from tendency.app.configuration.composed import compose_training
from tendency.app.configuration.overrides import closest
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.runs.run_folder import RunFolder
from tendency.data.machine import usable_cores
from tendency.errors import ConfigError
from tendency.simulation.annotations import NonNegativeInt
from tendency.surrogates.predictions.coarse_solver import COARSE_SOLVER


@dataclass(frozen=True)
class StudyRow:
    """One method of the comparison.

    Args:
        title: in the table.
        strategy: that it is trained with; rows of the same strategy and width share their networks.
        widening: factor on the model's width; twice the width is four times the parameters.
        integrator: that its derivative is stepped by; None where it is judged as it was trained.
        baseline: method of the network's report that the row shows in its place; None for the network.
    """

    title: str
    strategy: str
    widening: int = 1
    integrator: str | None = None
    baseline: str | None = None


ROWS = {
    "state": StudyRow("state", "state"),
    "state_pushforward": StudyRow("state, pushforward", "state_pushforward"),
    "state_refiner": StudyRow("state, refiner", "state_refiner"),
    "state_4x": StudyRow("state, 4x parameters", "state", widening=2),
    "derivative_euler": StudyRow("derivative, Euler", "derivative_rk4", integrator="euler"),
    "derivative_ab2": StudyRow("derivative, AB2", "derivative_rk4", integrator="ab2"),
    "derivative_heun": StudyRow("derivative, Heun", "derivative_rk4", integrator="heun"),
    "derivative_rk4": StudyRow("derivative, RK4", "derivative_rk4"),
    "coarse_solver": StudyRow("coarse solver", "correction", baseline=COARSE_SOLVER),
    "correction": StudyRow("coarse solver, corrected", "correction"),
}
"""The rows by name. One derivative network serves four; its best weights are those with the best rollout under RK4.
The last two are no part of "Predicting Change" and of no scale: they are asked for by ``rows=``."""

PROBLEMS = {
    "advection": "Advection",
    "heat": "Heat",
    "kuramoto_sivashinsky": "Kuramoto-Sivashinsky",
    "burgers": "Burgers 2D",
    "navier_stokes": "Navier-Stokes 2D",
    "kolmogorov_flow": "Kolmogorov flow",
}

MODELS = {"fno": "FNO", "unet": "U-Net"}


class StudySettings:
    """Of ``study.py``.

    Args:
        problems: of ``PROBLEMS``.
        models: of ``MODELS``.
        rows: of ``ROWS``.
        seeds: of the trainings.
        overrides: of every training, after those of the scale.
        processes: that run side by side; 0 for one per core.
        write: where the page goes, without its ending; None puts it into the outputs.
    """

    def __init__(
        self,
        problems: Annotated[list[str], Len(1)],
        models: Annotated[list[str], Len(1)],
        rows: Annotated[list[str], Len(1)],
        seeds: Annotated[list[NonNegativeInt], Len(1)],
        overrides: list[str] | None = None,
        processes: NonNegativeInt = 0,
        write: Annotated[str, Len(1)] | None = None,
    ) -> None:
        self.problems, self.models, self.rows, self.seeds = problems, models, rows, seeds
        self.overrides, self.write = overrides or [], write
        self.processes = processes or usable_cores()
        wrong = []
        for key, options in {"problems": list(PROBLEMS), "models": list(MODELS), "rows": list(ROWS)}.items():
            for name in getattr(self, key):
                if name not in options:
                    wrong.append(f"unknown {key} {name!r}{closest(name, options)} available: {', '.join(options)}")
        if wrong:
            raise ConfigError(wrong)


@dataclass(frozen=True)
class Training:
    """One network of a study.

    Args:
        problem: of ``PROBLEMS``.
        model: of ``MODELS``.
        strategy: that it is trained with.
        widening: factor on the model's width.
        seed: of the training.
        overrides: that ``train.py`` is called with.
        config: composed from them, plain data.
    """

    problem: str
    model: str
    strategy: str
    widening: int
    seed: int
    overrides: tuple[str, ...]
    config: dict[str, Any]

    @property
    def title(self) -> str:
        """For the screen."""
        widened = f" width x{self.widening}" if self.widening > 1 else ""
        return f"{self.problem} {self.model} {self.strategy}{widened} seed {self.seed}"

    @property
    def folder(self) -> RunFolder:
        """Where the run lies, whoever started it."""
        return RunFolder(Path(self.config["paths"]["run"]))

    def serves(self, problem: str, model: str, row: StudyRow) -> bool:
        """Whether a cell of the table is judged on this network."""
        return (self.problem, self.model, self.strategy, self.widening) == (problem, model, row.strategy, row.widening)

    def report(self, row: StudyRow) -> ReportFolder:
        """The report that a row reads."""
        run = self.folder
        return run.report if row.integrator is None else ReportFolder(run.path / f"report-{row.integrator}")


def trainings_of(settings: StudySettings, scale: Mapping[str, Sequence[str]]) -> list[Training]:
    """The networks that a study needs, each once, seed by seed so that an unfinished study has whole rows early.

    Args:
        settings: of the study.
        scale: overrides of ``train.py`` under ``all``, under the names of problems, models and strategies, and under
            ``problem/strategy``.
    """
    kinds = dict.fromkeys((ROWS[name].strategy, ROWS[name].widening) for name in settings.rows)
    found = []
    for seed in settings.seeds:
        for problem in settings.problems:
            for model in settings.models:
                for strategy, widening in kinds:
                    chosen = [f"experiment=predicting_change/{problem}_{model}", f"strategy={strategy}", f"seed={seed}"]
                    for key in ("all", problem, model, strategy, f"{problem}/{strategy}"):
                        chosen += scale.get(key) or []
                    chosen += settings.overrides
                    if widening > 1:
                        chosen.append(f"model.width={widening * compose_training(chosen)['model']['width']}")
                    config = compose_training(chosen)
                    found.append(Training(problem, model, strategy, widening, seed, tuple(chosen), config))
    return found
