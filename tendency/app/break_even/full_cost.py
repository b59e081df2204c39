"""Measures whether surrogates pay: every setting of the solver that they replace, on the same hardware."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Len
from torch import Tensor

from tendency.app.break_even.generation_seconds import generation_of
from tendency.app.break_even.solver_record import FIGURES, machine_name, remember, remembered
from tendency.app.break_even.solver_settings import SolverSetting, describe_integrator, solver_settings
from tendency.app.problems.dataset_problem import problem_of
from tendency.app.progress import progress_line
from tendency.data.dataset import TrajectoryDataset
from tendency.evaluation.cost.break_even import BreakEven, CostPoint, judge_surrogate, pareto_front
from tendency.evaluation.cost.cost_study import CostStudy
from tendency.evaluation.cost.rollout_cost import (
    RolloutStart,
    best_batch,
    count_network_work,
    final_state,
    rollout_peak_bytes,
    time_rollout,
)
from tendency.evaluation.metrics.pointwise import combined_nrmse
from tendency.evaluation.rollouts.evaluate_rollouts import common_start
from tendency.simulation.annotations import PositiveFloat, PositiveInt
from tendency.simulation.geometry import Grid
from tendency.simulation.problem import Problem
from tendency.simulation.simulator import Precision, Simulator, begin, rollout
from tendency.simulation.tree import map_tensors
from tendency.surrogates.stepper import SurrogateStepper

ALONE, TOGETHER = "One trajectory at a time, ", "In the best batches of both, "

WATCHED_SECONDS = 0.05
"""Of a solver's work, while its memory is watched."""


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
        precisions: Annotated[list[Precision], Len(1)] = ("float64", "float32"),  # type: ignore[assignment]
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
            raise ValueError("no reference solver is known, or none works where the snapshots lie")
        start = self._start(simulators, test, problem, device)
        truth = _refined_truth(problem, start)
        machine = machine_name(device)
        record = self._record(test, machine, start)
        settings = self._settings(problem, start)
        known = remembered(record)
        if known is None:
            known = self._solver_points(settings, start, truth)
            remember(record, machine, *known)
        alone, together = known
        own_alone, own_together = [], []
        report = progress_line("timing surrogates")
        for done, (name, simulator) in enumerate(simulators.items(), 1):
            first, best = self._point(name, simulator, start, truth)
            own_alone.append(first)
            own_together.append(best)
            report(done, len(simulators))
        horizon = float((start.times[:, -1] - start.t[:, -1]).mean())
        own_labels = {setting.label for setting in settings if setting.is_own}
        generation = generation_of(test, next((p for p in alone if p.label in own_labels), None), horizon)
        verdicts = []
        for how, points, solver in ((ALONE, own_alone, alone), (TOGETHER, own_together, together)):
            for point in points:
                trained = training_seconds.get(point.method)
                spent = None if trained is None or generation.seconds is None else trained + generation.seconds
                verdicts.append(judge_surrogate(point, solver, spent, how))
        return BreakEven(
            [*alone, *own_alone],
            [*together, *own_together],
            verdicts,
            horizon,
            len(start.u),
            machine,
            generation,
            dict(training_seconds),
        )

    def _start(
        self, simulators: Mapping[str, Simulator], test: TrajectoryDataset, problem: Problem, device: torch.device
    ) -> RolloutStart:
        """The first test trajectories at the snapshot where the longest history ends."""
        history = common_start(simulators) + 1
        window = test.windows(list(range(min(self.trajectories, len(test)))))
        times = window.times(0, window.u.shape[1] - 1)
        within = times - times[:, history - 1 : history] <= problem.tolerances.window * (1 + 1e-9)
        last = max(int(within.sum(1).min()) - 1, history)
        u, t = window.moved(history - 1).history(history)
        start = RolloutStart(u, t, times[:, history : last + 1], window.conditions, window.index)
        return map_tensors(lambda x: x.to(device), start)

    def _settings(self, problem: Problem, start: RolloutStart) -> list[SolverSetting]:
        longest = float((start.times[:, 0] - start.t[:, -1]).max())
        return list(
            solver_settings(problem, self.integrators, self.coarsenings, self.step_factors, self.precisions, longest)
        )

    def _solver_points(
        self, settings: Sequence[SolverSetting], start: RolloutStart, truth: Tensor
    ) -> tuple[list[CostPoint], list[CostPoint]]:
        """All settings at a batch of one, and those on the front at their best batch."""
        double = replace(start, u=start.u.double())
        alone: dict[str, CostPoint] = {}
        unstable: set[tuple[tuple[int, ...], str, str]] = set()
        report = progress_line("timing settings of the solver")
        for done, setting in enumerate(settings, 1):
            if setting.group not in unstable:
                point = self._alone("solver", setting.label, setting.simulator, double, truth)
                one = _row(double, 0)
                peak = rollout_peak_bytes(setting.simulator, one, _watched(one, point.seconds))
                alone[setting.label] = replace(point, peak_bytes=peak)
                if point.error == float("inf"):
                    unstable.add(setting.group)
            report(done, len(settings))
        by_label = {setting.label: setting.simulator for setting in settings}
        together = []
        best = pareto_front(list(alone.values()))
        report = progress_line("timing batches of the best settings")
        for done, point in enumerate(best, 1):
            cost = best_batch(by_label[point.label], double, self.batches, self.repeats)
            many = double.repeated(cost.batch)
            peak = rollout_peak_bytes(by_label[point.label], many, _watched(many, cost.seconds * cost.batch))
            together.append(replace(point, seconds=cost.seconds, batch=cost.batch, peak_bytes=peak))
            report(done, len(best))
        return list(alone.values()), together

    def _alone(self, name: str, label: str, simulator: Simulator, start: RolloutStart, truth: Tensor) -> CostPoint:
        """A point at a batch of one: errors of all trajectories, each solved by itself like the timed one."""
        rows = [_row(start, row) for row in range(len(start.u))]
        first, end = time_rollout(simulator, rows[0], self.repeats)
        with torch.inference_mode():
            ends = [end, *(final_state(simulator, row, row.times) for row in rows[1:])]
        weights = start.conditions.weights()
        error = combined_nrmse(torch.cat(ends), truth, weights).nan_to_num(nan=torch.inf).clamp(min=1e-300)
        return CostPoint(name, label, first.seconds, float(error.log().mean().exp()), 1)

    def _point(
        self, name: str, simulator: Simulator, start: RolloutStart, truth: Tensor
    ) -> tuple[CostPoint, CostPoint]:
        """A surrogate's points at a batch of one and at its best."""
        one = _row(start, 0)
        alone = replace(self._alone(name, "", simulator, start, truth), peak_bytes=rollout_peak_bytes(simulator, one))
        if isinstance(simulator, SurrogateStepper):
            work = count_network_work(simulator, simulator.surrogate, one)
            alone = replace(alone, network_calls=work.calls, flops=work.flops)
        cost = best_batch(simulator, start, self.batches, self.repeats)
        peak = rollout_peak_bytes(simulator, start.repeated(cost.batch))
        return alone, replace(alone, seconds=cost.seconds, batch=cost.batch, peak_bytes=peak)

    def _record(self, test: TrajectoryDataset, machine: str, start: RolloutStart) -> Path:
        schemes = {name: describe_integrator(integrator) for name, integrator in self.integrators.items()}
        settings = {**vars(self), "integrators": schemes}
        what = [FIGURES, machine, settings, test.stride, start.t.tolist(), start.times.tolist(), test.split]
        digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:10]
        return test.folder / f"solver_cost-{digest}.json"


def _row(start: RolloutStart, row: int) -> RolloutStart:
    return map_tensors(lambda x: x[row : row + 1], start)


def _watched(start: RolloutStart, seconds: float) -> Tensor:
    """A time (B, 1) up to which the memory of a solver is watched, from the seconds that it needs up to the horizon.

    Watching slows it down many times over, and its inner steps are all alike.
    """
    t, first = start.t[:, -1:], start.times[:, :1]
    return t + (first - t) * min(1.0, WATCHED_SECONDS * start.times.shape[1] / seconds)


def _refined_truth(problem: Problem, start: RolloutStart) -> Tensor:
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
