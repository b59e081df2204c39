"""Derivatives by autograd, for tests that share nothing with the solvers."""

import torch


class Calculus:
    """Functions of position at grid points, and their derivatives."""

    def __init__(self, points):
        self.x = [axis.detach().clone().requires_grad_() for axis in points]
        self.dims = len(self.x)

    def d(self, f, *axes):
        """f differentiated once along each of the axes."""
        for axis in axes:
            (f,) = torch.autograd.grad(f.sum(), self.x[axis], create_graph=True, materialize_grads=True)
        return f

    def laplace(self, f):
        return sum(self.d(f, axis, axis) for axis in range(self.dims))

    def divergence(self, v):
        return sum(self.d(component, axis) for axis, component in enumerate(v))

    def carried(self, v, f):
        return sum(component * self.d(f, axis) for axis, component in enumerate(v))
