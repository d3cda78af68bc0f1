from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.payload import decode_payload, encode_payload
from gateway.bounds import MAX_DELTA_BYTES, MAX_FRAME_BYTES
from gateway.errors import BadMessage


def refusal(text: bytes, sample_bytes: int = 2, max_bytes: int = MAX_FRAME_BYTES) -> str:
    with pytest.raises(BadMessage) as refused:
        decode_payload(text, sample_bytes, max_bytes)
    return refused.value.kind


@given(st.binary(min_size=1, max_size=2000))
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    assert encode_payload(data) == base64.b64encode(data)
    assert decode_payload(encode_payload(data), 1) == data


@given(st.binary(max_size=100))
def test_what_passes_holds_nothing_but_base64(text: bytes) -> None:
    """So it may stand in a message without being escaped."""
    try:
        data = decode_payload(text, 2)
    except BadMessage:
        return
    assert len(data) % 2 == 0
    assert base64.b64decode(text, validate=True) == data
    assert not set(text) & set(b'"\\\r\n\0')


@pytest.mark.parametrize(
    "text",
    [
        b"A",
        b"AA",
        b"AAA",
        b"AAAA=",
        b"=AAA",
        b"AA==AA==",
        b"AA AA",
        b"AAA\n",
        b"AAAA\n",
        b"AA\0A",
        b"A-_A",
        b'AAA"',
        b"\xff",
    ],
)
def test_base64_is_strict(text: bytes) -> None:
    assert refusal(text) == "base64"


def test_nothing_and_half_a_sample_are_refused() -> None:
    assert refusal(b"") == "empty"
    assert refusal(encode_payload(b"abc")) == "odd_length"
    assert decode_payload(encode_payload(b"abc"), 1) == b"abc"


@pytest.mark.parametrize("limit", [MAX_FRAME_BYTES, MAX_DELTA_BYTES])
def test_size_is_bounded_before_anything_is_decoded(limit: int) -> None:
    assert len(decode_payload(encode_payload(bytes(limit)), 2, limit)) == limit
    assert refusal(encode_payload(bytes(limit + 4)), max_bytes=limit) == "oversize"
    assert refusal(b"!" * (2 * limit), max_bytes=limit) == "oversize"
