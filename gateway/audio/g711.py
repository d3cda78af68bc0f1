"""G.711 to and from 16-bit PCM (ITU-T G.711: one byte a sample, 8 kHz).

`audioop` does the work; from Python 3.13 on the package audioop-lts supplies the module of the same name. Decoding
is exact. Encoding is within one code of the nearest one, as audioop shortens the sample to the 14 (mu-law) or
13 bits (A-law) of the Recommendation by dropping bits instead of rounding.
"""

from __future__ import annotations

import numpy as np

from gateway.audio.native import audioop
from gateway.audio.pcm import Int16Array

_WIDTH = 2
"""Bytes of a linear sample, as audioop counts them."""


def decode_ulaw(payload: bytes) -> Int16Array:
    """One sample per byte, shape (len(payload),); a read-only view."""
    return np.frombuffer(audioop.ulaw2lin(payload, _WIDTH), np.int16)


def encode_ulaw(samples: Int16Array) -> bytes:
    """One byte per sample; samples beyond 32,124 become the largest code."""
    return audioop.lin2ulaw(samples.tobytes(), _WIDTH)


def decode_alaw(payload: bytes) -> Int16Array:
    """One sample per byte, shape (len(payload),); a read-only view."""
    return np.frombuffer(audioop.alaw2lin(payload, _WIDTH), np.int16)


def encode_alaw(samples: Int16Array) -> bytes:
    """One byte per sample; samples beyond 32,256 become the largest code."""
    return audioop.lin2alaw(samples.tobytes(), _WIDTH)
