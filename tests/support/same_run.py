"""All that a training leaves, in a form in which two of them can be compared bit for bit."""

import hashlib
from pathlib import Path
from typing import Any

import torch


def contents(folder: Path) -> dict[str, str]:
    """The digest of each checkpoint of a run, and of its log.

    Args:
        folder: of the run.
    """
    files = {path.name: torch.load(path, weights_only=True) for path in folder.glob("checkpoints/*.ckpt")}
    log = folder / "metrics.jsonl"
    files[log.name] = log.read_text(encoding="utf-8") if log.exists() else ""
    return {name: hashlib.sha256(plain(content)).hexdigest() for name, content in files.items()}


def plain(content: Any) -> bytes:
    """Plain data and tensors as bytes: equal where all numbers are, bit for bit.

    Args:
        content: of a checkpoint.
    """
    if isinstance(content, torch.Tensor):
        return f"{content.dtype}{tuple(content.shape)}".encode() + content.contiguous().numpy().tobytes()
    if isinstance(content, dict):
        return b"{" + b",".join(repr(key).encode() + plain(content[key]) for key in sorted(content, key=repr)) + b"}"
    if isinstance(content, list | tuple):
        return b"[" + b",".join(map(plain, content)) + b"]"
    return repr(content).encode()
