"""What a training run is made of, and all about it that can be checked beforehand."""

import math
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from tendency.app.configuration.build import build, build_surrogate
from tendency.app.configuration.identity import identity
from tendency.app.configuration.overrides import override_text
from tendency.app.configuration.settings import TrainSettings
from tendency.app.machine_limits import bounded, largest_numbers, numbers_of, require_writable
from tendency.app.problems.data_source import DataSource, data_of
from tendency.app.reports.rollout_report import RolloutReport
from tendency.app.runs.agreement import RESUMED, epoch_values
from tendency.app.runs.checkpoint_reader import StoredSurrogate, read_checkpoint
from tendency.app.runs.run_folder import RunFolder, differences
from tendency.app.training.network_limits import NetworkLimits, TriedOnMeta, device_memory
from tendency.app.training.network_output import require_call
from tendency.app.training.optimizer_trial import try_optimizer
from tendency.app.training.slurm_tasks import check_slurm
from tendency.data.machine import usable_cores
from tendency.errors import ArtefactError, ConfigError, printable
from tendency.simulation.conditions import Conditions
from tendency.simulation.problem import Problem
from tendency.surrogates.predictions.learned_steps import LearnedSteps
from tendency.surrogates.predictions.prediction import Prediction
from tendency.surrogates.surrogate import Surrogate
from tendency.trainers.loss_trial import try_loss
from tendency.trainers.objectives.objective import Objective
from tendency.trainers.run_position import RunPosition, position_in
from tendency.trainers.schedules import Schedule

MOST_STEPS, MOST_CALLS, MOST_JUDGED = 10**9, 10**4, 10**6
"""Of a training; of the network in a step of a rollout; of any number of a report, such as bins or members."""

