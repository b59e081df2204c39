"""Whether a network makes an output of the shape that it is trained against."""

import torch
from torch import Tensor

from tendency.errors import ConfigError
from tendency.simulation.geometry import Geometry
from tendency.surrogates.surrogate import Surrogate

SAMPLES = 2
"""Of the batch of zeros that it is called on: with one, a network that mixes samples up would not be noticed."""


def zeros_for(surrogate: Surrogate, geometry: Geometry, samples: int) -> tuple[Tensor, Tensor, object]:
    """Inputs of a network, zeros on the device of its weights: a state, conditions, and the points.

    Args:
        surrogate: on any device.
        geometry: that it is trained on.
        samples: of the batch.
    """
    like = next(surrogate.parameters(), torch.empty(0))
    real = like.new_zeros(0, dtype=surrogate.dtype)
    u = real.new_zeros(samples, surrogate.in_channels, *geometry.shape)
    c = real.new_zeros(samples, surrogate.num_conditions)
    extent = real.new_ones(samples, geometry.spatial_dims)
    return u, c, surrogate.points(geometry, extent, real.dtype)


def require_output(surrogate: Surrogate, geometry: Geometry) -> None:
    """Calls a network on zeros, in evaluation mode, and compares the shape of what it makes.

    Args:
        surrogate: on any device, the meta device too; it is left as it was.
        geometry: that it is trained on.

    Raises:
        ConfigError: the output has another shape, which its label would be spread over or fail to meet in training.
        Exception: whatever the network raises.
    """
    u, c, x = zeros_for(surrogate, geometry, SAMPLES)
    was_training = surrogate.training
    surrogate.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng([u.get_device()] if u.is_cuda else []):
            y: object = surrogate(u, c, x)
    finally:
        surrogate.train(was_training)
    expected = (SAMPLES, surrogate.out_channels, *geometry.shape)
    if not isinstance(y, Tensor) or tuple(y.shape) != expected:
        got = tuple(y.shape) if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise ConfigError(
            [
                f"model: expected an output of shape {expected} (samples, output channels, points of each axis) from "
                f"{type(surrogate).__name__} for {_given(u, c)}, got {got}"
            ]
        )


def require_call(surrogate: Surrogate, geometry: Geometry) -> None:
    """The same of a network that has numbers, and whatever it raises in a sentence.

    Raises:
        ConfigError: it cannot be called, or its output has another shape.
    """
    try:
        require_output(surrogate, geometry)
    except ConfigError:
        raise
    except Exception as error:
        u, c, _ = zeros_for(surrogate, geometry, SAMPLES)
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ConfigError(
            [
                f"model: expected a {type(surrogate).__name__} that takes {_given(u, c)}, got {reason}; "
                "HYDRA_FULL_ERROR=1 shows where"
            ]
        ) from error


def _given(u: Tensor, c: Tensor) -> str:
    return (
        f"u of shape {tuple(u.shape)} (samples, input channels, points of each axis) and c of shape {tuple(c.shape)} "
        "(samples, conditions)"
    )
