"""Operations and memory of one call of a network, the same on any machine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class CallCost:
    """The cost of one call of a network.

    Args:
        flops: floating-point operations of its products, convolutions, attention and Fourier transforms.
        saved_bytes: bytes that it keeps for the backward pass, without parameters.
    """

    flops: int
    saved_bytes: int


def cost_of_call(network: nn.Module, *inputs: Any) -> CallCost:
    """Makes one call in evaluation mode and counts it; gradients and random numbers stay as they were.

    A product of n terms counts 2 n, a complex Fourier transform of n points 5 n log₂ n and a real one half of it, as is
    usual; what is done at each point alone (activations, normalisations) counts nothing.

    Args:
        network: network in either mode, which it keeps.
        inputs: arguments of its forward.
    """
    # Not the address of the numbers: on the meta device there are none.
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        # A storage counts once, however many views of it are kept.
        storage = x.untyped_storage()
        if storage._cdata not in own:
            saved[storage._cdata] = storage.nbytes()
        return x

    was_training = network.training
    network.eval()
    try:
        with (
            torch.random.fork_rng([x.get_device() for x in inputs if isinstance(x, Tensor) and x.is_cuda][:1]),
            torch.enable_grad(),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x),
            FlopCounterMode(display=False, custom_mapping=UNLISTED_OPERATIONS) as counter,
        ):
            _ = network(*inputs)
    finally:
        network.train(was_training)
    return CallCost(counter.get_total_flops(), sum(saved.values()))


def with_prefix(number: float) -> str:
    """Three digits and a prefix, such as ``12.3 M``, to which the unit is added."""
    for prefix in ("", "k", "M", "G", "T"):
        if number < 999.5 or prefix == "T":
            return f"{number:.3g} {prefix}"
        number /= 1000
    raise AssertionError


def _real_transform(shape: Sequence[int], dim: Sequence[int], *_: Any, **__: Any) -> int:
    points = math.prod(shape[axis] for axis in dim)
    return round(2.5 * math.prod(shape) * math.log2(points))


def _inverse_real_transform(
    _: Sequence[int], dim: Sequence[int], *__: Any, out_shape: Sequence[int], **___: Any
) -> int:
    return _real_transform(out_shape, dim)


def _complex_transform(shape: Sequence[int], dim: Sequence[int], *_: Any, **__: Any) -> int:
    return 2 * _real_transform(shape, dim)


def _attention(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any) -> int:
    """Two products for each pair of points."""
    return 2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


UNLISTED_OPERATIONS = {
    torch.ops.aten._fft_r2c: _real_transform,
    torch.ops.aten._fft_c2r: _inverse_real_transform,
    torch.ops.aten._fft_c2c: _complex_transform,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
}
"""Operations that torch's counter does not count."""
