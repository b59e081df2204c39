"""Exact solutions of Riemann problems, by the book and without the solvers' code.

Toro: Riemann Solvers and Numerical Methods for Fluid Dynamics (2009), chapter 4; Shock-Capturing Methods for
Free-Surface Shallow Flows (2001), chapter 5.
"""

import math

from scipy.optimize import brentq


class Gas:
    """An ideal gas; states are (density, velocity, pressure)."""

    def __init__(self, gamma=1.4):
        self.gamma = gamma

    def sound(self, state):
        return math.sqrt(self.gamma * state[2] / state[0])

    def change(self, p, state):
        """The velocity that a wave from ``state`` to pressure p adds or takes."""
        g, (rho, _, p0) = self.gamma, state
        if p > p0:
            return (p - p0) * math.sqrt(2 / ((g + 1) * rho) / (p + (g - 1) / (g + 1) * p0))
        return 2 * self.sound(state) / (g - 1) * ((p / p0) ** ((g - 1) / (2 * g)) - 1)

    def between(self, left, right):
        """(p*, u*)."""
        p = brentq(
            lambda p: self.change(p, left) + self.change(p, right) + right[1] - left[1],
            1e-12,
            1e5,
            xtol=1e-13,
            rtol=1e-14,
        )
        return p, (left[1] + right[1] + self.change(p, right) - self.change(p, left)) / 2

    def behind(self, p, state):
        """The density behind the wave."""
        g, (rho, _, p0) = self.gamma, state
        ratio, m = p / p0, (g - 1) / (g + 1)
        return rho * (ratio + m) / (m * ratio + 1) if p > p0 else rho * ratio ** (1 / g)

    def sample(self, left, right, s):
        """The state on the ray x / t = s."""
        p, u = self.between(left, right)
        if s > u:
            # The mirror image.
            rho, v, pressure = self.sample((right[0], -right[1], right[2]), (left[0], -left[1], left[2]), -s)
            return rho, -v, pressure
        g, (rho, v, p0), c = self.gamma, left, self.sound(left)
        if p > p0:
            shock = v - c * math.sqrt((g + 1) / (2 * g) * p / p0 + (g - 1) / (2 * g))
            return left if s < shock else (self.behind(p, left), u, p)
        tail = u - c * (p / p0) ** ((g - 1) / (2 * g))
        if s < v - c:
            return left
        if s > tail:
            return self.behind(p, left), u, p
        fan = 2 / (g + 1) + (g - 1) / ((g + 1) * c) * (v - s)
        return rho * fan ** (2 / (g - 1)), 2 / (g + 1) * (c + (g - 1) / 2 * v + s), p0 * fan ** (2 * g / (g - 1))


class Water:
    """Shallow water; states are (depth, velocity)."""

    def __init__(self, gravity=1.0):
        self.gravity = gravity

    def change(self, h, state):
        g, h0 = self.gravity, state[0]
        if h > h0:
            return (h - h0) * math.sqrt(g / 2 * (h + h0) / (h * h0))
        return 2 * (math.sqrt(g * h) - math.sqrt(g * h0))

    def between(self, left, right):
        """(h*, u*)."""
        h = brentq(
            lambda h: self.change(h, left) + self.change(h, right) + right[1] - left[1],
            1e-9,
            1e3,
            xtol=1e-14,
            rtol=1e-14,
        )
        return h, (left[1] + right[1] + self.change(h, right) - self.change(h, left)) / 2

    def shock_speed(self, h, state):
        """Into a state at rest on the right."""
        return state[1] + math.sqrt(self.gravity * h * (h + state[0]) / (2 * state[0]))

    def sample(self, left, right, s):
        """The state on the ray x / t = s."""
        h, u = self.between(left, right)
        if s > u:
            depth, v = self.sample((right[0], -right[1]), (left[0], -left[1]), -s)
            return depth, -v
        g, (h0, v) = self.gravity, left
        if h > h0:
            return left if s < v - math.sqrt(g * h * (h + h0) / (2 * h0)) else (h, u)
        c = math.sqrt(g * h0)
        if s < v - c:
            return left
        if s > u - math.sqrt(g * h):
            return h, u
        celerity = (v + 2 * c - s) / 3
        return celerity**2 / g, s + celerity
