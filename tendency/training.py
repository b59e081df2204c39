"""A training run from its configuration to its report."""

import dataclasses
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig

from data.metadata import metadata_of
from simulation.window import Window
from surrogates.prediction import Prediction
from surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.build import INJECTED, build, build_problem, build_surrogate, recipe_of
from tendency.check import check_nodes, check_settings
from tendency.compose import plain
from tendency.datasets import DataPlan
from tendency.errors import ArtefactError, ConfigError
from tendency.hardware import keep_freed_memory, nothing_compiled, require_compiler, set_matmul_precision
from tendency.judging import RolloutReport
from tendency.load import read_checkpoint
from tendency.model_size import size_of
from tendency.run_folder import RunFolder, check_name, differences
from tendency.settings import TrainSettings, named, settings_of
from trainers.callbacks.growing_depth import GrowingDepth
from trainers.checkpoint import Checkpoints
from trainers.metrics_log import MetricsLog
from trainers.module import SurrogateModule
from trainers.objectives.objective import Objective
from trainers.schedules import Schedule
from trainers.wandb_log import WandbLog

GROUPS = (
    "pde",
    "model",
    "prediction",
    "objective",
    "data",
    "optimizer",
    "scheduler",
    "trainer",
    "callbacks",
    "logger",
    "evaluation",
    "experiment",
    "strategy",
    "paths",
)
"""The config groups; everything else at the top of train.yaml is a setting of the run."""
COMPARED = ("pde", "model", "prediction", "objective", "optimizer", "scheduler", "seed")
"""What a checkpoint and the configuration must agree in when a run goes on from it."""
MOST_NORMALIZER_WINDOWS = 16384


def train(config: DictConfig, choices: Mapping[str, str]) -> None:
    """Runs a training: check, dataset, fit, report.

    Args:
        config: composed.
        choices: the chosen option of each config group.

    Raises:
        ConfigError: the configuration is wrong; nothing was built.
        ArtefactError: a dataset, checkpoint or run folder is missing, damaged or does not fit.
    """
    hashed = named(config, choices)
    content = plain(config)
    check_settings(settings_of(content, GROUPS), TrainSettings)
    check_nodes({key: value for key, value in content.items() if key in GROUPS and value}, INJECTED)
    settings = TrainSettings(**settings_of(content, GROUPS))
    check_name(str(settings.name))
    TrainingRun(content, settings, hashed).run()


