"""Arguments of a rollout from Python: refused by name where they are of another kind."""

from torch import Tensor


def require_tensor(value: object, name: str, least_axes: int, shape: str) -> None:
    """Refuses what is no tensor, or has fewer axes.

    Args:
        value: the argument.
        name: of the argument.
        least_axes: that it has.
        shape: in words.

    Raises:
        ValueError: with what was expected and what was given.
    """
    if not isinstance(value, Tensor) or value.ndim < least_axes:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:100]
        raise ValueError(f"{name}: expected a tensor of shape {shape}, got {got}")


def require_methods(value: object, name: str, kind: str, *methods: str) -> None:
    """Refuses an object that lacks what it is asked for.

    Raises:
        ValueError: with what was expected and what was given.
    """
    if not all(hasattr(value, method) for method in methods):
        raise ValueError(f"{name}: expected a {kind}, got {value!r:.100}")
