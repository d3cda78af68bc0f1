"""Base64 text of audio, decoded strictly: what passes here may be forwarded to the other leg as it stands."""

from __future__ import annotations

import binascii

import pybase64

from gateway.bounds import MAX_FRAME_BYTES
from gateway.errors import BadMessage


def decode_payload(text: bytes, sample_bytes: int, max_bytes: int = MAX_FRAME_BYTES) -> bytes:
    """Decode base64 that must be strict, not empty, bounded and made of whole samples.

    Text that passes holds nothing but base64 characters, so it cannot carry anything else into a message template.

    Raises:
        BadMessage: kind `base64`, `empty`, `oversize` or `odd_length`.
    """
    if len(text) > (max_bytes + 2) // 3 * 4:
        raise BadMessage("oversize")
    try:
        data = pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMessage("base64") from error
    if not data:
        raise BadMessage("empty")
    if len(data) % sample_bytes:
        raise BadMessage("odd_length")
    return data


def encode_payload(data: bytes) -> bytes:
    return pybase64.b64encode(data)
