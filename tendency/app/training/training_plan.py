"""What a training run is made of, and all about it that can be checked beforehand."""

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tendency.app.configuration.build import build, build_problem, build_surrogate
from tendency.app.configuration.groups import GROUPS
from tendency.app.configuration.identity import identity
from tendency.app.configuration.settings import TrainSettings
from tendency.app.problems.data_plan import DataPlan
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.runs.checkpoint_reader import read_checkpoint
from tendency.app.runs.run_folder import RunFolder, differences
from tendency.data.metadata import metadata_of
from tendency.errors import ArtefactError, ConfigError
from tendency.simulation.problem import Problem
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.objectives.objective import Objective
from tendency.trainers.schedules import Schedule

RESUMED = {group.name for group in GROUPS.values() if group.resumed}
"""The groups that a checkpoint and the configuration must agree in when a run goes on from it; beside the seed."""


class TrainingPlan:
    """What one run is made of, checked as far as it can be before any work.

    Args:
        config: plain and checked.
        settings: its top level.
        hashed: the part of the configuration that the result depends on.

    Raises:
        ValueError: a combination that makes no sense, before any work.
    """

    def __init__(self, config: Mapping[str, Any], settings: TrainSettings, hashed: Mapping[str, Any]) -> None:
        self.config, self.settings, self.hashed = config, settings, hashed
        self.is_first_rank = int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_PROCID", "0"))) == 0
        self.folder = RunFolder(Path(config["paths"]["run"]))
        self.checkpoint = None if settings.ckpt_path is None else Path(settings.ckpt_path)
        self.data: DataPlan = build(config["data"], "data")
        self.problem = build_problem(config["pde"])
        metadata = metadata_of(self.problem)
        self.metadata = dataclasses.replace(
            metadata,
            has_time_derivative=self.data.store_u_t,
            # As the surrogate sees them.
            num_snapshots=(metadata.num_snapshots - 1) // self.data.stride + 1,
        )
        self.prediction: Prediction = build(config["prediction"], "prediction")
        objective: Objective = build(config["objective"], "objective")
        solved_here = self.problem.stored_geometry is self.problem.geometry
        self.objective = objective.with_solver(self.problem.simulator) if solved_here else objective
        self.prediction.check(self.metadata.geometry)
        self.objective.check(self.prediction, self.metadata)
        self.report: RolloutReport = build(config["evaluation"], "evaluation")
        self._check_report()
        self.schedule: Schedule = build(config["scheduler"], "scheduler")
        self._check_batches()

    @property
    def learned(self) -> LearnedSteps:
        """The steps that the surrogate will have learned."""
        dt, stride = self.problem.times.dt, self.data.stride
        return LearnedSteps(dt.lowest * stride, dt.highest * stride * self.objective.longest_stride)

    def done(self) -> bool:
        """Whether the run has been finished already, which is then said."""
        if not self.is_first_rank or (figures := self.folder.finished()) is None:
            return False
        self.folder.require_same(self.stored())
        print("\n".join([f"done already: {self.folder.path}", *figures.get("lines", [])]))
        print(f"report: {figures.get('report') or f'none yet; python evaluate.py runs=[{self.folder.path}]'}")
        return True

    def check_files(self) -> None:
        """Looks for what the run begins from.

        Raises:
            ArtefactError: a dataset that may not be made is missing, or ``ckpt_path`` is, or is of another run.
        """
        self.data.look(*self.dataset())
        if self.checkpoint is not None:
            self.check_fits(self.checkpoint)

    def check_fits(self, path: Path) -> None:
        """Refuses a checkpoint of another run: Lightning would take its old settings without a word."""
        recipe = read_checkpoint(path).recipe
        if recipe.version is None:
            raise ArtefactError(
                f"checkpoint {path} was written by an older version of this program; it can be loaded and judged, but "
                "no run goes on from it"
            )
        if changed := differences(identity(recipe.run), identity(self.compared())):
            raise ArtefactError("\n".join([f"checkpoint {path} and this configuration disagree:", *changed]))

    def dataset(self) -> tuple[Path, Mapping[str, Any], Problem]:
        """What the data plan looks for or makes: below which folder, of which problem."""
        return Path(self.config["paths"]["datasets"]), self.config["pde"], self.problem

    def surrogate(self) -> Surrogate:
        """The network, its initial weights a function of the seed alone."""
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            surrogate = build_surrogate(self.config["model"], self.prediction, self.metadata)
        surrogate.check(self.metadata.geometry)
        return surrogate.double() if self.config["trainer"]["precision"] == "64-true" else surrogate

    def stored(self) -> dict[str, Any]:
        """What the run's folder says of its configuration."""
        return {**self.hashed, "paths": self.config["paths"]}

    def compared(self) -> dict[str, Any]:
        """The part of the configuration that a checkpoint must agree with."""
        return {key: value for key, value in self.hashed.items() if key == "seed" or key in RESUMED}

    def _check_report(self) -> None:
        """Refuses a report that asks for what the surrogate cannot be asked for after its training."""
        self.report.prediction(self.prediction)
        dt, stride = self.problem.times.dt, self.report.stride or self.data.stride
        for step in {dt.lowest * stride, dt.highest * stride}:
            try:
                self.prediction.num_steps(step, self.learned)
            except ValueError as error:
                raise ConfigError([f"evaluation.stride: snapshots {step:g} apart do not fit. {error}"]) from None

    def _check_batches(self) -> None:
        """What the data module and the schedule would refuse after the dataset was generated."""
        devices, size = self.config["trainer"]["devices"], self.data.batch_size
        if isinstance(devices, int) and size % devices:
            raise ConfigError([f"data.batch_size: expected a multiple of trainer.devices={devices}, got {size}"])
        required, _ = self.objective.offsets(self.prediction)
        span = max(0, *required) - min(0, *required)
        windows = self.data.num_windows(self.problem.times.num_snapshots, span)
        if size > windows:
            raise ConfigError([f"data.batch_size: expected at most {windows}, the training windows, got {size}"])
        batches = self.data.batches_per_epoch or windows // size
        if batches > windows // size:
            raise ConfigError(
                [f"data.batches_per_epoch: the training windows fill {windows // size} batches, got {batches}"]
            )
        trainer = self.config["trainer"]
        epoch = math.ceil(batches / trainer["accumulate_grad_batches"])
        self.schedule.check(epoch * trainer["max_epochs"])
