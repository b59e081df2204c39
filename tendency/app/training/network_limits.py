"""Whether a network fits into memory, found out on torch's meta device: shapes without numbers."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from tendency.app.machine_limits import bounded, largest_numbers
from tendency.app.training.model_size import TRAINED_COPIES, bytes_for_backward
from tendency.app.training.network_output import require_output
from tendency.data.machine import available_memory
from tendency.errors import ConfigError
from tendency.evaluation.cost.call_cost import with_prefix
from tendency.simulation.geometry import Geometry
from tendency.surrogates.surrogate import Surrogate

MOST_MODULES = 20_000
"""Parts of a network; the deepest published here has a thousand. Each costs time to build, whatever its size."""


class TriedOnMeta(NamedTuple):
    """What could be found out without numbers; a foreign network may compute with some.

    Args:
        built: whether the network could be built.
        called: whether it could be called, so that the shape of its output is known to be right.
    """

    built: bool
    called: bool


@dataclass(frozen=True)
class NetworkLimits:
    """Refuses a network that cannot be held in memory, before it is built.

    Args:
        model: the node that describes it, plain data.
        geometry: that it is trained on.
        batch_size: samples on each device.
        memory: bytes that its device has free; None where that is not known.
    """

    model: Mapping[str, Any]
    geometry: Geometry
    batch_size: int
    memory: int | None

    def check(self, build: Callable[[], Surrogate]) -> TriedOnMeta:
        """Builds the network on the meta device.

        Args:
            build: makes it.

        Returns:
            Whether it could be built and called there.

        Raises:
            ConfigError: it has too many parts, or what training holds exceeds the memory; names its largest numbers.
                Or its output has another shape than its label.
        """
        try:
            with bounded("model", self.model, "building it"), _counted(self.model), torch.device("meta"):
                surrogate = build()
        except (ConfigError, ValueError):
            raise
        except Exception:
            return TriedOnMeta(built=False, called=False)
        held = TRAINED_COPIES * sum(p.numel() * p.element_size() for p in surrogate.parameters())
        self._require(held, "weights, gradients and moments", largest_numbers(self.model, "model"))
        try:
            with bounded("model", self.model, "calling it"):
                require_output(surrogate, self.geometry)
                sample = bytes_for_backward(surrogate, self.geometry)
        except ConfigError:
            raise
        except Exception:
            return TriedOnMeta(built=True, called=False)
        points = "x".join(map(str, self.geometry.shape))
        self._require(
            held + sample * self.batch_size,
            f"weights and activations of a batch of {self.batch_size} samples of {points} points (data.batch_size, "
            "pde.geometry.shape)",
            largest_numbers(self.model, "model"),
        )
        return TriedOnMeta(built=True, called=True)

    def _require(self, needed: int, what: str, numbers: str) -> None:
        if self.memory is not None and needed > self.memory:
            raise ConfigError(
                [
                    f"model: expected a network that trains in {with_prefix(self.memory)}B of memory, got "
                    f"{with_prefix(needed)}B of {what}; {numbers}"
                ]
            )


def device_memory(accelerator: str) -> int | None:
    """Free bytes of the device that a network is trained on.

    Args:
        accelerator: ``trainer.accelerator``.
    """
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return available_memory()


@contextlib.contextmanager
def _counted(model: Mapping[str, Any]) -> Iterator[None]:
    """Ends a construction that has become too large."""
    count = 0

    def part_added(_: nn.Module, __: str, ___: nn.Module | None) -> None:
        nonlocal count
        count += 1
        if count > MOST_MODULES:
            numbers = largest_numbers(model, "model")
            raise ConfigError([f"model: expected at most {MOST_MODULES} parts of a network, got more; {numbers}"])

    handle = register_module_module_registration_hook(part_added)
    try:
        yield
    finally:
        handle.remove()