class TrainingRun:
    """One run.

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
        self.plan: DataPlan = build(config["data"], "data")
        self.problem = build_problem(config["pde"])
        metadata = metadata_of(self.problem)
        self.metadata = dataclasses.replace(
            metadata,
            has_time_derivative=self.plan.store_u_t,
            # As the surrogate sees them.
            num_snapshots=(metadata.num_snapshots - 1) // self.plan.stride + 1,
        )
        self.prediction: Prediction = build(config["prediction"], "prediction")
        self.objective: Objective = build(config["objective"], "objective")
        if self.problem.stored_geometry is self.problem.geometry:
            self.objective.solver = self.problem.simulator
        self.prediction.check(self.metadata.geometry)
        self.objective.check(self.prediction, self.metadata)
        self.report: RolloutReport = build(config["evaluation"], "evaluation")
        self.report.prediction(self.prediction)
        self.schedule: Schedule = build(config["scheduler"], "scheduler")
        self.training_seconds: float | None = None
        self._check_batches()

    def run(self) -> None:
        """Trains and reports; says so at once where that has been done already."""
        if self.is_first_rank and (figures := self.folder.finished()) is not None:
            self.folder.require_same(self._stored())
            print("\n".join([f"done already: {self.folder.path}", *figures.get("lines", [])]))
            print(f"report: {figures.get('report') or f'none yet; python evaluate.py runs=[{self.folder.path}]'}")
            return
        keep_freed_memory()
        matmul = set_matmul_precision(self.settings.matmul_precision)
        surrogate = self._surrogate()
        trainer = self._trainer()
        if self.settings.compile:
            require_compiler(trainer.strategy.root_device)
        wanted = (Path(self.config["paths"]["datasets"]), self.config["pde"], self.problem)
        self.plan.look(*wanted)
        checkpoint = self._starting_point()
        dataset, manifest = self.plan.prepare(*wanted)
        stepper = self._stepper(surrogate, dataset)
        module = self._module(stepper, dataset.name, manifest.checksums(self.plan.counts))
        if self.is_first_rank:
            self._header(stepper, dataset, trainer, matmul)
            for logger in trainer.loggers:
                if isinstance(logger, WandbLog):
                    logger.keep_config(self.hashed)
        if self.settings.compile:
            # In place: names of weights, and whoever holds the network, stay as they are.
            surrogate.compile()
        self._fit(trainer, module, self._data(dataset), checkpoint)
        if trainer.is_global_zero:
            with nothing_compiled():
                self._conclude(stepper, dataset, trainer)

    def _check_batches(self) -> None:
        """What the data module and the schedule would refuse after the dataset was generated."""
        devices, size = self.config["trainer"]["devices"], self.plan.batch_size
        if isinstance(devices, int) and size % devices:
            raise ConfigError([f"data.batch_size: expected a multiple of trainer.devices={devices}, got {size}"])
        required, _ = self.objective.offsets(self.prediction)
        span = max(0, *required) - min(0, *required)
        windows = self.plan.num_windows(self.problem.times.num_snapshots, span)
        if size > windows:
            raise ConfigError([f"data.batch_size: expected at most {windows}, the training windows, got {size}"])
        batches = self.plan.batches_per_epoch or windows // size
        if batches > windows // size:
            raise ConfigError(
                [f"data.batches_per_epoch: the training windows fill {windows // size} batches, got {batches}"]
            )
        trainer = self.config["trainer"]
        epoch = math.ceil(batches / trainer["accumulate_grad_batches"])
        self.schedule.check(epoch * trainer["max_epochs"])

    def _surrogate(self) -> torch.nn.Module:
        """The network, its initial weights a function of the seed alone."""
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            surrogate = build_surrogate(self.config["model"], self.prediction, self.metadata)
        surrogate.check(self.metadata.geometry)
        return surrogate.double() if self.config["trainer"]["precision"] == "64-true" else surrogate

    def _trainer(self) -> Trainer:
        loggers = [build(node, f"logger.{name}") for name, node in (self.config["logger"] or {}).items()]
        callbacks = [build(node, f"callbacks.{name}") for name, node in self.config["callbacks"].items()]
        log = next((logger for logger in loggers if isinstance(logger, MetricsLog)), None)
        for callback in callbacks:
            if isinstance(callback, Checkpoints):
                callback.metrics_log = log
            if isinstance(callback, GrowingDepth):
                callback.check(self.objective)
        return build(self.config["trainer"], "trainer")(callbacks=callbacks, loggers=loggers)

    def _starting_point(self) -> Path | None:
        """Takes the run's folder; the checkpoint to go on from, if any."""
        checkpoint = None if self.settings.ckpt_path is None else Path(self.settings.ckpt_path)
        resumes = self.settings.resume == "auto"
        if checkpoint is not None:
            self._check_fits(checkpoint)
        if self.is_first_rank:
            resumes = self.folder.open(self._stored(), resumes)
        if checkpoint is None and self.folder.last.exists() and (resumes or not self.is_first_rank):
            self._check_fits(self.folder.last)
            checkpoint = self.folder.last
        return checkpoint

    def _stored(self) -> dict[str, Any]:
        """What the run's folder says of its configuration."""
        return {**self.hashed, "paths": self.config["paths"]}

    def _check_fits(self, path: Path) -> None:
        """Refuses a checkpoint of another run: Lightning would take its old settings without a word."""
        there = read_checkpoint(path)["recipe"].get("run", {})
        here = {key: self.hashed[key] for key in COMPARED}
        if changed := differences(there, here):
            raise ArtefactError("\n".join([f"checkpoint {path} and this configuration disagree:", *changed]))

    def _stepper(self, surrogate: Any, dataset: Path) -> SurrogateStepper:
        required, wanted = self.objective.measured_offsets(self.prediction)
        windows = self.plan.training_windows(dataset, required, wanted)
        stride = math.ceil(len(windows) / MOST_NORMALIZER_WINDOWS)

        def batches() -> Any:
            indices = range(0, len(windows), stride)
            for first in range(0, len(indices), 256):
                window: Window = windows.__getitems__(list(indices[first : first + 256]))
                yield self.objective.chosen(window, self.settings.seed, 0)

        normalizer = fit_normalizer(self.prediction, batches())
        return SurrogateStepper(surrogate, self.prediction, normalizer)

    def _module(self, stepper: SurrogateStepper, dataset: str, checksums: Mapping[str, str]) -> SurrogateModule:
        recipe = recipe_of(self.config, self.metadata, dataset)
        recipe["run"] = {key: self.hashed[key] for key in COMPARED}
        recipe |= {"num_test": self.plan.counts["test"], "stride": self.plan.stride, "chunks": dict(checksums)}
        return SurrogateModule(
            stepper,
            self.objective,
            build(self.config["optimizer"], "optimizer"),
            self.schedule,
            self.settings.seed,
            recipe,
        )

    def _data(self, dataset: Path) -> LightningDataModule:
        return self.plan.module(dataset, self.settings.seed, *self.objective.offsets(self.prediction))

    def _header(self, stepper: SurrogateStepper, dataset: Path, trainer: Trainer, matmul: str) -> None:
        share = self.plan.batch_size // trainer.num_devices
        print(f"run      {self.folder.path}")
        print(f"dataset  {dataset}  {self.plan.counts}")
        size, memory = size_of(stepper.surrogate, self.metadata.geometry, share)
        print(f"model    {size}, {type(self.prediction).__name__}")
        print(f"memory   {memory}")
        devices = f"{trainer.num_devices} x {type(trainer.accelerator).__name__.removesuffix('Accelerator')}"
        compiled = ", network compiled" if self.settings.compile else ""
        print(f"device   {devices}, precision {trainer.precision}, matrix products {matmul}{compiled}", flush=True)

    def _fit(
        self, trainer: Trainer, module: SurrogateModule, datamodule: LightningDataModule, checkpoint: Path | None
    ) -> None:
        if checkpoint is not None and self.is_first_rank:
            print(f"resuming from {checkpoint}", flush=True)
        began = time.monotonic()
        try:
            trainer.fit(module, datamodule=datamodule, ckpt_path=checkpoint, weights_only=True)
        except SIGTERMException:
            # Before the first step, where Lightning's own handler is still in charge.
            raise SystemExit(143) from None
        # Of a run that was resumed only the last part is known.
        self.training_seconds = time.monotonic() - began if checkpoint is None else None

    def _conclude(self, stepper: SurrogateStepper, dataset: Path, trainer: Trainer) -> None:
        seconds = self.training_seconds
        figures: dict[str, Any] = {"checkpoint": str(self.folder.best), "training_seconds": seconds}
        if self.settings.evaluate:
            weights = read_checkpoint(self.folder.best)["state_dict"]
            stepper.load_state_dict({key.removeprefix("stepper."): value for key, value in weights.items()})
            label = self.folder.path.name
            accelerator = self.config["trainer"]["accelerator"]
            lines, page = self.report.write(
                {label: stepper.eval()},
                dataset,
                self.plan.counts["test"],
                self.folder.report,
                title=label,
                config=dict(self.hashed),
                use_gpu=accelerator != "cpu",
                trained_stride=self.plan.stride,
                training_seconds={} if seconds is None else {label: seconds},
            )
            print("\n".join(lines))
            print(f"report: {page}")
            for logger in trainer.loggers:
                if isinstance(logger, WandbLog):
                    summary = json.loads((self.folder.report / "metrics.json").read_text(encoding="utf-8"))["summary"]
                    logger.keep_report(self.folder.report, summary[label])
            figures |= {"lines": lines, "report": str(page)}
        else:
            print(f"checkpoint: {self.folder.best}")
        self.folder.finish(figures)
