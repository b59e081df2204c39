"""Reads an offline wandb run back: LevelDB's log format with one protobuf record after another."""

import struct

from wandb.proto import wandb_internal_pb2

BLOCK, FILE_HEADER, RECORD_HEADER = 32768, 7, 7
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path):
    """The records of a ``run-*.wandb`` file in order."""
    content = path.read_bytes()
    position, parts, found = FILE_HEADER, b"", []
    while position + RECORD_HEADER <= len(content):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEADER:  # what is left of a block is too short for a header
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + RECORD_HEADER])
        if kind not in (WHOLE, FIRST, MIDDLE, LAST):
            break
        start = position + RECORD_HEADER
        parts += content[start : start + length]
        position = start + length
        if kind in (WHOLE, LAST):
            found.append(wandb_internal_pb2.Record.FromString(parts))
            parts = b""
    return found
