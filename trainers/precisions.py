"""The precisions that a network can be trained in."""

from typing import Literal

import torch

Precision = Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
ROUNDED: dict[str, torch.dtype] = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""The number type that a mixed precision rounds the network's products to."""
