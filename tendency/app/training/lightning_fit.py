"""A training run from its plan to its report, by Lightning."""

import functools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from tendency.app.break_even.solver_record import machine_name
from tendency.app.configuration.build import build
from tendency.app.configuration.overrides import override_text
from tendency.app.hardware import (
    free_cores,
    keep_freed_memory,
    nothing_compiled,
    require_compiler,
    require_precision,
    set_matmul_precision,
    too_many_threads,
)
from tendency.app.reports.rollout_report import JudgedSurrogates, ReportText, TestData
from tendency.app.reports.told_training import ToldTraining, count_parameters, logged_records, today
from tendency.app.runs.recipe import Recipe
from tendency.app.runs.report_folder import ReportFolder
from tendency.app.training.checkpoint_examination import CheckpointExamination
from tendency.app.training.model_size import size_of
from tendency.app.training.resume_point import require_same_data, resume_point
from tendency.app.training.training_plan import TrainingPlan
from tendency.errors import ConfigError
from tendency.simulation.window import Window
from tendency.surrogates.stepper import SurrogateStepper, fit_normalizer
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.logs.metrics_log import MetricsLog
from tendency.trainers.module import Admit, SurrogateModule
from tendency.trainers.rank_watch import lost_rank
from tendency.trainers.run_hooks import BeginsWithRun, KeepsReport, RunContext

MOST_NORMALIZER_WINDOWS = 16384

LIGHTNING_KINDS = {"callbacks": Mapping[str, Callback], "logger": Mapping[str, Logger]}
"""What the nodes of Lightning's groups build, as annotations for the check of a configuration."""


