"""Measures whether surrogates pay: every setting of the solver that they replace, on the same hardware."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Len
from torch import Tensor

from data.dataset import TrajectoryDataset
from data.solving_seconds import processor_name
from data.whole_file import whole_file
from evaluation.break_even import BreakEven, Point, front, verdict
from evaluation.cost import Start, best_batch, cost_of, memory_of, network_work
from evaluation.metrics.snapshot import combined_nrmse
from simulation.annotations import PositiveFloat, PositiveInt
from simulation.geometry import Grid
from simulation.problem import Problem
from simulation.simulator import Simulator, begin, rollout
from simulation.tree import map_tensors
from surrogates.stepper import SurrogateStepper
from tendency.baselines import problem_of
from tendency.generation_cost import generation_of
from tendency.solver_family import SolverSetting, solver_settings

RECORD = 2
"""Of what is remembered beside a dataset; raised when another figure is measured."""


class CostStudy(ABC):
    """How a report measures what its surrogates save."""

    @abstractmethod
    def measure(
        self,
        simulators: Mapping[str, Simulator],
        test: TrajectoryDataset,
        device: torch.device,
        training_seconds: Mapping[str, float],
    ) -> BreakEven:
        """Measures surrogates and solver.

        Args:
            simulators: the surrogates by name, on the device.
            test: whole test trajectories.
            device: where all are timed.
            training_seconds: of each surrogate, where they are known.

        Raises:
            ValueError: there is no solver to compare with, with the reason.
        """


class FullCost(CostStudy):
    """The front of error against seconds of the problem's own solver: grids x steps x integrators x precisions.

    Errors are taken at one horizon, at most the window of the problem's tolerances (a chaotic flow's solutions part
    soon after), against a run on twice the points with a quarter of the solver's step: finer by one refinement than the
    data and than every setting. What the solver needs is remembered beside the dataset, for each machine.

    Args:
        trajectories: test trajectories that errors are averaged over.
        coarsenings: of the dataset's grid.
        step_factors: on the solver's own step, increasing.
        precisions: of the solver's arithmetic, where it has a choice.
        integrators: by name; those that the problem's solver can take in place of its own.
        batches: sizes among which the best is looked for, increasing.
        repeats: of each timing, the fastest counts.
    """

    def __init__(
        self,
        trajectories: PositiveInt = 4,
        coarsenings: Annotated[list[PositiveInt], Len(1)] = (1, 2, 4),  # type: ignore[assignment]
        step_factors: Annotated[list[PositiveFloat], Len(1)] = (1, 2, 4, 8, 16),  # type: ignore[assignment]
        precisions: Annotated[list[Literal["float64", "float32"]], Len(1)] = ("float64", "float32"),  # type: ignore[assignment]
        integrators: Mapping[str, Any] | None = None,
        batches: Annotated[list[PositiveInt], Len(1)] = (1, 4, 16, 64),  # type: ignore[assignment]
        repeats: PositiveInt = 2,
    ) -> None:
        self.trajectories, self.coarsenings, self.step_factors = trajectories, list(coarsenings), list(step_factors)
        self.precisions, self.integrators = list(precisions), dict(integrators or {})
        self.batches, self.repeats = list(batches), repeats

    def measure(
        self,
        simulators: Mapping[str, Simulator],
        test: TrajectoryDataset,
        device: torch.device,
        training_seconds: Mapping[str, float],
    ) -> BreakEven:
        """See ``CostStudy.measure``."""
        problem = problem_of(test)
        if problem is None or problem.stored_geometry is not problem.geometry:
            raise ValueError("no reference solver works where the snapshots lie")
        node = test.manifest.description["problem"]
        start = self._start(simulators, test, problem, device)
        truth = _refined_truth(problem, start)
        machine = machine_name(device)
        known = self._remembered(test, machine, start)
        if known is None:
            settings = self._settings(node, problem, start)
            known = self._solver_points(settings, start, truth)
            self._remember(test, machine, start, known)
        alone, together = known
        own_alone, own_together = [], []
        for name, simulator in simulators.items():
            first, best = self._point(name, simulator, start, truth)
            own_alone.append(first)
            own_together.append(best)
        generation = generation_of(test, alone, float((start.times[:, -1] - start.t[:, -1]).mean()))
        verdicts = []
        for points, solver in ((own_alone, alone), (own_together, together)):
            for point in points:
                trained = training_seconds.get(point.method)
                spent = None if trained is None or generation.seconds is None else trained + generation.seconds
                verdicts.append(verdict(point, solver, spent))
        return BreakEven(
            [*alone, *own_alone],
            [*together, *own_together],
            verdicts,
            float((start.times[:, -1] - start.t[:, -1]).mean()),
            len(start.u),
            machine,
            generation,
            dict(training_seconds),
        )

    def _start(
        self, simulators: Mapping[str, Simulator], test: TrajectoryDataset, problem: Problem, device: torch.device
    ) -> Start:
        """The first test trajectories at the snapshot where the longest history ends."""
        history = max(simulator.history for simulator in simulators.values())
        window = test.__getitems__(list(range(min(self.trajectories, len(test)))))
        times = window.times(0, window.u.shape[1] - 1)
        within = times - times[:, history - 1 : history] <= problem.tolerances.window * (1 + 1e-9)
        last = max(int(within.sum(1).min()) - 1, history)
        u, t = window.moved(history - 1).history(history)
        start = Start(u, t, times[:, history : last + 1], window.conditions, window.index)
        return map_tensors(lambda x: x.to(device), start)

    def _settings(self, node: Mapping[str, Any], problem: Problem, start: Start) -> list[SolverSetting]:
        longest = float((start.times[:, 0] - start.t[:, -1]).max())
        return list(
            solver_settings(
                node, problem, self.integrators, self.coarsenings, self.step_factors, self.precisions, longest
            )
        )

    def _solver_points(
        self, settings: Sequence[SolverSetting], start: Start, truth: Tensor
    ) -> tuple[list[Point], list[Point]]:
        """All settings at a batch of one, and those on the front at their best batch."""
        double = replace(start, u=start.u.double())
        alone: dict[str, Point] = {}
        unstable: set[str] = set()
        for setting in settings:
            if setting.group not in unstable:
                point = self._alone("solver", setting.label, setting.simulator, double, truth)
                alone[setting.label] = point
                if point.error == float("inf"):
                    unstable.add(setting.group)
        by_label = {setting.label: setting.simulator for setting in settings}
        together = []
        for point in front(list(alone.values())):
            cost = best_batch(by_label[point.label], double, self.batches, self.repeats)
            peak = memory_of(by_label[point.label], double.repeated(cost.batch))
            together.append(replace(point, seconds=cost.seconds, batch=cost.batch, peak_bytes=peak))
        return list(alone.values()), together

    def _alone(self, name: str, label: str, simulator: Simulator, start: Start, truth: Tensor) -> Point:
        """A point at a batch of one: errors of all trajectories, each solved by itself like the timed one."""
        rows = [_row(start, row) for row in range(len(start.u))]
        first, end = cost_of(simulator, rows[0], self.repeats)
        ends = [end, *(cost_of(simulator, row, 1)[1] for row in rows[1:])]
        weights = start.conditions.geometry.weights(start.conditions.extent)
        error = combined_nrmse(torch.cat(ends), truth, weights).nan_to_num(nan=torch.inf).clamp(min=1e-300)
        peak = memory_of(simulator, rows[0])
        return Point(name, label, first.seconds, float(error.log().mean().exp()), 1, peak)

    def _point(self, name: str, simulator: Simulator, start: Start, truth: Tensor) -> tuple[Point, Point]:
        """A surrogate's points at a batch of one and at its best."""
        alone = self._alone(name, "", simulator, start, truth)
        if isinstance(simulator, SurrogateStepper):
            work = network_work(simulator, simulator.surrogate, _row(start, 0))
            alone = replace(alone, network_calls=work.calls, flops=work.flops)
        cost = best_batch(simulator, start, self.batches, self.repeats)
        peak = memory_of(simulator, start.repeated(cost.batch))
        return alone, replace(alone, seconds=cost.seconds, batch=cost.batch, peak_bytes=peak)

    def _cache(self, test: TrajectoryDataset, machine: str, start: Start) -> Path:
        schemes = {name: [type(scheme).__name__, vars(scheme)] for name, scheme in self.integrators.items()}
        settings = {**vars(self), "integrators": schemes}
        what = [RECORD, machine, settings, test.stride, start.t.tolist(), start.times.tolist(), test.split]
        digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:10]
        return test.folder / f"solver_cost-{digest}.json"

    def _remembered(
        self, test: TrajectoryDataset, machine: str, start: Start
    ) -> tuple[list[Point], list[Point]] | None:
        path = self._cache(test, machine, start)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            alone, together = ([Point(**point) for point in content[key]] for key in ("alone", "together"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return alone, together

    def _remember(
        self, test: TrajectoryDataset, machine: str, start: Start, known: tuple[list[Point], list[Point]]
    ) -> None:
        content = {"machine": machine} | {
            key: [asdict(point) for point in points] for key, points in zip(("alone", "together"), known, strict=True)
        }
        try:
            with whole_file(self._cache(test, machine, start)) as temporary:
                temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        except OSError:
            return  # a dataset that may only be read is measured again next time


def _row(start: Start, row: int) -> Start:
    return map_tensors(lambda x: x[row : row + 1], start)


def _refined_truth(problem: Problem, start: Start) -> Tensor:
    """The states (B, C, *N) at the horizon, solved on twice the points with a quarter of the step."""
    solver, conditions, grid = problem.simulator, start.conditions, problem.geometry
    if not isinstance(grid, Grid):
        raise ValueError("only a grid can be refined")
    fine = replace(conditions, geometry=grid.scaled(2))
    finer = solver.refined().refined()
    u = solver.resample(start.u[:, -1].double(), conditions, fine.geometry.shape)
    with torch.inference_mode():
        for state in rollout(finer, begin(finer, u[:, None], start.t[:, -1:], fine, start.seed), start.times, fine):
            u = state.u
    return solver.resample(u, fine, grid.shape)


def machine_name(device: torch.device) -> str:
    """The processor or the GPU, the threads and the version of torch: what seconds depend on."""
    if device.type == "cuda":
        hardware = torch.cuda.get_device_name(device)
    else:
        hardware = f"{processor_name()}, {torch.get_num_threads()} threads"
    return f"{hardware}, torch {torch.__version__}"
