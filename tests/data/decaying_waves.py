"""u_t = -r u + u_x on a periodic grid, solved exactly mode by mode: a reference solver of a few lines for the tests."""

import math
import time

import torch

from tendency.simulation.fields import Field
from tendency.simulation.geometry import Boundary, Grid
from tendency.simulation.parameters import Constant, Uniform
from tendency.simulation.problem import Problem, Times, Tolerances
from tendency.simulation.simulator import InstabilityError


class DecayingWaves:
    """Exact, but for what a test spoils: ``step_error``, ``slope_error``, ``blow_up``, ``slowness``."""

    name, version, history, error_norm = "decaying_waves", 1, 1, 2.0
    fields = (Field("u"), Field("flow", rank=1))
    parameter_names = ("rate",)

    def __init__(self, step_error=0.0, slope_error=0.0, blow_up=False, slowness=0.0, frozen=False):
        self.step_error, self.slope_error, self.blow_up = step_error, slope_error, blow_up
        self.slowness, self.frozen = slowness, frozen

    def check(self, conditions):
        if (conditions.parameter("rate") < 0).any():
            raise ValueError("pde.parameters.rate: expected positive values")

    def start(self, u, t, conditions, seed):
        return {}

    def symbol(self, conditions):
        n, dims = conditions.geometry.shape[-1], conditions.geometry.spatial_dims
        k = 2 * math.pi * torch.fft.fftfreq(n, 1 / n, dtype=torch.float64) / conditions.extent[:, -1:]
        rate = conditions.parameter("rate")[:, None]
        return (1j * k - rate).reshape(len(rate), 1, *[1] * (dims - 1), n)

    def advance(self, u, t, dt, conditions, memory):
        time.sleep(self.slowness)
        if self.blow_up:
            raise InstabilityError("decaying_waves became unstable by t = 1", [1])
        if self.frozen:
            return u, memory
        factor = torch.exp(dt.reshape(-1, *[1] * (u.ndim - 1)) * self.symbol(conditions))
        u = torch.fft.ifft(torch.fft.fft(u) * factor).real
        return u * (1 + self.step_error), memory

    def time_derivative(self, u, t, conditions):
        return torch.fft.ifft(torch.fft.fft(u) * self.symbol(conditions)).real * (1 + self.slope_error)

    def refined(self):
        return DecayingWaves(self.step_error / 16, self.slope_error)

    def resample(self, u, conditions, shape):
        for axis, n in enumerate(shape):
            dim = axis - len(shape)
            u_hat = torch.fft.fft(u, dim=dim)
            old = u.shape[dim]
            keep = min(old, n) // 2
            index = torch.cat([torch.arange(keep), torch.arange(-keep + 1, 0)])
            size = list(u_hat.shape)
            size[dim] = n
            target = torch.zeros(size, dtype=u_hat.dtype)
            target.index_copy_(target.ndim + dim, index % n, u_hat.index_select(dim, index % old))
            u = torch.fft.ifft(target, dim=dim).real * n / old
        return u

    def conserved(self, u, conditions):
        return {}


class Waves:
    """A few waves with random phases."""

    def __init__(self, dims):
        self.dims = dims

    def __call__(self, generator, conditions):
        x = conditions.geometry.coordinates(conditions.extent)[:, -1] / conditions.extent[:, -1]
        phases = torch.from_numpy(generator.uniform(0, 2 * math.pi, 1 + self.dims))
        return torch.stack([torch.sin(2 * math.pi * (1 + c % 2) * x + phases[c]) for c in range(1 + self.dims)], 1)


class Maker:
    """Makes the problem; picklable."""

    def __init__(self, dims=1, seed=0, snapshots=11, burn_in=0.0, rate=None, resolution="resolved", **spoiled):
        self.dims, self.seed, self.snapshots, self.burn_in = dims, seed, snapshots, burn_in
        self.rate, self.resolution, self.spoiled = rate, resolution, spoiled

    def __call__(self):
        shape = [16] * self.dims
        return Problem(
            name="waves",
            simulator=DecayingWaves(**self.spoiled),
            geometry=Grid(shape, Boundary.periodic(self.dims)),
            extent=[Uniform(4.0, 5.0)] * self.dims,
            parameters={"rate": self.rate or Uniform(0.1, 0.2)},
            initial_condition=Waves(self.dims),
            times=Times(Constant(0.1), self.snapshots, self.burn_in),
            tolerances=Tolerances(window=0.5, refinement=1e-6, derivative=1e-4),
            seed=self.seed,
            resolution=self.resolution,
        )


make_problem = Maker()