KINDS: Mapping[str, Any] = {
    "pde": Problem,
    "model": Surrogate,
    "prediction": Prediction,
    "objective": Objective,
    "data": DataSource,
    "optimizer": Callable[..., Any],
    "scheduler": Schedule,
    "trainer": Callable[..., Any],
    "evaluation": RolloutReport,
}
"""What the node of each group builds, as annotations for the check of a configuration."""


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
        self.is_first_rank = is_first_rank()
        self.folder = RunFolder(Path(config["paths"]["run"]))
        self.checkpoint = None if settings.ckpt_path is None else Path(settings.ckpt_path)
        self.data: DataSource = data_of(config)
        problem = self.data.problem
        self.data.check()
        self.metadata = self.data.seen
        self.prediction: Prediction = build(config["prediction"], "prediction")
        self._check_window()
        with bounded("objective", config["objective"], "checking it"):
            objective: Objective = build(config["objective"], "objective")
            solved_here = problem is not None and problem.stored_geometry is problem.geometry
            self.objective = objective.with_solver(problem.simulator) if problem and solved_here else objective
            self.prediction.check(self.metadata.geometry)
            self.objective.check(self.prediction, self.metadata)
        self._try_loss()
        self.report: RolloutReport = build(config["evaluation"], "evaluation")
        self._check_report()
        self.schedule: Schedule = build(config["scheduler"], "scheduler")
        try_optimizer(build(config["optimizer"], "optimizer"))
        self.batches_per_epoch = self._checked_batches()
        self._check_places()

    @property
    def learned(self) -> LearnedSteps:
        """The steps that the surrogate will have learned."""
        (shortest, longest), stride = self.data.steps, self.data.stride
        return LearnedSteps(shortest * stride, longest * stride * self.objective.longest_stride)

    @property
    def side_lengths(self) -> list[float] | None:
        """The side lengths of the domain; None where they differ between trajectories."""
        sides = self.data.extent
        return [low for low, _ in sides] if all(low == high for low, high in sides) else None

    def done(self) -> bool:
        """Whether the run has been finished already, which is then said."""
        if not self.is_first_rank or (figures := self.folder.finished()) is None:
            return False
        self.folder.require_same(self.stored())
        lines = [f"done already: {self.folder.path}", *figures.get("lines", [])]
        command = shlex.join(["python", "evaluate.py", override_text("runs", [str(self.folder.path)])])
        lines.append(f"report: {figures.get('report') or f'none yet; {command}'}")
        print(printable("\n".join(lines)))
        return True

    def check_files(self) -> None:
        """Looks for what the run begins from, and whether it can write what it ends with.

        Raises:
            ConfigError: a folder that nothing can be written to.
            ArtefactError: a dataset that may not be made is missing, or ``ckpt_path`` is, or is of another run.
        """
        self.data.look()
        require_writable("paths.outputs", self.folder.path.parent)
        if self.checkpoint is not None:
            self.check_fits(self.checkpoint)

    def check_fits(self, path: Path) -> RunPosition:
        """Refuses a checkpoint that this run cannot go on from.

        Returns:
            Where it stands in this run.
        """
        stored = self.read_own(path)
        trainer = self.config["trainer"]
        try:
            position = position_in(stored.position, self.batches_per_epoch, trainer["accumulate_grad_batches"])
        except ValueError as error:
            raise ArtefactError(f"checkpoint {path}: {error}") from None
        if trainer["max_epochs"] <= position.epoch:
            raise ArtefactError(
                f"checkpoint {path} has begun epoch {position.epoch + 1}: expected trainer.max_epochs to be at least "
                f"as many, got {trainer['max_epochs']}"
            )
        return position

    def read_own(self, path: Path) -> StoredSurrogate:
        """Reads a checkpoint, and refuses that of another run, whose settings would be taken without a word."""
        stored = read_checkpoint(path)
        recipe = stored.recipe
        if recipe.version is None:
            raise ArtefactError(
                f"checkpoint {path} was written by an older version of this program; it can be loaded and judged, but "
                "no run goes on from it"
            )
        here = {key: value for key, value in self.epoch().items() if key in recipe.epoch}
        changed = differences(identity(recipe.run), identity(self.compared())) + differences(recipe.epoch, here)
        if changed:
            raise ArtefactError("\n".join(self._disagreement(path, changed)))
        return stored

    def _disagreement(self, path: Path, changed: Sequence[str]) -> list[str]:
        """Lines on a checkpoint of another configuration, and what to do about it."""
        if path == self.checkpoint or path.parent.resolve() != self.folder.last.parent.resolve():
            remedy = "restore these values, or train anew without ckpt_path"
            return [f"checkpoint {path} and this configuration disagree:", *changed, remedy]
        # The configuration is the one in the folder, which was compared before.
        way = ", or move it away: the run then goes on from best.ckpt" if path == self.folder.last else ""
        return [
            f"checkpoint {path} is not of the run whose folder it lies in: put back a copy of that run's own "
            f"{path.name}{way}. It disagrees with the run's configuration:",
            *changed,
        ]

    def surrogate(self) -> Surrogate:
        """The network, its initial weights a function of the seed alone.

        Raises:
            ConfigError: it does not fit into memory, cannot be called, or makes an output of another shape.
        """
        tried, memory = self._tried_network()
        building = bounded("model", self.config["model"], "building it", memory) if memory else nullcontext()
        with nullcontext() if tried.built else building, torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            surrogate = build_surrogate(self.config["model"], self.prediction, self.metadata)
        surrogate.check(self.metadata.geometry)
        if not tried.called:
            require_call(surrogate, self.metadata.geometry)
        return surrogate.double() if self.config["trainer"]["precision"] == "64-true" else surrogate

    def _tried_network(self) -> tuple[TriedOnMeta, int | None]:
        """What the meta device says of the network, and the memory of its own; refuses one that is too large."""
        trainer = self.config["trainer"]
        devices = trainer.get("devices", 1)
        memory = device_memory(str(trainer.get("accelerator", "auto")))
        share = self.data.batch_size // (devices if isinstance(devices, int) else 1)
        limits = NetworkLimits(self.config["model"], self.metadata.geometry, share, memory)
        return limits.check(lambda: build_surrogate(self.config["model"], self.prediction, self.metadata)), memory

    def stored(self) -> dict[str, Any]:
        """What the run's folder says of its configuration."""
        return {**self.hashed, "paths": self.config["paths"]}

    def compared(self) -> dict[str, Any]:
        """The part of the configuration that a checkpoint must agree with."""
        return {key: value for key, value in self.hashed.items() if key == "seed" or key in RESUMED}

    def epoch(self) -> dict[str, Any]:
        """What makes an epoch, which a checkpoint must agree with too."""
        return epoch_values(self.hashed)

    def _check_work(self, steps: int) -> None:
        """Refuses what would end in years, or in thousands of processes.

        Args:
            steps: of the whole training.
        """
        if steps > MOST_STEPS:
            raise ConfigError([f"trainer.max_epochs: expected at most {MOST_STEPS} steps of a training, got {steps}"])
        calls = self.prediction.network_calls
        if calls is not None and calls > MOST_CALLS:
            numbers = largest_numbers(self.config["prediction"], "prediction")
            raise ConfigError(
                [f"prediction: expected at most {MOST_CALLS} network evaluations a step, got {calls:g}; {numbers}"]
            )
        devices, on_gpu = self.config["trainer"].get("devices", 1), torch.cuda.is_available()
        most = max(16, 4 * usable_cores())
        if isinstance(devices, int) and devices > most and not on_gpu:
            raise ConfigError([f"trainer.devices: expected at most {most} processes on CPUs here, got {devices}"])
        for key, number in numbers_of(self.config["evaluation"], "evaluation"):
            if isinstance(number, int) and number > MOST_JUDGED:
                raise ConfigError([f"{key}: expected at most {MOST_JUDGED} in a report, got {number}"])

    def _check_window(self) -> None:
        """Refuses a history or a bundle longer than a trajectory."""
        most = self.metadata.num_snapshots - 1
        for name, length in (("history", self.prediction.history), ("bundle", self.prediction.bundle)):
            if length > most:
                raise ConfigError(
                    [
                        f"prediction.{name}: expected at most {most}, one less than the snapshots of a trajectory "
                        f"({self.data.snapshots_key}, data.stride), got {length}"
                    ]
                )

    def _check_places(self) -> None:
        """Refuses checkpoints or a log outside the run's folder, where nothing that reads runs would find them."""
        for key, expected in (
            ("callbacks.checkpoints", self.folder.last.parent),
            ("logger.local", self.folder.log.parent),
        ):
            group, name = key.split(".")
            node = (self.config.get(group) or {}).get(name)
            if node is None and group == "callbacks":
                raise ConfigError([f"{key}: a run needs its checkpoints, got none"])
            if isinstance(node, Mapping) and "folder" in node and Path(str(node["folder"])) != expected:
                raise ConfigError(
                    [f"{key}.folder: expected {str(expected)!r}, in the folder of the run, got {node['folder']!r}"]
                )

    def _check_validations(self, batches: int) -> None:
        """Refuses a run that would end without a validation, which chooses the best checkpoint.

        Args:
            batches: of an epoch.
        """
        trainer = self.config["trainer"]
        interval, every = trainer.get("val_check_interval"), trainer.get("check_val_every_n_epoch", 1)
        if interval is not None and interval > batches:
            raise ConfigError(
                [f"trainer.val_check_interval: expected at most {batches}, the batches of an epoch, got {interval}"]
            )
        if every > trainer["max_epochs"]:
            raise ConfigError(
                [
                    f"trainer.check_val_every_n_epoch: expected at most {trainer['max_epochs']} (trainer.max_epochs), "
                    f"since best.ckpt needs a validation, got {every}"
                ]
            )

    def _try_loss(self) -> None:
        """Refuses a loss whose numbers are so large or so small that its first step would be none."""
        problem, metadata = self.data.problem, self.metadata
        if problem is None:
            # Of what lies in data files alone, the loss is tried at values of ordinary size.
            widths = len(metadata.param_names), len(metadata.hidden_names), metadata.spatial_dims
            params, unknown, extent = (torch.ones(2, width, dtype=torch.float64) for width in widths)
        else:
            ranges = problem.parameters
            params, unknown, extent = (
                torch.tensor([[p.lowest for p in given], [p.highest for p in given]], dtype=torch.float64).reshape(
                    2, -1
                )
                for given in (
                    [ranges[name] for name in problem.param_names],
                    [ranges[name] for name in problem.hidden_names],
                    problem.extent,
                )
            )
        conditions = Conditions(params, unknown, extent, extent.new_zeros(2, 0), metadata.geometry)
        channels = self.prediction.out_channels(metadata.num_channels)
        precise = self.config["trainer"]["precision"] == "64-true"
        try:
            try_loss(self.objective.compare, channels, conditions, torch.float64 if precise else torch.float32)
        except ValueError as error:
            numbers = largest_numbers(self.config["objective"]["loss"], "objective.loss")
            raise ConfigError([f"{error}; {numbers}"]) from error

    def _check_report(self) -> None:
        """Refuses a report that asks for what the surrogate cannot be asked for after its training."""
        self.report.prediction(self.prediction)
        stride = self.report.stride or self.data.stride
        self.report.check_length(self.data.metadata.num_snapshots, self.data.stride, self.prediction.history)
        for step in {dt * stride for dt in self.data.steps}:
            try:
                self.prediction.num_steps(step, self.learned)
            except ValueError as error:
                raise ConfigError([f"evaluation.stride: snapshots {step:g} apart do not fit. {error}"]) from None

    def _checked_batches(self) -> int:
        """The batches of an epoch; what the data module and the schedule would refuse after data were generated."""
        devices, size = self.config["trainer"].get("devices", 1), self.data.batch_size
        check_slurm(os.environ, devices)
        if isinstance(devices, int) and size % devices:
            raise ConfigError([f"data.batch_size: expected a multiple of trainer.devices={devices}, got {size}"])
        required, _ = self.objective.offsets(self.prediction)
        span = max(0, *required) - min(0, *required)
        windows = self.data.num_windows(span)
        if size > windows:
            raise ConfigError([f"data.batch_size: expected at most {windows}, the training windows, got {size}"])
        batches = self.data.batches_per_epoch or windows // size
        if batches > windows // size:
            raise ConfigError(
                [f"data.batches_per_epoch: the training windows fill {windows // size} batches, got {batches}"]
            )
        self._check_validations(batches)
        trainer = self.config["trainer"]
        epoch = math.ceil(batches / trainer.get("accumulate_grad_batches", 1))
        self._check_work(epoch * trainer["max_epochs"])
        self.schedule.check(epoch * trainer["max_epochs"])
        return batches


def is_first_rank() -> bool:
    """Whether this process is the first of a run, before Lightning has numbered them.

    torchrun states the rank among all nodes; Slurm and Lightning's own launcher state one number each.
    """
    names = ["RANK"] if "TORCHELASTIC_RUN_ID" in os.environ else ["NODE_RANK", "LOCAL_RANK", "SLURM_PROCID"]
    return all(int(os.environ.get(name) or 0) == 0 for name in names)
