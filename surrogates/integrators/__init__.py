"""How a predicted time derivative is stepped: one family of schemes per file."""

from surrogates.integrators.adams_bashforth import AdamsBashforth, RungeKuttaStartedAdamsBashforth
from surrogates.integrators.dormand_prince import DormandPrince
from surrogates.integrators.integrator import Integrator, Slope
from surrogates.integrators.runge_kutta import ForwardEuler, Heun, Midpoint, RungeKutta4, SSPRungeKutta3
from surrogates.integrators.substeps import Substeps

__all__ = [
    "AdamsBashforth",
    "DormandPrince",
    "ForwardEuler",
    "Heun",
    "Integrator",
    "Midpoint",
    "RungeKutta4",
    "RungeKuttaStartedAdamsBashforth",
    "SSPRungeKutta3",
    "Slope",
    "Substeps",
]