class LightningFit:
    """Dataset, network, optimisation, report.

    Args:
        plan: what the run is made of.
        surrogate: the plan's network.
    """

    def __init__(self, plan: TrainingPlan, surrogate: Surrogate) -> None:
        self.plan, self.surrogate = plan, surrogate
        self.training_seconds: float | None = None
        self.free_cores: float | None = None

    def run(self) -> None:
        """Trains and reports."""
        # Before a dataset is generated: its workers would count as others.
        self.free_cores = free_cores()
        keep_freed_memory()
        matmul = set_matmul_precision(self.plan.settings.matmul_precision)
        trainer = self._trainer()
        device = trainer.strategy.root_device
        require_precision(self.surrogate, self.plan.metadata.geometry, self.plan.config["trainer"]["precision"], device)
        if self.plan.settings.compile:
            require_compiler(device)
        examination = CheckpointExamination(self.plan, self.surrogate, trainer)
        checkpoint = self._checkpoint_to_resume(examination)
        if self.plan.is_first_rank:
            self._header(trainer, matmul)
        dataset, manifest = self.plan.data.folder, self.plan.data.prepare()
        checksums = manifest.checksums(self.plan.data.counts)
        # Another's weights may be trained further on data of its own.
        if checkpoint is not None and checkpoint.parent == self.plan.folder.last.parent:
            require_same_data(checkpoint, checksums)
        self.plan.data.holder.share(trainer.num_devices)
        stepper = self._stepper()
        # What was examined before a dataset was made may have been replaced meanwhile.
        admit = None if checkpoint is None else functools.partial(examination.admit, checkpoint)
        module = self._module(stepper, dataset.name, checksums, admit)
        if self.plan.is_first_rank:
            self._begin(trainer.loggers, trainer.loggers)
        if self.plan.settings.compile:
            # In place: names of weights, and whoever holds the network, stay as they are.
            self.surrogate.compile()
        data = self.plan.data.module(self.plan.settings.seed, *self.plan.objective.offsets(self.plan.prediction))
        if self.plan.is_first_rank:
            print(f"windows  {data.held()}", flush=True)
        self._fit(trainer, module, data, checkpoint)
        if trainer.is_global_zero:
            with nothing_compiled():
                self._conclude(stepper, dataset, trainer)

    def _trainer(self) -> Trainer:
        loggers = [build(node, f"logger.{name}") for name, node in (self.plan.config.get("logger") or {}).items()]
        callbacks = [build(node, f"callbacks.{name}") for name, node in self.plan.config["callbacks"].items()]
        self._begin(callbacks, loggers)
        return build(self.plan.config["trainer"], "trainer")(callbacks=callbacks, loggers=loggers)

    def _begin(self, parts: Sequence[object], loggers: Sequence[object]) -> None:
        """Tells callbacks or loggers of the run."""
        log = next((logger for logger in loggers if isinstance(logger, MetricsLog)), None)
        context = RunContext(self.plan.objective, self.plan.hashed, log, self.plan.settings.resume == "auto")
        for part in parts:
            if isinstance(part, BeginsWithRun):
                part.begin_run(context)

    def _checkpoint_to_resume(self, examination: CheckpointExamination) -> Path | None:
        """Takes the run's folder; the checkpoint to go on from, if any."""
        resumes = self.plan.settings.resume == "auto"
        if self.plan.is_first_rank:
            resumes = self.plan.folder.open(self.plan.stored(), resumes)
        # A run that began from another's checkpoint goes on from its own.
        if own := resume_point(self.plan, examination.require) if resumes else None:
            return own
        if self.plan.checkpoint is not None:
            examination.require(self.plan.checkpoint)
        return self.plan.checkpoint

    def _stepper(self) -> SurrogateStepper:
        objective, prediction = self.plan.objective, self.plan.prediction
        normalizer = fit_normalizer(prediction, self._measured(*objective.measured_offsets(prediction)))
        if objective.change is not None:
            required, wanted = objective.offsets(prediction)
            last = max(required)
            # Windows of many snapshots: as much memory as above, whatever the depth.
            windows = self._measured(required, wanted, at_once=math.ceil(256 / last))
            objective.change.measure(windows, normalizer.fields, last)
        return SurrogateStepper(self.surrogate, prediction, normalizer)

    def _measured(self, required: tuple[int, ...], wanted: tuple[int, ...], at_once: int = 256) -> Iterator[Window]:
        """Batches of training windows, evenly spread, that units are measured on."""
        windows = self.plan.data.training_windows(required, wanted)
        indices = range(0, len(windows), math.ceil(len(windows) / MOST_NORMALIZER_WINDOWS))
        for first in range(0, len(indices), at_once):
            window: Window = windows.windows(list(indices[first : first + at_once]))
            yield self.plan.objective.chosen(window, self.plan.settings.seed, 0)

    def _module(
        self, stepper: SurrogateStepper, dataset: str, checksums: Mapping[str, str], admit: Admit | None
    ) -> SurrogateModule:
        recipe = Recipe(
            model=self.plan.config["model"],
            prediction=self.plan.config["prediction"],
            metadata=self.plan.metadata,
            dataset=dataset,
            run=self.plan.compared(),
            num_test=self.plan.data.counts["test"],
            stride=self.plan.data.stride,
            chunks=dict(checksums),
            epoch=self.plan.epoch(),
            learned_steps=[self.plan.learned.shortest, self.plan.learned.longest],
            extent=self.plan.side_lengths,
            params=self.plan.data.trained_params,
        )
        return SurrogateModule(
            stepper,
            self.plan.objective,
            build(self.plan.config["optimizer"], "optimizer"),
            self.plan.schedule,
            self.plan.settings.seed,
            recipe.to_dict(),
            admit,
        )

    def _header(self, trainer: Trainer, matmul: str) -> None:
        """What the run is and how large, before a dataset is made."""
        share = self.plan.data.batch_size // trainer.num_devices
        print(f"run      {self.plan.folder.path}")
        print(f"dataset  {self.plan.data.folder}  {dict(self.plan.data.counts)}")
        for line in self.plan.data.lines():
            print(line)
        size, memory = size_of(self.surrogate, self.plan.metadata.geometry, share)
        print(f"model    {size}, {type(self.plan.prediction).__name__}")
        print(f"memory   {memory}")
        devices = f"{trainer.num_devices} x {type(trainer.accelerator).__name__.removesuffix('Accelerator')}"
        compiled = ", network compiled" if self.plan.settings.compile else ""
        print(f"device   {devices}, precision {trainer.precision}, matrix products {matmul}{compiled}", flush=True)
        busy = too_many_threads(torch.get_num_threads(), self.free_cores)
        if busy and trainer.strategy.root_device.type == "cpu":
            print(f"threads  {busy}", flush=True)

    def _fit(
        self, trainer: Trainer, module: SurrogateModule, datamodule: LightningDataModule, checkpoint: Path | None
    ) -> None:
        if checkpoint is not None and self.plan.is_first_rank:
            print(f"resuming from {checkpoint}", flush=True)
        began = time.monotonic()
        try:
            trainer.fit(module, datamodule=datamodule, ckpt_path=checkpoint, weights_only=True)
        except SIGTERMException:
            # Before the first step, where Lightning's own handler is still in charge.
            raise SystemExit(143) from None
        except RuntimeError as error:
            raise lost_rank(error) or error from None
        # Of a run that was resumed only the last part is known.
        self.training_seconds = time.monotonic() - began if checkpoint is None else None

    def _conclude(self, stepper: SurrogateStepper, dataset: Path, trainer: Trainer) -> None:
        folder, seconds = self.plan.folder, self.training_seconds
        folder.require_there()
        device = machine_name(trainer.strategy.root_device)
        figures: dict[str, Any] = {
            "checkpoint": str(folder.best),
            "training_seconds": seconds,
            "device": f"{trainer.num_devices} × {device}" if trainer.num_devices > 1 else device,
            "date": today(),
        }
        if folder.best == folder.last:
            print(self._never_validated(trainer))
        if self.plan.settings.evaluate:
            stepper.load_state_dict(self.plan.read_own(folder.best).weights)
            lines, report = self._report(stepper.eval(), dataset, figures)
            print("\n".join(lines))
            print(f"report: {report.page}")
            # Finished before it is mirrored: a mirror that fails costs no run.
            folder.finish(figures | {"lines": lines, "report": str(report.page)})
            for logger in trainer.loggers:
                if isinstance(logger, KeepsReport):
                    logger.keep_report(report.path, report.summary(folder.path.name))
        else:
            print(f"checkpoint: {folder.best}")
            folder.finish(figures)

    def _never_validated(self, trainer: Trainer) -> str:
        """What is kept of a run that one of Lightning's limits ended before its first validation, and how to go on.

        Raises:
            ConfigError: it ended before its first step.
        """
        last = self.plan.folder.last
        if not last.exists():
            given = (self.plan.config["trainer"].get("options") or {}).get("max_time")
            raise ConfigError(
                [
                    f"trainer.options.max_time: expected more than the run of {self.plan.checkpoint} took, which "
                    f"counts, got {given!r}; no step was trained, and nothing is kept"
                ]
            )
        return (
            f"ended at step {trainer.global_step}, before its first validation, by a limit of trainer.options: "
            "last.ckpt is kept, and stands in for the best; another name= with a later limit and "
            f"{override_text('ckpt_path', str(last))} goes on from there"
        )

    def _report(
        self, stepper: SurrogateStepper, dataset: Path, figures: Mapping[str, Any]
    ) -> tuple[list[str], ReportFolder]:
        """Judges the best weights on the test trajectories."""
        name, seconds = self.plan.folder.path.name, self.training_seconds
        surrogates = JudgedSurrogates(
            {name: stepper.having_learned(self.plan.learned)},
            stride=self.plan.data.stride,
            training_seconds={} if seconds is None else {name: seconds},
        )
        test = TestData(dataset, self.plan.data.counts["test"])
        records = logged_records(self.plan.folder.log)
        told = ToldTraining(self.plan.hashed, count_parameters(stepper.surrogate), records, figures)
        text = ReportText(name, dict(self.plan.hashed), trainings={name: told})
        use_gpu = self.plan.config["trainer"]["accelerator"] != "cpu"
        report = self.plan.report
        return report.write(report.evaluate(surrogates, test, self.plan.folder.report.path, text, use_gpu))
