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
_SALT, _SHIFT = 7809847782465536322, 1442695040888963407
_WORD = 2**64 - 1
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685


def mix(key: Tensor, salt: int | Tensor) -> Tensor:
    """A new key from a key and a salt: different salts give independent streams.

    Args:
        key: (...) int64.
        salt: an integer or int64 tensor that broadcasts against the key.

    Returns:
        int64 tensor of the broadcast shape.
    """
    z = key * _GAMMA + (_signed(salt * _SALT + _SHIFT) if isinstance(salt, int) else salt * _SALT + _SHIFT)
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _FIRST
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _SECOND
    return z ^ ((z >> 31) & (2**33 - 1))


def mix_integers(key: int, salt: int) -> int:
    """The number that ``mix`` makes of two integers, in [-2^63, 2^63); without tensors, hence fifty times as fast."""
    z = (key * _GAMMA + salt * _SALT + _SHIFT) & _WORD
    z = (z ^ (z >> 30)) * _FIRST & _WORD
    z = (z ^ (z >> 27)) * _SECOND & _WORD
    return _signed(z ^ (z >> 31))


def _signed(word: int) -> int:
    """The int64 whose 64 bits are those of an integer."""
    word &= _WORD
    return word - 2**64 if word >= 2**63 else word


def uniform(key: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
    """U(0, 1) in float64 of shape (B, *shape), one stream for each of the B keys (B,) int64."""
    counter = torch.arange(math.prod(shape), device=key.device)
    bits = (mix(key[:, None], counter) >> 11) & (2**53 - 1)
    return (bits.double() + 0.5).div(2**53).reshape(len(key), *shape)


def normal(key: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
    """N(0, 1) in float64 of shape (B, *shape), one stream for each of the B keys (B,) int64 (Box-Muller)."""
    radius = (-2 * uniform(mix(key, 1), shape).log()).sqrt()
    return radius * (2 * math.pi * uniform(mix(key, 2), shape)).cos()
