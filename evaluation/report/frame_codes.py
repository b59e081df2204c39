"""Fields as whole numbers of few bits, deflated: what the page's player unpacks and draws."""

import base64
import zlib

import numpy as np


def quantise(values: np.ndarray, low: float, high: float, codes: np.dtype) -> np.ndarray:
    """Values as whole numbers: 0 is ``low``, the last but one code ``high``; the last code means "not finite".

    Args:
        values: values of any shape; those outside ``low`` ... ``high`` are clipped.
        low: smallest value that has a code of its own.
        high: largest value that has a code of its own.
        codes: an unsigned integer type.
    """
    top = np.iinfo(codes).max - 1
    finite = np.isfinite(values)
    share = (np.where(finite, values, low).astype(np.float64) - low) / (high - low)
    return np.where(finite, np.rint(np.clip(share, 0, 1) * top), top + 1).astype(codes)


def deflate_codes(codes: np.ndarray) -> str:
    """Codes (T, *N) as base64 of deflated differences along a frame: neighbours are alike, so these are small."""
    flat = codes.reshape(len(codes), -1)
    steps = np.diff(flat, axis=1, prepend=np.zeros((len(flat), 1), flat.dtype))
    return base64.b64encode(zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes(), 6)).decode()
