"""Equations that discretise themselves, stepped by explicit Runge-Kutta schemes."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from tendency.simulation.annotations import PositiveFloat
from tendency.simulation.conditions import Conditions
from tendency.simulation.simulator import SolverSettings
from tendency.simulation.tree import Tree
from tendency.solvers.equation_solver import START_ELSEWHERE, EquationSolver
from tendency.solvers.equations import MethodOfLines
from tendency.solvers.explicit_runge_kutta import ExplicitRungeKutta, SemiDiscreteSystem, advance_in_stable_steps


class MethodOfLinesSolver(EquationSolver):
    """A reference solver (a Simulator) for an equation that states its own semi-discrete right-hand side.

    Args:
        equation: what is solved; it says how long a step may be.
        integrator: how it is stepped.
        max_step: largest time step, for accuracy; stability may ask for shorter ones.

    Raises:
        ValueError: a scheme for diffusion alone with an equation that transports.
    """

    def __init__(self, equation: MethodOfLines, integrator: ExplicitRungeKutta, max_step: PositiveFloat) -> None:
        super().__init__(equation)
        if equation.transports and integrator.imaginary_stability == 0:
            raise ValueError(
                f"pde.simulator.integrator: {equation.name} transports, {type(integrator).__name__} is stable for "
                "diffusion alone; use tendency.solvers.explicit_runge_kutta.ExplicitRK4"
            )
        self.equation, self.integrator, self.max_step = equation, integrator, max_step

    def check(self, conditions: Conditions) -> None:
        """Refuses a geometry or parameters that the scheme cannot take.

        Raises:
            ValueError: naming the config key, the value and what was expected.
        """
        conditions.require_no_fields(f"the solver of {self.name}")
        self.grid(conditions)
        self.equation.check(conditions)

    def start(self, u: Tensor, t: Tensor, conditions: Conditions, seed: Tensor) -> Tree:
        """Nothing is carried."""
        return {}

    def advance(self, u: Tensor, t: Tensor, dt: Tensor, conditions: Conditions, memory: Tree) -> tuple[Tensor, Tree]:
        """Advances by dt, each trajectory in steps of its own.

        Raises:
            InstabilityError: a state is no longer finite.
        """
        equation, scheme = self.equation, self.integrator

        def stable_step(q: Tensor) -> Tensor:
            longest = equation.stable_step(q.detach(), conditions, scheme.real_stability, scheme.imaginary_stability)
            return longest.detach().clamp(max=self.max_step)

        system = SemiDiscreteSystem(
            self.name,
            rate=lambda q, now: equation.rate(q, now, conditions),
            stable_step=stable_step,
            usable=lambda q: torch.isfinite(q.flatten(1).sum(1)),
            remedy=f"lower pde.simulator.max_step (now {self.max_step:g}), "
            f"soften pde.initial_condition, {START_ELSEWHERE}",
        )
        end = advance_in_stable_steps(scheme, system, equation.to_unknowns(u.double()), t, dt)
        return equation.to_fields(end).to(u.dtype), memory

    def time_derivative(self, u: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """u_t (B, C, *N) of the semi-discrete system."""
        q = self.equation.to_unknowns(u.double())
        return self.equation.to_fields(self.equation.rate(q, t.double(), conditions)).to(u.dtype)

    def refined(self) -> "MethodOfLinesSolver":
        """The same with half the largest step."""
        solver = copy.copy(self)
        solver.max_step = self.max_step / 2
        return solver

    def settings(self) -> SolverSettings:
        """The largest step and the Runge-Kutta scheme."""
        return SolverSettings(self.max_step, True, self.integrator, ExplicitRungeKutta)

    def with_settings(self, settings: SolverSettings) -> "MethodOfLinesSolver":
        """The same solver with other settings; see ``AdjustableSolver``.

        Raises:
            ValueError: a scheme for diffusion alone with an equation that transports, or a choice of precision.
        """
        self.require_double(settings)
        return MethodOfLinesSolver(self.equation, settings.integrator, settings.step)

    def resample(self, u: Tensor, conditions: Conditions, shape: Sequence[int]) -> Tensor:
        """The equation's own."""
        return self.equation.resample(u, conditions, shape)

    def conserved(self, u: Tensor, conditions: Conditions) -> dict[str, Tensor]:
        """The equation's densities, whose means stay constant."""
        return self.equation.conserved(u, conditions)
