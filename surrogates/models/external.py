"""Any network from images to images, one that knows nothing of this project."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tendency.simulation.geometry import Geometry, Grid
from tendency.surrogates.interface import Interface
from tendency.surrogates.layers.coordinates import num_features, with_coordinates
from tendency.surrogates.surrogate import Surrogate

SIZES = ("spatial_dims", "in_channels", "out_channels")
"""What a network may be told of the data when it is built."""


class External(Surrogate):
    """A foreign network: (B, C, *N) in, (B, C_out, *N) out.

    Conditions come to it as further channels that are constant in space, after those of the state and of known
    fields; then coordinates, if asked. How it treats boundaries, resolutions and dimensions is its own affair.

    Args:
        interface: sizes of state, output and conditions, and the boundary, which coordinates follow.
        network: makes the network from its sizes; a node with ``_partial_: true``.
        sizes: for each size that it is built with (``in_channels``, which counts conditions and coordinates,
            ``out_channels``, ``spatial_dims``) the name that it has there, or None to say nothing.
        reads_coordinates: feed positions in, as sines and cosines on a periodic axis.

    Raises:
        ValueError: other sizes, or a network that cannot be built with these.
    """

    def __init__(
        self,
        interface: Interface,
        *,
        network: Callable[..., nn.Module],
        sizes: Mapping[str, str | None],
        reads_coordinates: bool = False,
    ) -> None:
        super().__init__(interface)
        self.reads_coordinates = reads_coordinates
        positions = num_features(interface.boundary) if reads_coordinates else 0
        self.given = interface.in_channels + interface.num_conditions + positions
        self.name = _name(network)
        if wrong := sorted(set(sizes) - set(SIZES)):
            raise ValueError(f"model.sizes: expected some of {', '.join(SIZES)}, got {wrong[0]}")
        known = dict(zip(SIZES, (interface.spatial_dims, self.given, interface.out_channels), strict=True))
        arguments = {name: known[size] for size, name in sizes.items() if name is not None}
        try:
            self.network = network(**arguments)
        except TypeError as error:
            raise ValueError(
                f"model.network: {self.name} cannot be built with {', '.join(f'{k}={v}' for k, v in arguments.items())}"
                f" ({error}); its arguments are {_arguments(network)}; model.sizes says what it calls them"
            ) from None
        if not isinstance(self.network, nn.Module):
            raise ValueError(f"model.network: expected {self.name} to make a torch.nn.Module, got {self.network!r}")
        self.register_state_dict_post_hook(_drop_remarks)

    def _get_name(self) -> str:
        """As torch prints a module."""
        return f"External({self.name})"

    def check(self, geometry: Geometry) -> None:
        """Refuses a network that does not give what is asked for: it is called once, on zeros.

        Raises:
            ValueError: with the shapes, or with what the network says.
        """
        if self.reads_coordinates and not isinstance(geometry, Grid):
            raise ValueError("model.reads_coordinates: expected a grid; message_passing works on point clouds")
        like = next(self.network.parameters(), torch.empty(0))
        zeros = torch.zeros(1, self.given, *geometry.shape, dtype=self.dtype, device=like.device)
        was_training = self.network.training
        # In evaluation mode, so that neither running statistics nor random numbers know of it.
        self.network.eval()
        try:
            with torch.no_grad():
                y = self.network(zeros)
        except Exception as error:
            # The network is anybody's: it may raise anything.
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            shape = tuple(zeros.shape)
            raise ValueError(f"model.network: {self.name} does not take a tensor of shape {shape} ({reason})") from None
        finally:
            self.network.train(was_training)
        self._require_output(y, zeros)

    def forward(self, u: Tensor, c: Tensor, x: Tensor) -> Tensor:
        """See ``Surrogate.forward``."""
        self.require_shapes(u, c)
        told = c.reshape(*c.shape, *[1] * (u.ndim - 2)).expand(*c.shape, *u.shape[2:])
        image = torch.cat([u, told], 1)
        if self.reads_coordinates:
            image = with_coordinates(image, x, self.boundary)
        return self._require_output(self.network(image), image)

    def _require_output(self, y: object, image: Tensor) -> Tensor:
        expected = (image.shape[0], self.out_channels, *image.shape[2:])
        if not isinstance(y, Tensor) or tuple(y.shape) != expected:
            got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(
                f"model.network: expected {self.name} to make {expected} of {tuple(image.shape)} (samples, channels, "
                f"points of each axis), got {got}"
            )
        return y


def _drop_remarks(_: nn.Module, state: dict[str, Any], prefix: str, __: Any) -> None:
    """Takes out what is neither a tensor nor the network's own: some leave how they were made beside their weights.

    A checkpoint with code in it could not be read as data, and one with another key would not fit.
    """
    own = f"{prefix}network."
    for key in [key for key, value in state.items() if not isinstance(value, Tensor) and not key.startswith(own)]:
        del state[key]


def _name(network: Callable[..., nn.Module]) -> str:
    """What the user calls it."""
    made = getattr(network, "func", network)
    return str(getattr(made, "__qualname__", made))


def _arguments(network: Callable[..., nn.Module]) -> str:
    try:
        return ", ".join(inspect.signature(getattr(network, "func", network)).parameters)
    except (TypeError, ValueError):
        return "not known"
