"""The verifier takes what the official client signs, and nothing else."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from gateway.simulator.phone.signature import SignedRequest, decode_key, refusal

# A request the Python client 1.6.0 signed with a key of 32 "k".
KEY = decode_key("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
BODY = (
    b'{"incomingCallContext": "CTX", "callbackUri": "https://gw.example/cb/1?k=s", "operationContext": "oc", '
    b'"mediaStreamingOptions": {"transportType": "websocket", "audioChannelType": "mixed", '
    b'"transportUrl": "wss://gw.example/media?t=abc", "contentType": "audio", "startMediaStreaming": true, '
    b'"enableBidirectional": true, "audioFormat": "pcm24KMono", "enableDtmfTones": true}}'
)
REQUEST = SignedRequest(
    "POST",
    "/calling/callConnections:answer?api-version=2026-03-12",
    {
        "Host": "127.0.0.1:18765",
        "x-ms-date": "Sun, 22 Nov 2026 14:59:13 GMT",
        "x-ms-content-sha256": "0bhHIGcn96TCgP1GtlKjW6Q8ycpN1gyjgKVe+B6oTAU=",
        "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        "&Signature=FV1ILgmPhNl2TFdMj9LVO+MYjQZ5XZfB8shweHy8BI4=",
    },
    BODY,
)
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def with_header(name: str, value: str) -> SignedRequest:
    return dataclasses.replace(REQUEST, headers={**REQUEST.headers, name: value})


def test_recorded_request_is_authentic() -> None:
    assert refusal(KEY, REQUEST, NOW) is None


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (with_header("Host", "127.0.0.1:18766"), "wrong signature"),
        (dataclasses.replace(REQUEST, method="PUT"), "wrong signature"),
        (dataclasses.replace(REQUEST, path_and_query="/calling/callConnections:reject"), "wrong signature"),
        (dataclasses.replace(REQUEST, body=BODY + b" "), "not the hash"),
        (with_header("x-ms-date", "yesterday"), "unreadable"),
        (with_header("Authorization", "Bearer abc"), "no HMAC"),
    ],
)
def test_changed_request_is_refused(request_: SignedRequest, says: str) -> None:
    reason = refusal(KEY, request_, NOW)
    assert reason is not None
    assert says in reason


def test_other_key_and_old_request_are_refused() -> None:
    assert "wrong signature" in (refusal(b"another", REQUEST, NOW) or "")
    assert "too far" in (refusal(KEY, REQUEST, NOW + timedelta(hours=1)) or "")


def test_key_must_be_base64() -> None:
    with pytest.raises(ValueError, match="base64"):
        decode_key("not base64!")
