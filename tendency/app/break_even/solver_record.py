"""What a solver's settings took on a machine, remembered beside the dataset that they were timed on."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from tendency.data.machine import processor_name
from tendency.data.whole_file import write_whole
from tendency.evaluation.cost.break_even import CostPoint

FIGURES = 3
"""Of a record; raised when figures are measured otherwise, so that older records are measured again."""


def remembered(record: Path) -> tuple[list[CostPoint], list[CostPoint]] | None:
    """The points of a record, at a batch of one and at the best; None where there is none that can be read."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        alone, together = ([CostPoint(**point) for point in content[key]] for key in ("alone", "together"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return alone, together


def remember(record: Path, machine: str, alone: Sequence[CostPoint], together: Sequence[CostPoint]) -> None:
    """Writes a record; a dataset that may only be read is measured again next time."""
    content = {
        "machine": machine,
        "alone": [asdict(point) for point in alone],
        "together": [asdict(point) for point in together],
    }
    with contextlib.suppress(OSError):
        write_whole(record, json.dumps(content, indent=1))


def machine_name(device: torch.device) -> str:
    """The processor or the GPU, the threads and the version of torch: what seconds depend on."""
    if device.type == "cuda":
        hardware = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        hardware = f"{processor_name()}, {threads} thread{'' if threads == 1 else 's'}"
    return f"{hardware}, torch {torch.__version__}"
