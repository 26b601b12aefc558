"""Arrays as bytes: what travels to the page.  ``front/packed.js`` reads what is written here.

Each array says how large it is, so no reader of it has to know:

=========  =====================================================================
1 byte     how its values lie, one of the kinds below
1 byte     the number of its axes
4 bytes    for each axis, its length
the rest   its values, the last axis first to move on; a last byte is filled up
=========  =====================================================================

====  =======  ==========================================================
kind  written  values
====  =======  ==========================================================
0     bits     0 or 1, eight to a byte, the first in the highest bit
1     pixels   in [0, 1], a byte each, 255 times the value
1     counts   whole numbers from 0 to 255, a byte each
2     changes  in [-1, 1], a signed byte each, 127 times the value
3     floats   float32
====  =======  ==========================================================

Numbers of several bytes have their lowest byte first.  Several arrays stand one after another.
"""

import math
import struct

import numpy as np
import torch
from torch import Tensor

__all__ = ["arrays", "bits", "changes", "counts", "floats", "pixels"]

BITS, BYTES, SIGNED, FLOATS = range(4)
TYPES = {BYTES: "u1", SIGNED: "i1", FLOATS: "<f4"}


def bits(spikes: Tensor) -> bytes:
    """Spikes 0/1 of any shape.  Raises ValueError for other values."""
    if not ((spikes == 0) | (spikes == 1)).all():
        raise ValueError("expected spikes that are 0 or 1, got other values")
    return _head(BITS, spikes) + np.packbits(_numpy(spikes).astype(bool)).tobytes()


def pixels(image: Tensor) -> bytes:
    """Pixels in [0, 1] of any shape.  Raises ValueError for values outside."""
    _check("an image", image, 0, 1)
    return _pack(BYTES, image, 255)


def counts(numbers: Tensor) -> bytes:
    """Whole numbers from 0 to 255, of any shape.  Raises ValueError for others."""
    _check("counts", numbers, 0, 255)
    return _pack(BYTES, numbers)


def changes(shares: Tensor) -> bytes:
    """Changes of any shape, as shares of the largest that is possible: in [-1, 1].  Raises
    ValueError for values outside."""
    _check("changes", shares, -1, 1)
    return _pack(SIGNED, shares, 127)


def floats(numbers: Tensor) -> bytes:
    """Numbers of any shape, rounded to float32."""
    return _head(FLOATS, numbers) + _numpy(numbers).astype(TYPES[FLOATS]).tobytes()


def arrays(packed: bytes) -> list[Tensor]:
    """What was packed, array by array: uint8 (bits as 0 and 1), int8 or float32.

    Raises ValueError where there are fewer bytes than an array says.
    """
    found, at = [], 0
    while at < len(packed):
        kind, axes = packed[at : at + 2]
        shape = struct.unpack_from(f"<{axes}I", packed, at + 2)
        at += 2 + 4 * axes
        count, values = math.prod(shape), np.dtype(TYPES.get(kind, "u1"))
        size = math.ceil(count / 8) if kind == BITS else count * values.itemsize
        if at + size > len(packed):
            raise ValueError(f"expected {size} bytes for {shape}, got {len(packed) - at}")
        stored = np.frombuffer(packed[at : at + size], values)
        flat = np.unpackbits(stored, count=count) if kind == BITS else stored.copy()
        found.append(torch.from_numpy(flat).view(shape))
        at += size
    return found


def _pack(kind: int, values: Tensor, times: int = 1) -> bytes:
    whole = (values * times).round()
    return _head(kind, values) + _numpy(whole).astype(TYPES[kind]).tobytes()


def _head(kind: int, values: Tensor) -> bytes:
    return struct.pack(f"<BB{values.ndim}I", kind, values.ndim, *values.shape)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()


def _check(what: str, values: Tensor, low: int, high: int) -> None:
    if not ((values >= low) & (values <= high)).all():
        raise ValueError(
            f"expected {what} in [{low}, {high}], got values from {values.min():.3g} to "
            f"{values.max():.3g}"
        )
