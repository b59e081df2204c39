"""Whether an optimizer takes the steps of a training, found out on two numbers before any data are made."""

from collections.abc import Callable, Iterator

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from tendency.errors import ConfigError


def try_optimizer(make: Callable[[Iterator[Parameter]], Optimizer]) -> None:
    """Takes one step as a training does: dense gradients, and no function that evaluates the loss again.

    Args:
        make: the optimizer of some parameters.

    Raises:
        ConfigError: it refuses its arguments or the step.
    """
    parameter = Parameter(torch.zeros(2, 2))
    parameter.grad = torch.ones_like(parameter)
    try:
        optimizer = make(iter([parameter]))
        optimizer.step()
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        sentence = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(
            [f"optimizer: expected one that takes a step from dense gradients alone, got a refusal: {sentence}"]
        ) from None
