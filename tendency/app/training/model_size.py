"""How large a network is, for the head of a run."""

from tendency.app.training.network_output import zeros_for
from tendency.evaluation.cost.call_cost import CallCost, cost_of_call, with_prefix
from tendency.simulation.geometry import Geometry
from tendency.surrogates.surrogate import Surrogate

TRAINED_COPIES = 4
"""A weight, its gradient, and the two moments of Adam."""


def size_of(surrogate: Surrogate, geometry: Geometry, batch_size: int) -> tuple[str, str]:
    """Parameters and operations, and memory, each a line's worth of text.

    Operations and activations are counted on a call with one sample.

    Args:
        surrogate: on any device.
        geometry: that it is trained on.
        batch_size: samples on each device.
    """
    parameters = list(surrogate.parameters())
    cost = _cost_of_sample(surrogate, geometry)
    count = sum(p.numel() for p in parameters)
    held = TRAINED_COPIES * sum(p.numel() * p.element_size() for p in parameters)
    size = f"{surrogate._get_name()}, {count:,} parameters, {with_prefix(cost.flops)}FLOP per call and sample"
    memory = (
        f"{with_prefix(held)}B of weights, gradients and moments, "
        f"{with_prefix(cost.saved_bytes * batch_size)}B of activations per call "
        f"on a batch of {batch_size} (that of one sample, times {batch_size})"
    )
    return size, memory


def bytes_for_backward(surrogate: Surrogate, geometry: Geometry) -> int:
    """Bytes of activations that a call with one sample keeps for its backward pass; also on the meta device."""
    return _cost_of_sample(surrogate, geometry).saved_bytes


def _cost_of_sample(surrogate: Surrogate, geometry: Geometry) -> CallCost:
    return cost_of_call(surrogate, *zeros_for(surrogate, geometry, samples=1))
