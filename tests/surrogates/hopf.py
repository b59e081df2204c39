"""The normal form of a Hopf bifurcation at a varying pace: smooth, nonlinear, non-autonomous, with a known solution."""

import math

import torch

START = torch.tensor([[0.4, 0.1], [1.5, -0.3], [-0.2, 0.9]], dtype=torch.float64)[..., None]
"""Initial states (B, 2, 1)."""


def pace(t):
    """ds/dt, s being the time of the autonomous system."""
    return 1 + 0.5 * torch.cos(3 * t)


def slope(u, t):
    """(x, y)' = pace(t) (x - y - x r², x + y - y r²) for u (B, 2, 1)."""
    x, y = u[:, :1], u[:, 1:]
    radius = x**2 + y**2
    return pace(t).reshape(-1, 1, 1).to(u.dtype) * torch.cat([x - y - x * radius, x + y - y * radius], 1)


def solution(t, u=START):
    """The state (B, 2, 1) at times t (B,), from u at 0: r² = 1 / (1 + (1/r₀² - 1) exp(-2s)), angle + s."""
    s = (t + 0.5 * torch.sin(3 * t) / 3).reshape(-1, 1, 1)
    x, y = u[:, :1], u[:, 1:]
    square = x**2 + y**2
    stretch = (1 / (square * (1 + (1 / square - 1) * torch.exp(-2 * s)))).sqrt()
    return stretch * torch.cat([x * s.cos() - y * s.sin(), x * s.sin() + y * s.cos()], 1)


def uneven_times(n, end, rows=3):
    """(rows, n + 1) times from 0 to the end whose steps vary smoothly by a factor of 4, differently in each row."""
    phase = torch.arange(n, dtype=torch.float64) / n * 2 * math.pi
    steps = 1 + 0.6 * torch.sin(phase + torch.arange(rows, dtype=torch.float64)[:, None])
    start = torch.zeros(rows, 1, dtype=torch.float64)
    return torch.cat([start, end * (steps / steps.sum(1, keepdim=True)).cumsum(1)], 1)


def even_times(n, end, rows=3):
    """(rows, n + 1) equally spaced times from 0 to the end."""
    return torch.linspace(0, end, n + 1, dtype=torch.float64).expand(rows, -1)


def rolled(integrator, times, u=START, f=slope):
    """The state at the last of the times (B, T), and the memory there."""
    memory = integrator.start(u)
    for t, t_next in zip(times.unbind(1)[:-1], times.unbind(1)[1:], strict=True):
        u, memory = integrator.advance(f, u, t, t_next - t, memory)
    return u, memory
