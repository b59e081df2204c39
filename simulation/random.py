"""Counter-based random numbers: a draw is a pure function of its key, whatever the batch, the rank or the device.

References:
    Steele, Lea, Flood: Fast splittable pseudorandom number generators. OOPSLA 2014 (the splitmix64 finaliser),
    doi:10.1145/2660193.2660195.
"""

import math

import torch
from torch import Tensor

# The constants of splitmix64 as signed 64-bit integers; int64 products wrap around in torch, as the scheme asks.
_GAMMA = -7046029254386353131
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685


def mix(key: Tensor, salt: int | Tensor) -> Tensor:
    """A new key from a key and a salt: different salts give independent streams.

    Args:
        key: (...) int64.
        salt: an integer or int64 tensor that broadcasts against the key.

    Returns:
        int64 tensor of the broadcast shape.
    """
    z = key * _GAMMA + torch.as_tensor(salt, device=key.device) * 7809847782465536322 + 1442695040888963407
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _FIRST
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _SECOND
    return z ^ ((z >> 31) & (2**33 - 1))


def uniform(key: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
    """U(0, 1) in float64 of shape (B, *shape), one stream for each of the B keys (B,) int64."""
    counter = torch.arange(math.prod(shape), device=key.device)
    bits = (mix(key[:, None], counter) >> 11) & (2**53 - 1)
    return (bits.double() + 0.5).div(2**53).reshape(len(key), *shape)


def normal(key: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
    """N(0, 1) in float64 of shape (B, *shape), one stream for each of the B keys (B,) int64 (Box-Muller)."""
    radius = (-2 * uniform(mix(key, 1), shape).log()).sqrt()
    return radius * (2 * math.pi * uniform(mix(key, 2), shape)).cos()
